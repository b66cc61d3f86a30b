"""Positions and velocities of noisy points at any time, smoothed.

Around each time a parabola is fitted to the observations near it, with weights that fall off with
the distance in time. Interpolation instead would leave less noise between the frames than at them,
and every estimate of an offset would be drawn to where there is less.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import maximum_filter1d

from triangulate.sync.resampling import last_until, usual_step_s

_LEAST = 4  # observations that a parabola is fitted to
_LEAST_SIDE = 2  # of them on either side of the time: nothing is extrapolated
_SPIKE_STEPS = 3.5  # how far the neighbours reach that tell where a point should be
_SPIKE, _SPIKE_ROUNDS = 8.0, 4  # in usual distances; a neighbour of one is judged a round later
_LEAST_PX = 0.05  # smaller distances are rounding


def smooth_at(
    points_px: np.ndarray, taken_s: np.ndarray, at_s: np.ndarray, width_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where points were, and how fast, at given times.

    Args:
        points_px: (T, V, N, 2), NaN where not seen.
        taken_s: (T, V) when each camera took its pictures, growing.
        at_s: (K,) common times.
        width_s: observations farther from a time than this have no part in it.

    Returns:
        (K, V, N, 2) pixels and (K, V, N, 2) pixels a second; NaN where too little is seen around.
    """
    at = np.repeat(at_s[:, None], taken_s.shape[1], axis=1)
    offsets, weights, taps_px = _taps(points_px, taken_s, at, width_s)
    fit, valid, _ = _parabola(offsets, weights, taps_px)
    after, before = (((weights > 0) & side).sum(axis=0) for side in (offsets > 0, offsets <= 0))
    valid &= (after >= _LEAST_SIDE) & (before >= _LEAST_SIDE)
    known = np.where(valid, 1.0, np.nan)[..., None]
    return fit[0] * known, fit[1] * known / width_s


def without_spikes(points_px: np.ndarray, taken_s: np.ndarray) -> np.ndarray:
    """The points, NaN where a lone one lies far from where its neighbours in time would have it.

    Of several suspects the worst goes first, as it may have misled the judgement of the others.

    Args:
        points_px: (T, V, N, 2), NaN where not seen.
        taken_s: (T, V) growing.
    """
    points = points_px.copy()
    width_s = _SPIKE_STEPS * usual_step_s(taken_s)
    for _ in range(_SPIKE_ROUNDS):
        offsets, weights, taps_px = _taps(points, taken_s, taken_s, width_s)
        others = np.where(offsets == 0, 0.0, weights)
        fit, valid, noise = _parabola(offsets, others, taps_px)
        away_px = np.linalg.norm(points - fit[0], axis=-1) / np.sqrt(1 + noise)
        away_px = np.where(valid, away_px, np.nan)
        usual_px = np.maximum(_median(away_px), _LEAST_PX)  # (V, N)
        away_px = np.nan_to_num(away_px, nan=-1.0)
        worst = maximum_filter1d(away_px, 2 * int(_SPIKE_STEPS) + 1, axis=0, mode="nearest")
        points[(away_px > _SPIKE * usual_px) & (away_px >= worst)] = np.nan
    return points


def _taps(
    points_px: np.ndarray, taken_s: np.ndarray, at_s: np.ndarray, width_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The observations around times (K, V): (A, K, V, 1), (A, K, V, N) and (A, K, V, N, 2).

    Distances in time (in widths), weights (0 where nothing is), and pixels.
    """
    num_frames, num_views = taken_s.shape
    reach = math.ceil(width_s / usual_step_s(taken_s)) + 1
    index = last_until(taken_s, at_s) + np.arange(1 - reach, reach + 1)[:, None, None]
    inside = (index >= 0) & (index < num_frames)
    index = index.clip(0, num_frames - 1)  # (A, K, V)
    views = np.arange(num_views)
    offsets = (taken_s[index, views] - at_s) / width_s
    near = np.where(inside, (1 - np.minimum(np.abs(offsets), 1) ** 3) ** 3, 0.0)
    taps_px = points_px[index, views]
    seen = np.isfinite(taps_px).all(-1)
    return offsets[..., None], near[..., None] * seen, np.where(seen[..., None], taps_px, 0.0)


def _parabola(
    offsets: np.ndarray, weights: np.ndarray, taps_px: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted least squares.

    Returns:
        Coefficients (3, K, V, N, 2), where they are determined, and the variance, both (K, V, N),
        of the first for observations of variance 1.
    """
    powers = np.stack([np.ones_like(offsets), offsets, np.square(offsets)])
    weighted = powers * weights  # (3, A, K, V, N)
    moments = np.einsum("iakvn,jakvn->kvnij", weighted, np.broadcast_to(powers, weighted.shape))
    valid = (weights > 0).sum(axis=0) >= _LEAST
    inverse = np.linalg.inv(np.where(valid[..., None, None], moments, np.eye(3)))
    right = np.einsum("iakvn,akvnc->kvnic", weighted, taps_px)
    say = np.einsum("kvni,iakvn->akvn", inverse[..., 0, :], weighted)
    return np.moveaxis(inverse @ right, -2, 0), valid, np.square(say).sum(axis=0)


def _median(values: np.ndarray) -> np.ndarray:
    """Over the first axis, without NaN; 0 where there is nothing."""
    ordered = np.sort(values, axis=0)  # NaN come last
    middle = np.maximum(np.isfinite(values).sum(axis=0) - 1, 0) // 2
    return np.nan_to_num(np.take_along_axis(ordered, middle[None], axis=0)[0])
