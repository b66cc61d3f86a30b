"""How far a calibration is right: the covariance of its parameters, and what it means in space.

The parameters' covariance comes from the curvature of the cost at its minimum. As the loss is
Tukey's, the inverse normal matrix is widened by what weighting costs (Huber & Ronchetti 2009, 7.6),
and the noise is estimated with the degrees of freedom that the parameters use up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.bundle import (
    TUKEY_WIDTH,
    Free,
    Prior,
    State,
    Target,
    Views,
    columns_of,
    least_squares,
    normal_equations,
    residuals,
    squared_sigmas,
    tukey,
)


@dataclass(frozen=True)
class Uncertainty:
    """What the views tell of the parameters.

    Attributes:
        covariance: (K, K) of the numbered parameters (`Free`).
        sigma_px: (V,) standard deviation of a pixel coordinate, degrees of freedom considered.
    """

    covariance: Tensor
    sigma_px: Tensor


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
        sigma_px: (V,) scale of the loss.
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
    return Uncertainty(
        _rescaled(state, target, robust, free, scale_px / share.sqrt(), prior),
        sigma_px / share.sqrt(),
    )


def _rescaled(
    state: State, target: Target, views: Views, free: Free, sigma_px: Tensor, prior: Prior
) -> Tensor:
    normal = normal_equations(state, target, views, free, sigma_px, prior, least_squares)
    return pseudo_inverse(normal.reduced()[0])


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
    """The inverse, scaled to a unit diagonal first; directions that nothing fixes get none."""
    if not matrix.numel():
        return matrix
    scale = matrix.diagonal().clamp_min(1e-300).rsqrt()
    values, vectors = torch.linalg.eigh(matrix * scale[:, None] * scale)
    safe = values > 1e-14 * values[-1]
    inverse = torch.where(safe, 1 / torch.where(safe, values, 1.0), 0.0)
    return (vectors * inverse) @ vectors.mT * scale[:, None] * scale
