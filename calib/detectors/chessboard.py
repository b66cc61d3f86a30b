"""Plain chessboards: OpenCV finds the corners, which are then put in order and measured."""

from __future__ import annotations

import cv2
import numpy as np

from calib.detectors.corners import measure_corners
from calib.detectors.sighting import Sighting, spread_of
from calib.targets import Chessboard

SEARCH_SIDES_PX = (1000, 2000)
"""Longer side of the picture in which a board is searched, tried in turn: large ones hide it."""

_SAME_SCALE = 1.3
_MIN_PASSED = 0.5  # of the corners; else it is no chessboard


def find_chessboard(grey: np.ndarray, target: Chessboard) -> Sighting | None:
    """The inner corners of a chessboard in a picture, None where it is not seen as a whole.

    The numbering follows the colours of the squares; where they leave a choice
    (`target.symmetries`), any may come.

    Args:
        grey: (H, W) uint8.
        target: the board.
    """
    grid_px = search_chessboard(grey, target.columns, target.rows)
    if grid_px is None:
        return None
    axes_px = grid_axes(grid_px).reshape(-1, 2, 2)
    points_px = grid_px.reshape(-1, 2)
    saddles, passed = measure_corners(grey, points_px, axes_px, None)
    is_dark = np.add.outer(np.arange(target.rows), np.arange(target.columns)).ravel() % 2 == 0
    agrees = (saddles.contrast < 0) == is_dark
    share = agrees[passed].mean() if passed.any() else 0.5
    passed &= agrees == (share > 0.5)  # the others have the wrong colours around them
    if passed.mean() < _MIN_PASSED:
        return None
    spread = np.where(passed, spread_of(saddles.gain, saddles.residual), np.nan)
    order = _turned(target) if share < 0.5 else np.arange(len(points_px))
    return Sighting.of(saddles.points_px[order], spread[order])


def search_chessboard(grey: np.ndarray, columns: int, rows: int) -> np.ndarray | None:
    """OpenCV's corners of a chessboard, (rows, columns, 2), as seen from the front, or None."""
    tried = None
    for side_px in SEARCH_SIDES_PX:
        scale = min(1.0, side_px / max(grey.shape))
        if tried is not None and scale < _SAME_SCALE * tried:
            break
        tried = scale
        small = (
            grey
            if scale == 1
            else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        corners = _search(small, (columns, rows))
        if corners is not None:
            # Centres of pixels are integers before and after.
            grid_px = (corners.reshape(rows, columns, 2) + 0.5) / scale - 0.5
            return grid_px if handedness(grid_px) > 0 else grid_px[:, ::-1]
    return None


def _search(grey: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """What OpenCV's detectors find, the cheap one first: each finds what others miss."""
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
    found, corners = cv2.findChessboardCorners(grey, size, flags=flags)
    for flags in (cv2.CALIB_CB_EXHAUSTIVE, 0):
        if not found:
            found, corners = cv2.findChessboardCornersSB(grey, size, flags=flags)
    return corners.astype(np.float64) if found else None


def handedness(grid_px: np.ndarray) -> float:
    """Positive where a grid (rows, columns, 2) is seen from the front."""
    return float(np.median(np.linalg.det(grid_axes(grid_px))))


def grid_axes(grid_px: np.ndarray) -> np.ndarray:
    """(rows, columns, 2, 2) steps to the next column and to the next row, one a row."""
    return np.stack([np.gradient(grid_px, axis=1), np.gradient(grid_px, axis=0)], axis=-2)


def _turned(target: Chessboard) -> np.ndarray:
    """The numbering after the turn that exchanges the squares' colours, if there is one."""
    numbers = np.arange(target.columns * target.rows).reshape(target.rows, target.columns)
    if (target.columns + target.rows) % 2:
        return np.rot90(numbers, 2).ravel()
    if target.columns == target.rows and target.rows % 2:
        return np.rot90(numbers).ravel()
    return numbers.ravel()
