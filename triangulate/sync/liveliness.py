"""Where in a recording something moves."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

_AROUND = 31  # frames that a frame's liveliness is the mean of: single jumps are no motion
_SHARE = 0.3  # of the usual motion of the liveliest frames, from which on a frame is lively
_LIVELIEST = 0.98


def liveliness_px(points_px: np.ndarray) -> np.ndarray:
    """How far points usually move from frame to frame, around each frame.

    Args:
        points_px: (T, V, N, 2), NaN where not seen.

    Returns:
        (T,) the median over all views and points, smoothed over about a second; 0 where nothing is
        seen.
    """
    if len(points_px) < 2:
        return np.zeros(len(points_px))
    steps_px = np.linalg.norm(np.diff(points_px, axis=0), axis=-1).reshape(len(points_px) - 1, -1)
    ordered = np.sort(steps_px, axis=1)  # NaN come last
    count = np.isfinite(steps_px).sum(axis=1)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]
    middle = np.concatenate([np.where(count > 0, middle, 0.0), [0.0]])
    return uniform_filter1d(middle, _AROUND, mode="nearest")


def lively_frames(points_px: np.ndarray) -> np.ndarray:
    """(T,) bool: frames around which about as much moves as in the liveliest ones."""
    moved_px = liveliness_px(points_px)
    return moved_px >= _SHARE * np.quantile(moved_px, _LIVELIEST)
