"""Offsets to a small part of a frame, with calibrated cameras.

What the cameras saw, smoothed and moved to common times by the offsets so far, is triangulated;
how the residuals change with the offsets is known from the image velocities, and Gauss-Newton does
the rest, with the points eliminated (Schur complement).

Two things would pull the offsets. A camera that is calibrated or labelled a little off has
residuals of one sign that look like a delay where the motion goes one way for long: so every point
has a bias in every view, which may change every two seconds, and is estimated along (eliminated
likewise). And errors last: the covariance is taken from the residuals as they are correlated in
time (Newey & West 1987), and as the points differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.threads import one_thread
from triangulate.sync.local_fit import smooth_at, without_spikes
from triangulate.sync.point_fit import LEAST_PX, PointFit, fit_points
from triangulate.sync.resampling import usual_step_s

_WIDTH_S, _LEAST_STEPS, _MOST_STEPS = 0.13, 4, 10  # of the smoothing, to either side
_MOST_FRAMES, _MOST_POINTS = 400, 8_000  # that are looked at
_BLOCK_S = 2.0  # a bias lasts so long
_BIAS_PER_NOISE = 3.0, 0.1, 30.0  # how large biases are to begin with, at least and at most
_LASTING_S = 0.5  # errors are taken to be independent beyond
_PRIOR_STRETCHES = 4.0  # of so long, that the expected covariance counts for
_STEPS, _SETTLED_S = 20, 1e-5
_SMOOTHING_S = 7e-5  # each camera's own part of what smoothing does differently to the views
_WORTH_S = 1.0  # prior: no motion tells of offsets beyond


@dataclass(frozen=True, eq=False)
class RefinedOffsets:
    """Offsets with what is known about them.

    Attributes:
        late_s: (V,) seconds, see `triangulate.sync`.
        covariance_s2: (V, V); zero for the reference.
        noise_px: scale of the residuals, biases taken out.
        agreement: (V,) share of each camera's observations that fit the others', see `PointFit`.
    """

    late_s: np.ndarray
    covariance_s2: np.ndarray
    noise_px: float
    agreement: np.ndarray

    @property
    def sigma_s(self) -> np.ndarray:
        """(V,) standard deviations."""
        return np.sqrt(np.diagonal(self.covariance_s2))


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
    points, own_s, at_s = _prepared(points_px, times_s, reference)
    num_views, num_points = points.shape[1:3]
    late = np.zeros(num_views) if late_s is None else np.array(late_s, dtype=np.float64)
    others = np.flatnonzero(np.arange(num_views) != reference)
    step_s = usual_step_s(own_s)
    width_s = max(_LEAST_STEPS * step_s, min(_WIDTH_S, _MOST_STEPS * step_s))
    block = _blocks(at_s)
    bias_px = torch.zeros(int(block[-1]) + 1, num_points, num_views, 2, dtype=torch.float64)
    noise_px, bias_per_noise = 0.0, _BIAS_PER_NOISE[0]
    for number in range(_STEPS):
        position, velocity, seen = _smoothed(points, own_s + late, at_s, width_s)
        # At first, what half a step of motion does to a view does not make it wrong.
        moved_px = 0.5 * step_s * _usual_speed(velocity[seen]) * 0.5**number
        scale_px = max(noise_px, moved_px, LEAST_PX)
        position = torch.where(seen[..., None], position - bias_px[block], 0.0)
        fit = fit_points(position, velocity, seen, camera, torch.from_numpy(others), scale_px)
        step = _solve(fit, block, bias_px, bias_per_noise * scale_px)
        noise_px, bias_px = fit.noise_px, bias_px + step.bias_px
        # How large biases are shows in those that the data determine (MacKay 1992).
        usual_px = math.sqrt(float(bias_px.square().sum()) / max(step.determined, 1e-6))
        bias_per_noise = min(max(usual_px / scale_px, _BIAS_PER_NOISE[1]), _BIAS_PER_NOISE[2])
        move = step.late_s.clamp(-step_s, step_s).numpy()
        late[others] += move
        if np.abs(move).max(initial=0.0) < _SETTLED_S and moved_px < noise_px:
            break
    covariance = np.zeros((num_views, num_views))
    normal = step.normal * fit.slope
    covariance[np.ix_(others, others)] = _covariance(normal, step.scores, at_s, width_s)
    return RefinedOffsets(late, covariance, fit.noise_px, fit.agreement.numpy())


def _prepared(
    points_px: np.ndarray, times_s: np.ndarray, reference: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (T, V, N, 2) without spikes, each view's times (T, V), and common ones to look at."""
    points, own_s = np.asarray(points_px, dtype=np.float64), np.asarray(times_s, dtype=np.float64)
    points = np.where(np.isfinite(points).all(-1, keepdims=True), points, np.nan)
    num_frames, num_views, num_points, _ = points.shape
    common_s = own_s if own_s.ndim == 1 else own_s[:, reference]
    own_s = own_s if own_s.ndim == 2 else np.repeat(own_s[:, None], num_views, axis=1)
    most = min(_MOST_FRAMES, max(1, _MOST_POINTS // max(1, num_points)))
    return without_spikes(points, own_s), own_s, common_s[:: math.ceil(num_frames / most)]


def _smoothed(
    points_px: np.ndarray, taken_s: np.ndarray, at_s: np.ndarray, width_s: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Positions and velocities (K, N, V, 2), finite, and where they are known (K, N, V)."""
    both = [
        torch.from_numpy(values).transpose(1, 2)
        for values in smooth_at(points_px, taken_s, at_s, width_s)
    ]
    seen = torch.isfinite(both[0]).all(-1)
    position, velocity = (torch.where(seen[..., None], values, 0.0) for values in both)
    return position, velocity, seen


def _usual_speed(velocity: Tensor) -> float:
    """Of (M, 2) velocities: that of the livelier half, in pixels a second."""
    speed = velocity.norm(dim=-1)
    return float(speed.sort().values[(3 * len(speed)) // 4]) if len(speed) else 0.0


def _blocks(at_s: np.ndarray) -> Tensor:
    """(K,) the number of the stretch of about two seconds that each time lies in."""
    duration_s = at_s[-1] - at_s[0] + usual_step_s(at_s)
    count = max(1, round(duration_s / _BLOCK_S))
    index = np.minimum((at_s - at_s[0]) / duration_s * count, count - 1).astype(np.int64)
    return torch.from_numpy(index)


@dataclass(frozen=True)
class _Step:
    """A Gauss-Newton step.

    Attributes:
        late_s: (L,) change of the offsets.
        bias_px: (B, N, V, 2) change of the biases.
        normal: (L, L) what is known of the offsets once the biases are eliminated.
        scores: (K, N, L) what each time and point says, of which the sum is solved for.
        determined: how many biases the data determine, rather than their prior.
    """

    late_s: Tensor
    bias_px: Tensor
    normal: Tensor
    scores: Tensor
    determined: float


def _solve(fit: PointFit, block: Tensor, bias_px: Tensor, usual_px: float) -> _Step:
    """One step for offsets and biases together.

    Args:
        fit: residuals, K times.
        block: (K,) which bias holds at each time.
        bias_px: (B, N, V, 2) the biases so far.
        usual_px: how large biases are a priori.
    """
    prior = usual_px**-2

    def by_block(values: Tensor) -> Tensor:
        """(K, N, ...) -> (B, N, ...)."""
        return values.new_zeros(len(bias_px), *values.shape[1:]).index_add(0, block, values)

    weighted = fit.by_late * fit.weight[..., None, None]  # (K, N, V, 2, L)
    right = fit.residual_px * fit.weight[..., None]
    own = by_block(fit.by_pixels).flatten(4, 5).flatten(2, 3)  # (B, N, 2V, 2V)
    own = own + prior * torch.eye(own.shape[-1], dtype=own.dtype)
    with_late = by_block(weighted).flatten(2, 3)  # (B, N, 2V, L)
    with_all = (by_block(right) - prior * bias_px).flatten(2, 3)[..., None]
    inverse = torch.linalg.inv(own)
    determined = float((1 - prior * inverse.diagonal(dim1=-2, dim2=-1)).sum())
    solved = inverse @ torch.cat([with_late, with_all], dim=-1)
    follow, alone = solved[..., :-1], solved[..., -1]  # biases by offsets, and at rest
    normal = torch.einsum("knvia,knvib->ab", weighted, fit.by_late)
    normal = normal - torch.einsum("bnpa,bnpc->ac", with_late, follow)
    normal = normal + torch.eye(len(normal), dtype=normal.dtype) / _WORTH_S**2
    scores = torch.einsum("knvia,knvi->kna", fit.by_late, right)
    followed = follow.unflatten(2, bias_px.shape[2:])[block]  # (K, N, V, 2, L)
    told = scores.sum((0, 1)) - torch.einsum("bnpa,bnp->a", with_late, alone)
    late_s = torch.linalg.solve(normal, told)
    change = (alone - follow @ late_s).unflatten(2, bias_px.shape[2:])
    scores = scores - torch.einsum("knvia,knvi->kna", followed, right)
    return _Step(late_s, change, normal, scores, determined)


def _covariance(normal: Tensor, scores: Tensor, at_s: np.ndarray, width_s: float) -> np.ndarray:
    """(L, L) from how the scores scatter; short recordings are held to what white noise would do.

    Args:
        normal: (L, L).
        scores: (K, N, L).
        at_s: (K,) seconds.
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
