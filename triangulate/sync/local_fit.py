"""Positions and velocities of noisy points at any time, smoothed.

Around each time a parabola is fitted to the observations near it (Cleveland 1979, LOWESS): weights
fall off with the time, and in later rounds with how far off an observation lies. Interpolation
instead would leave less noise between the frames than at them, and every estimate of an offset
would be drawn to where there is less.
"""

from __future__ import annotations

import math

import numpy as np

from triangulate.sync.resampling import last_until, usual_step_s

_ROUNDS = 3
_FAR_OFF = 6.0  # of the usual distances: an observation there has no say any more
_LEAST_PX = 0.05  # smaller distances are rounding
_LEAST_SIDE = 2  # observations on either side of the time: nothing is extrapolated


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
    offsets, weights, taps_px = _taps(points_px, taken_s, at_s, width_s)  # first axis: taps
    after = offsets > 0
    fit = np.zeros((3, *taps_px.shape[1:]))
    valid = np.zeros(weights.shape[1:], dtype=bool)
    say = weights
    for _ in range(_ROUNDS):
        fit, valid = _parabola(offsets, say, taps_px)
        powers = _powers(offsets)
        away = np.linalg.norm(taps_px - np.einsum("dakvn,dkvnc->akvnc", powers, fit), axis=-1)
        usual = _usual(np.where(weights > 0, away, np.nan))
        say = weights * np.clip(1 - np.square(away / (_FAR_OFF * usual)), 0, 1) ** 2
    counted = weights > 0
    valid &= ((counted & after).sum(0) >= _LEAST_SIDE) & ((counted & ~after).sum(0) >= _LEAST_SIDE)
    known = np.where(valid, 1.0, np.nan)[..., None]
    return fit[0] * known, fit[1] * known / width_s


def _taps(
    points_px: np.ndarray, taken_s: np.ndarray, at_s: np.ndarray, width_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The observations around each time: (A, K, V, 1), (A, K, V, N) and (A, K, V, N, 2).

    Distances in time (in widths), weights (0 where nothing is), and pixels.
    """
    num_frames, num_views = taken_s.shape
    reach = math.ceil(width_s / usual_step_s(taken_s)) + 1
    base = last_until(taken_s, np.repeat(at_s[:, None], num_views, axis=1))
    index = base + np.arange(1 - reach, reach + 1)[:, None, None]  # (A, K, V)
    inside = (index >= 0) & (index < num_frames)
    index = index.clip(0, num_frames - 1)
    views = np.arange(num_views)
    offsets = (taken_s[index, views] - at_s[:, None]) / width_s
    near = np.where(inside, (1 - np.minimum(np.abs(offsets), 1) ** 3) ** 3, 0.0)
    taps_px = points_px[index, views]
    seen = np.isfinite(taps_px).all(-1)
    weights = near[..., None] * seen
    return offsets[..., None], weights, np.where(seen[..., None], taps_px, 0.0)


def _powers(offsets: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(offsets), offsets, np.square(offsets)])


def _parabola(
    offsets: np.ndarray, weights: np.ndarray, taps_px: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares: coefficients (3, K, V, N, 2) and where they are determined."""
    powers = _powers(offsets)
    weighted = powers * weights  # (3, A, K, V, N)
    moments = np.einsum("iakvn,jakvn->kvnij", weighted, np.broadcast_to(powers, weighted.shape))
    right = np.einsum("iakvn,akvnc->kvnic", weighted, taps_px)
    scale = np.trace(moments, axis1=-2, axis2=-1)[..., None, None]
    valid = np.linalg.det(moments / np.maximum(scale, 1e-12)) > 1e-7
    solvable = np.where(valid[..., None, None], moments, np.eye(3))
    return np.moveaxis(np.linalg.solve(solvable, right), -2, 0), valid


def _usual(away_px: np.ndarray) -> np.ndarray:
    """The median distance of each view's point over all times, (V, N)."""
    flat = away_px.reshape(-1, *away_px.shape[2:])
    nothing = ~np.isfinite(flat).any(axis=0)
    usual = np.nanmedian(np.where(nothing, 0.0, flat), axis=0)
    return np.maximum(usual, _LEAST_PX)
