"""How far a calibration is right: the covariance of its parameters, and what it means in space.

The parameters' covariance comes from the curvature of the cost at its minimum. As the loss is
Tukey's, the inverse normal matrix is widened by what weighting costs (Huber & Ronchetti 2009, 7.6),
and the noise is estimated with the degrees of freedom that the parameters use up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.bundle import columns_of, normal_equations
from calib.losses import TUKEY_WIDTH, least_squares, tukey
from calib.projection import jacobians, residuals, squared_sigmas
from calib.unknowns import Free, Prior, State, Target, Views

_LEAST_POINTS = 6  # of a view whose motions as a whole are looked at


@dataclass(frozen=True)
class Uncertainty:
    """What the views tell of the parameters.

    Attributes:
        covariance: (K, K) of the numbered parameters (`Free`).
        coherence: by what the covariance is larger because the points of a view err together.
    """

    covariance: Tensor
    coherence: float


def uncertainty(
    state: State,
    target: Target,
    views: Views,
    free: Free,
    sigma_px: Tensor,
    prior: Prior,
) -> Uncertainty:
    """The covariance at the minimum.

    Args:
        state: the minimum of the cost with Tukey's loss.
        target: its points.
        views: what was observed.
        free: what was refined.
        sigma_px: (V,) noise, the scale of the loss.
        prior: on the intrinsics.
    """
    squared = squared_sigmas(*residuals(state, target, views), views, sigma_px)
    counted = (views.weights > 0) & (squared < TUKEY_WIDTH**2)
    robust = replace(views, weights=views.weights * torch.where(counted, tukey(squared)[1], 0.0))
    widening, counts = _widening(squared, counted, views.camera, len(sigma_px))
    scale_px = sigma_px * widening.sqrt()
    normal = normal_equations(state, target, robust, free, scale_px, prior, least_squares)
    reduced, inverse = normal.reduced()
    covariance = pseudo_inverse(reduced)
    used = _used_freedom(state, target, robust, free, scale_px, covariance, normal.cross, inverse)
    share = (2 * counts - used).clamp_min(1) / (2 * counts).clamp_min(1)
    # Where cameras share a misfit, one that fits better than most is not trusted for it.
    usual = ((widening / share) * counts).sum() / counts.sum().clamp_min(1)
    noise_px = torch.maximum(scale_px / share.sqrt(), sigma_px * usual.sqrt())
    coherence = _coherence(state, target, robust, free, noise_px)
    normal = normal_equations(state, target, robust, free, noise_px, prior, least_squares)
    return Uncertainty(coherence * pseudo_inverse(normal.reduced()[0]), coherence)


def _coherence(state: State, target: Target, views: Views, free: Free, sigma_px: Tensor) -> float:
    """By what the variance grows because the points of a view err together; 1 where they do not.

    Where clocks, lenses or the board are not as the model has them, whole views are shifted or
    turned, and a hundred points say no more than one. What is left in a view of the six motions of
    its target is compared with what independent noise leaves: of k views of one target, a part of
    1 - 1/k.
    """
    error_px = residuals(state, target, views)[0]
    root = (views.weights.sqrt() / sigma_px[views.camera, None])[..., None]
    rows = (jacobians(state, target, views, ["target"])["target"] * root[..., None]).flatten(1, 2)
    error = (error_px * root).flatten(1)[..., None]  # (M, 2N, 1)
    used = (views.weights > 0).sum(-1) >= _LEAST_POINTS
    sharing = torch.bincount(views.target[used], minlength=int(views.target.max()) + 1)
    share = torch.where(used, 1 - 1 / sharing[views.target].clamp_min(1), 0.0)
    usual = 6 * share * _power(error_px, views, sigma_px)[views.camera]
    scale = rows.square().sum(1).clamp_min(1e-300).rsqrt()  # (M, 6)
    unit = rows * scale[:, None]
    pull = unit.mT @ error
    lifted = unit.mT @ unit + 1e-9 * torch.eye(6, dtype=unit.dtype)
    left = (pull * torch.linalg.solve(lifted, pull)).sum((-2, -1))
    total = usual.sum()
    return max(1.0, float(left[share > 0].sum() / total)) if float(total) > 0 else 1.0


def _power(error_px: Tensor, views: Views, sigma_px: Tensor) -> Tensor:
    """The variance of weighted residuals, as a part of what their weights claim, (V,)."""
    claimed = (views.weights * sigma_px[views.camera, None].square()).sum(-1)
    found = (views.weights.square() * error_px.square().sum(-1) / 2).sum(-1)
    sums = torch.stack([found, claimed], dim=-1)
    by_camera = sums.new_zeros(len(sigma_px), 2).index_add_(0, views.camera, sums)
    return by_camera[:, 0] / by_camera[:, 1].clamp_min(1e-300)


def _widening(
    squared: Tensor, counted: Tensor, camera: Tensor, num_cameras: int
) -> tuple[Tensor, Tensor]:
    """By what Tukey's weights raise the variance, (V,), and how many points count, (V,).

    With psi = w r in the plane, E[psi^2] / E[psi']^2 against 1 / E[w] of the weighted matrix.
    """
    width2 = TUKEY_WIDTH**2
    rest = (1 - squared / width2).clamp_min(0)
    weight, slope = rest.square(), -2 * rest / width2
    terms = [torch.ones_like(squared), weight, weight.square() * squared / 2]
    terms.append(weight + squared * slope)
    sums = torch.stack([torch.where(counted, term, 0.0).sum(-1) for term in terms], dim=-1)
    by_camera = sums.new_zeros(num_cameras, 4).index_add_(0, camera, sums)
    count, mean_weight, power, curvature = by_camera.unbind(-1)
    safe = torch.where(count > 0, curvature, 1.0).clamp_min(1e-12)
    widening = torch.where(count > 0, mean_weight * power / safe.square(), 1.0)
    return widening.clamp_min(1e-12), count


def _used_freedom(
    state: State,
    target: Target,
    views: Views,
    free: Free,
    sigma_px: Tensor,
    covariance: Tensor,
    cross: Tensor,
    inverse: Tensor,
) -> Tensor:
    """How many degrees of freedom the parameters take from each camera's residuals, (V,).

    The trace of J C J^T over a camera's points, C the joint covariance of all parameters.
    """
    columns = columns_of(state, target, views, free)
    root = (views.weights.sqrt() / sigma_px[views.camera, None])[..., None, None]
    rows = (torch.cat([columns.kept, columns.eliminated], dim=-1) * root).flatten(1, 2)
    matrix, poses, numbers = rows.mT @ rows, columns.poses, columns.numbers
    size = len(covariance)
    padded = torch.nn.functional.pad(covariance, (0, 1, 0, 1))  # number -1 is the last, zero
    at = torch.where(numbers < 0, size, numbers)
    of_kept = padded[at[:, :, None], at[:, None, :]]
    gain = cross @ inverse  # (E, K, D)
    gain = torch.nn.functional.pad(gain, (0, 0, 0, 1))
    spread = padded @ gain  # (E, K + 1, D)
    of_poses = inverse + gain.mT @ spread
    own = -torch.gather(spread[poses], 1, at[..., None].expand(-1, -1, spread.shape[-1]))
    top = torch.cat([of_kept, own], dim=-1)
    bottom = torch.cat([own.mT, of_poses[poses]], dim=-1)
    joint = torch.cat([top, bottom], dim=-2)
    trace = (matrix * joint).sum((-2, -1))
    return trace.new_zeros(len(sigma_px)).index_add_(0, views.camera, trace)


def pseudo_inverse(matrix: Tensor) -> Tensor:
    """The inverse, scaled to a unit diagonal first; NaN where the matrix is not finite.

    A direction that nothing observes gets an enormous variance, not none.
    """
    if not matrix.numel() or not bool(torch.isfinite(matrix).all()):
        return torch.full_like(matrix, torch.nan)
    diagonal = matrix.diagonal()
    scale = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    values, vectors = torch.linalg.eigh(matrix * scale[:, None] * scale)
    least = 1e-14 * values[-1].clamp_min(1e-300)
    return (vectors / torch.maximum(values, least)) @ vectors.mT * scale[:, None] * scale
