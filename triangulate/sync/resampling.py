"""Points that move through the images, between the frames: velocities, and positions at any time.

Both are piecewise polynomials through the observations themselves; nothing is smoothed. That suits
points that are sharp against their motion from frame to frame, as the corners of a board are.
"""

from __future__ import annotations

import numpy as np

MAX_GAP_STEPS = 2.5
"""So many usual steps between two observations are bridged: one missing frame, but not two."""

_ON_TIME_STEPS = 1e-6  # an observation this near to a time is of that time


def velocities_px(
    points_px: np.ndarray, times_s: np.ndarray, max_gap_s: float | None = None
) -> np.ndarray:
    """Image velocities: the slope of the parabola through a point and its two neighbours in time.

    The neighbours are the nearest observations before and after, also over a short gap; where only
    one is near, the slope is that of the line to it.

    Args:
        points_px: (T, V, N, 2), NaN where not seen.
        times_s: (T,) growing, or (T, V) where cameras have clocks of their own; even or not.
        max_gap_s: an observation farther away is no neighbour; by default 2.5 usual steps.

    Returns:
        (T, V, N, 2) pixels a second, NaN where a point is not seen or has no neighbour.
    """
    points, times = _checked(points_px, times_s)
    max_gap_s = MAX_GAP_STEPS * usual_step_s(times) if max_gap_s is None else max_gap_s
    last, first = _seen_around(points)
    nobody = np.full_like(last[:1], -1)
    before_px, before_s = _take(points, times, np.concatenate([nobody, last[:-1]]))
    after_px, after_s = _take(points, times, np.concatenate([first[1:], nobody]))
    back_s, ahead_s = (
        (times[..., None] - before_s)[..., None],
        (after_s - times[..., None])[..., None],
    )
    back_weight = np.where(back_s <= max_gap_s, 1 / back_s, 0.0)  # False for NaN
    ahead_weight = np.where(ahead_s <= max_gap_s, 1 / ahead_s, 0.0)
    slopes = np.where(back_weight > 0, back_weight * (points - before_px) / back_s, 0.0)
    slopes += np.where(ahead_weight > 0, ahead_weight * (after_px - points) / ahead_s, 0.0)
    total = back_weight + ahead_weight
    return slopes / np.where(total > 0, total, np.nan)


def shift_points(
    points_px: np.ndarray,
    times_s: np.ndarray,
    late_s: np.ndarray,
    max_gap_s: float | None = None,
) -> np.ndarray:
    """Where every camera would have seen the points at common times.

    What camera v says of time t was seen at t + late_s[v] (see `triangulate.sync`). Between two
    observations a point follows the cubic with the positions and velocities of both (Hermite),
    which is exact for parabolas. An observation of just the time that is asked for stays as it is.

    Args:
        points_px: (T, V, N, 2), NaN where not seen.
        times_s: (T,) growing: the cameras' own times, and the common ones that are asked for.
        late_s: (V,) how late each camera is, or (T, V) where that varies from frame to frame.
        max_gap_s: a longer time between observations is not bridged; by default 2.5 usual steps.

    Returns:
        (T, V, N, 2), NaN where the observations around a time are missing or too far apart.
    """
    points, times = _checked(points_px, times_s)
    taken_s = times + np.asarray(late_s, dtype=np.float64)
    if not (np.diff(taken_s, axis=0) > 0).all():
        raise ValueError("times_s + late_s must grow from frame to frame")
    step_s = usual_step_s(times)
    max_gap_s = MAX_GAP_STEPS * step_s if max_gap_s is None else max_gap_s
    on_time_s = _ON_TIME_STEPS * step_s
    base = last_until(taken_s, times + on_time_s)[..., None]  # (T, V, 1), -1: none
    last, first = _seen_around(points)
    nobody = np.full_like(last[:1], -1)  # row -1, and the one after the last
    before = np.take_along_axis(np.concatenate([last, nobody]), base, axis=0)
    after = np.take_along_axis(np.concatenate([first, nobody]), base + 1, axis=0)
    velocities = velocities_px(points, taken_s, max_gap_s)
    before_px, before_s = _take(points, taken_s, before)
    after_px, after_s = _take(points, taken_s, after)
    before_speed, _ = _take(velocities, taken_s, before)
    after_speed, _ = _take(velocities, taken_s, after)
    gap_s = (after_s - before_s)[..., None]
    u = (times[..., None] - before_s)[..., None] / gap_s
    bridged = before_px * (1 + 2 * u) * (1 - u) ** 2 + after_px * u**2 * (3 - 2 * u)
    bridged += gap_s * u * (1 - u) * (before_speed * (1 - u) - after_speed * u)
    is_on_time = (np.abs(times[..., None] - before_s) <= on_time_s)[..., None]
    return np.where(is_on_time, before_px, np.where(gap_s <= max_gap_s, bridged, np.nan))


def usual_step_s(times_s: np.ndarray) -> float:
    """The median step of (T,) or (T, V) times; 1 where there is only one time."""
    return float(np.median(np.diff(times_s, axis=0))) if len(times_s) > 1 else 1.0


def last_until(sorted_s: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """The last of a camera's times that is not after the time asked for, -1 where there is none.

    Args:
        sorted_s: (T, V), each column growing.
        at_s: (K, V).

    Returns:
        (K, V) indices from -1 to T - 1.
    """
    num_times, num_views = sorted_s.shape
    low = min(sorted_s.min(initial=0.0), at_s.min(initial=0.0))
    span = max(sorted_s.max(initial=0.0), at_s.max(initial=0.0)) - low + 1
    apart = (np.arange(num_views) * span - low)[:, None]  # one view's times after the other's
    flat = np.searchsorted((sorted_s.T + apart).ravel(), at_s.T + apart, side="right")
    return (flat - np.arange(num_views)[:, None] * num_times - 1).T


def _checked(points_px: np.ndarray, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, V, N, 2) in which half a point is none, and (T, V) times."""
    points, times = np.asarray(points_px, dtype=np.float64), np.asarray(times_s, dtype=np.float64)
    if points.ndim != 4 or points.shape[-1] != 2:
        raise ValueError(f"points_px must have shape (T, V, N, 2), got {points.shape}")
    if times.shape not in (points.shape[:1], points.shape[:2]):
        raise ValueError(
            f"times_s must have shape {points.shape[:1]} or {points.shape[:2]}, got {times.shape}"
        )
    if not (np.diff(times, axis=0) > 0).all():
        raise ValueError("times_s must grow from frame to frame")
    seen = np.isfinite(points).all(-1, keepdims=True)
    times = times if times.ndim == 2 else np.repeat(times[:, None], points.shape[1], axis=1)
    return np.where(seen, points, np.nan), times


def _seen_around(points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, V, N) the last frame until now and the first from now on that saw the point, or -1."""
    seen = np.isfinite(points_px[..., 0])
    frames = np.arange(len(seen))[:, None, None]
    last = np.maximum.accumulate(np.where(seen, frames, -1), axis=0)
    backwards = np.minimum.accumulate(np.where(seen, frames, len(seen))[::-1], axis=0)
    return last, np.where(backwards < len(seen), backwards, -1)[::-1]


def _take(
    points_px: np.ndarray, times_s: np.ndarray, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, V, N, 2) and times (T, V, N) of frames (T, V, N); NaN for frame -1."""
    points = np.concatenate([points_px, np.full_like(points_px[:1], np.nan)])
    times = np.concatenate([times_s, np.full_like(times_s[:1], np.nan)])
    return (
        np.take_along_axis(points, frames[..., None], axis=0),
        np.take_along_axis(times[..., None], frames, axis=0),
    )
