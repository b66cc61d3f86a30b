"""Offsets to a small part of a frame, with calibrated cameras.

What the cameras saw, smoothed and moved to common times by the offsets so far, is triangulated;
how the residuals change with the offsets is known from the image velocities, and Gauss-Newton does
the rest. The points are eliminated from it (Schur complement).

Two things would pull the offsets: a camera that is calibrated or labelled a little off has
residuals of one sign that look like a delay where the motion goes one way for long, so the mean of
every point's residuals over two seconds says nothing here. And errors last: the covariance is taken
from the residuals as they are correlated in time (Newey & West 1987), and as the points differ,
each of which may be found a little elsewhere in every view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.robust import belonging, pair_disagreement, triangulate_robust
from triangulate.geometry.threads import one_thread
from triangulate.sync.local_fit import smooth_at
from triangulate.sync.resampling import usual_step_s

_WIDTH_S, _LEAST_STEPS, _MOST_STEPS = 0.13, 4, 10  # of the smoothing, to either side
_MOST_FRAMES, _MOST_POINTS = 400, 8_000  # that are looked at
_BLOCK_S = 2.0  # the mean residual of so long says nothing
_LASTING_S = 0.5  # errors are taken to be independent beyond
_PRIOR_STRETCHES = 4.0  # of so long, that the expected covariance counts for
_STEPS, _SETTLED_S = 20, 1e-5
_SMOOTHING_S = 7e-5  # each camera's own part of what smoothing does differently to the views
_WORTH_S = 1.0  # prior: no motion tells of offsets beyond
_FREEDOM, _OUTLIERS = 30.0, 0.05  # of the errors, see `triangulate.geometry.robust`
_WIDER = 1.5  # cameras and points differ in noise: one scale for all must not be a narrow one
_LEAST_PX = 0.05


@dataclass(frozen=True, eq=False)
class RefinedOffsets:
    """Offsets with what is known about them.

    Attributes:
        late_s: (V,) seconds, see `triangulate.sync`.
        covariance_s2: (V, V); zero for the reference.
        noise_px: scale of the residuals, once a point's mean is taken out.
        agreement: (V,) share of each camera's observations that fit the others', of points that
            three cameras or more saw; NaN without any.
    """

    late_s: np.ndarray
    covariance_s2: np.ndarray
    noise_px: float
    agreement: np.ndarray

    @property
    def sigma_s(self) -> np.ndarray:
        """(V,) standard deviations."""
        return np.sqrt(np.diagonal(self.covariance_s2))


@dataclass(frozen=True)
class _Fit:
    """Residuals at common times after the points are fitted.

    Attributes:
        residual_px: (V, K, N, 2) observed - predicted.
        by_late: (V, K, N, 2, L) how they fall with the offsets of the L other cameras.
        weight: (V, K, N) 1 / px^2.
        slope: what remains of the weights' sum where a robust weight falls with its residual.
        noise_px: see `RefinedOffsets`.
        agreement: (V,) likewise.
    """

    residual_px: Tensor
    by_late: Tensor
    weight: Tensor
    slope: float
    noise_px: float
    agreement: Tensor


@one_thread()
def refine_offsets(
    points_px: np.ndarray,
    times_s: np.ndarray,
    camera: Camera,
    late_s: np.ndarray | None = None,
    reference: int = 0,
) -> RefinedOffsets:
    """Refine offsets that are known to a frame or two.

    Args:
        points_px: (T, V, N, 2) distorted pixels of points that move, NaN where not seen.
        times_s: (T,) growing, or (T, V): what each camera calls the time of its pictures.
        camera: with leading dim V.
        late_s: (V,) to start from, 0 for the reference; by default 0 for all.
        reference: the view whose clock is meant.
    """
    points = np.asarray(points_px, dtype=np.float64)
    points = np.where(np.isfinite(points).all(-1, keepdims=True), points, np.nan)
    num_frames, num_views, num_points, _ = points.shape
    own_s = np.asarray(times_s, dtype=np.float64)
    common_s = own_s if own_s.ndim == 1 else own_s[:, reference]
    own_s = own_s if own_s.ndim == 2 else np.repeat(own_s[:, None], num_views, axis=1)
    late = np.zeros(num_views) if late_s is None else np.array(late_s, dtype=np.float64)
    others = np.flatnonzero(np.arange(num_views) != reference)
    step_s = usual_step_s(common_s)
    width_s = max(_LEAST_STEPS * step_s, min(_WIDTH_S, _MOST_STEPS * step_s))
    most = min(_MOST_FRAMES, max(1, _MOST_POINTS // max(1, num_points)))
    at_s = common_s[:: math.ceil(num_frames / most)]
    blocks = _blocks(at_s)
    bias_px: Tensor | float = 0.0
    noise_px = 0.0
    for _ in range(_STEPS):
        position, velocity = smooth_at(points, own_s + late, at_s, width_s)
        fit = _fit(position, velocity, camera, torch.from_numpy(others), bias_px, noise_px)
        residual, mean = _without_means(fit.residual_px, fit.weight, blocks)
        by_late, _ = _without_means(fit.by_late, fit.weight, blocks)
        noise_px, bias_px = fit.noise_px, bias_px + mean
        normal, scores = _normal_equations(residual, by_late, fit.weight)
        move = torch.linalg.solve(normal, scores.sum((0, 1))).clamp(-step_s, step_s).numpy()
        late[others] += move
        if np.abs(move).max(initial=0.0) < _SETTLED_S:
            break
    covariance = np.zeros((num_views, num_views))
    covariance[np.ix_(others, others)] = _covariance(normal * fit.slope, scores, at_s, width_s)
    return RefinedOffsets(late, covariance, noise_px, fit.agreement.numpy())


def _fit(
    position: np.ndarray,
    velocity: np.ndarray,
    camera: Camera,
    others: Tensor,
    bias_px: Tensor | float,
    noise_px: float,
) -> _Fit:
    """Triangulate positions (K, V, N, 2) that move with velocities (K, V, N, 2).

    Args:
        position: pixels, NaN where not known.
        velocity: pixels a second.
        camera: with leading dim V.
        others: (L,) the views whose offsets are free.
        bias_px: (V, K, N, 2) or 0, what is known to be systematic.
        noise_px: scale of the errors; 0 where it is not known yet.
    """
    seen = torch.from_numpy(np.isfinite(position).all(-1)).movedim(1, 0)  # (V, K, N)
    moving = torch.from_numpy(np.nan_to_num(velocity)).movedim(1, 0).flatten(1, 2)
    pixels = torch.from_numpy(np.nan_to_num(position)).movedim(1, 0)
    pixels = torch.where(seen[..., None], pixels - bias_px, 0.0).flatten(1, 2)  # (V, M, 2)
    observed = seen.flatten(1)
    scale = torch.full_like(pixels[..., 0], noise_px or _first_noise_px(pixels, camera, observed))
    share = torch.full_like(scale, _OUTLIERS)
    refined, shows = triangulate_robust(pixels, camera, scale, share, observed, _FREEDOM)
    projected, jacobian, in_front = camera.project_with_jacobian(refined.points_world)
    used = observed & in_front & refined.valid
    weight = torch.where(used, refined.precision, 0.0)
    variance = torch.where(refined.valid[:, None, None], refined.covariance_m2, 0.0)
    pull = variance @ jacobian.mT * weight[..., None, None]  # (V, M, 3, 2): pixels move the point
    residual = pixels - projected
    shift = torch.einsum("vmki,vmi->mk", pull, residual)
    residual = residual - torch.einsum("vmik,mk->vmi", jacobian, shift)
    follow = torch.einsum("vmki,vmi->mvk", pull, moving)[:, others]
    by_late = -torch.einsum("vmik,mlk->vmil", jacobian, follow)
    by_late[others, :, :, torch.arange(len(others))] += moving[others]
    fair = used & (shows > 0.5)
    several = observed & (observed.sum(0) > 2)
    now_px = _LEAST_PX
    if bool(fair.any()):
        now_px = _WIDER * math.sqrt(float(refined.squared_px[fair].median()) / (2 * math.log(2)))
    return _Fit(
        residual.unflatten(1, seen.shape[1:]),
        by_late.unflatten(1, seen.shape[1:]),
        weight.unflatten(1, seen.shape[1:]),
        _slope(refined.squared_px[weight > 0] / scale[weight > 0].square()),
        max(now_px, _LEAST_PX),
        (fair & several).sum(1) / several.sum(1),
    )


def _first_noise_px(pixels: Tensor, camera: Camera, observed: Tensor) -> float:
    """A scale to begin with: twice the median that the best pair of views leaves to the others."""
    squared, num_views = pair_disagreement(pixels, camera, observed)
    known = torch.isfinite(squared) & (num_views >= min(3, len(pixels)))
    if not bool(known.any()):
        return _LEAST_PX
    return max(_LEAST_PX, math.sqrt(float(squared[known].median()) / math.log(2)))


def _slope(squared_sigmas: Tensor) -> float:
    """How much less than its weights the robust normal matrix holds.

    An influence w(s) r with s = r^2 grows with r by w + s w'(s), on the mean over two directions.
    """
    odds = torch.tensor(_OUTLIERS / (1 - _OUTLIERS), dtype=squared_sigmas.dtype)

    def weigh(squared: Tensor) -> Tensor:
        flanks = (_FREEDOM + 2) / (_FREEDOM + squared)
        return belonging(squared, odds, _FREEDOM) * flanks

    weight = weigh(squared_sigmas)
    by_square = (weigh(1.01 * squared_sigmas) - weight) / 0.01
    if not float(weight.sum()) > 0:
        return 1.0
    return max(0.1, float((weight + by_square).sum() / weight.sum()))


def _blocks(at_s: np.ndarray) -> Tensor:
    """(K, B) one-hot: which stretch of about two seconds each time lies in."""
    duration_s = at_s[-1] - at_s[0] + usual_step_s(at_s)
    count = max(1, round(duration_s / _BLOCK_S))
    index = np.minimum((at_s - at_s[0]) / duration_s * count, count - 1).astype(np.int64)
    return torch.nn.functional.one_hot(torch.from_numpy(index), count).double()


def _without_means(values: Tensor, weight: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Values (V, K, N, ...) less the weighted means of each view's point in each block, and these.

    Args:
        values: (V, K, N, ...).
        weight: (V, K, N).
        blocks: (K, B).
    """
    total = torch.einsum("kb,vkn->vbn", blocks, weight).clamp_min(1e-12)
    sums = torch.einsum("kb,vkn,vkn...->vbn...", blocks, weight, values)
    means = sums / total[(...,) + (None,) * (values.ndim - 3)]
    by_time = torch.einsum("kb,vbn...->vkn...", blocks, means)
    return values - by_time, by_time


def _normal_equations(residual: Tensor, by_late: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The normal matrix (L, L), and the parts of the right-hand side (K, N, L)."""
    weighted = by_late * weight[..., None, None]
    normal = torch.einsum("vknia,vknib->ab", weighted, by_late)
    normal = normal + torch.eye(len(normal), dtype=normal.dtype) / _WORTH_S**2
    return normal, torch.einsum("vknia,vkni->kna", weighted, residual)


def _covariance(normal: Tensor, scores: Tensor, at_s: np.ndarray, width_s: float) -> np.ndarray:
    """(L, L) from how the scores scatter; short recordings are held to what white noise would do.

    Args:
        normal: (L, L).
        scores: (K, N, L).
        at_s: (K,).
        width_s: of the smoothing, over which white noise is alike.
    """
    step_s = usual_step_s(at_s)
    duration_s = len(at_s) * step_s
    lasting = max(1, min(round(_LASTING_S / step_s), len(at_s) // 3))
    inverse, parts = torch.linalg.inv(normal).numpy(), scores.sum(1).numpy()
    scatter = parts.T @ parts
    for lag in range(1, min(lasting, len(at_s) - 1) + 1):
        together = parts[lag:].T @ parts[:-lag]
        scatter += (1 - lag / (lasting + 1)) * (together + together.T)
    # In each block the mean is taken out of a few independent stretches, which scatter less for it.
    stretches = min(duration_s, _BLOCK_S) / _LASTING_S
    scatter *= stretches / max(0.5 * stretches, stretches - 1)
    seen = inverse @ scatter @ inverse
    white = inverse * max(1.0, width_s / step_s)
    known = duration_s / _LASTING_S
    mixed = (known * seen + _PRIOR_STRETCHES * white) / (known + _PRIOR_STRETCHES)
    mixed *= 1 + 2 / known  # with few stretches, what lasts longer than they do does not show
    points = (scores.sum(0) - scores.sum((0, 1)) / scores.shape[1]).numpy()  # (N, L)
    lasting_errors = inverse @ points.T @ points @ inverse
    return mixed + lasting_errors + _SMOOTHING_S**2 * (1 + np.eye(len(inverse)))
