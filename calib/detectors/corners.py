"""Corners of fields in a picture: measured, and told from what is none."""

from __future__ import annotations

import numpy as np

from calib.detectors.saddles import Saddles, fit_saddles

# What passes as a corner. Sharpening and compression leave up to 0.3 of the contrast.
MAX_MISFIT = 0.4
_MAX_SHIFT, _MAX_TURN_RAD = 0.3, 0.15  # of a field; of an edge
_MIN_CONTRAST = 5.0
_MAX_BLUR = 0.35  # of a field
_MAX_GAIN_PX = 0.2  # for noise of one grey level
_NARROW_PX = 5.0


def field_height_px(axes_px: np.ndarray) -> np.ndarray:
    """(K,) how far apart the nearer two of a field's sides are."""
    longer = np.linalg.norm(axes_px, axis=-1).max(-1)
    return np.abs(np.linalg.det(axes_px)) / longer.clip(1e-9)


def measure_corners(
    grey: np.ndarray,
    points_px: np.ndarray,
    axes_px: np.ndarray,
    is_dark: np.ndarray | None,
    clear: float = np.inf,
) -> tuple[Saddles, np.ndarray]:
    """Fit corners, a second time more narrowly where something lies close by (a reflection).

    Returns:
        The K fits, and (K,) whether each is a corner.
    """
    saddles = fit_saddles(grey, points_px, axes_px, clear)
    passed = is_corner(saddles, axes_px, is_dark, grey.shape)
    again = np.flatnonzero(~passed)
    if len(again):
        narrow = fit_saddles(grey, points_px[again], axes_px[again], clear, _NARROW_PX)
        saddles = saddles.replaced(again, narrow)
        passed = is_corner(saddles, axes_px, is_dark, grey.shape)
    return saddles, passed


def is_corner(
    saddles: Saddles, axes_px: np.ndarray, is_dark: np.ndarray | None, shape: tuple[int, ...]
) -> np.ndarray:
    """(K,) whether a fit is that of a corner, with its fields dark and bright as they should be.

    Args:
        saddles: the K fits.
        axes_px: (K, 2, 2) what was expected.
        is_dark: (K,) whether the field between the axes should be dark; None: either will do.
        shape: of the picture.
    """
    height = field_height_px(axes_px)
    last = np.array(shape[1::-1]) - 1
    passed = (saddles.misfit <= MAX_MISFIT) & (np.abs(saddles.contrast) >= _MIN_CONTRAST)
    passed &= (saddles.shift_px <= np.maximum(_MAX_SHIFT * height, 1.5)) & (
        saddles.turn_rad <= _MAX_TURN_RAD
    )
    passed &= (saddles.blur_px.max(-1) <= np.maximum(_MAX_BLUR * height, 1.5)) & (
        saddles.gain <= _MAX_GAIN_PX
    )
    passed &= ((saddles.points_px >= 0) & (saddles.points_px <= last)).all(-1)
    if is_dark is not None:
        passed &= (saddles.contrast < 0) == is_dark
    return passed
