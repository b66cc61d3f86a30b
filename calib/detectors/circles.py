"""Asymmetric grids of circles: OpenCV finds them, their middles are then measured."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from calib.detectors.chessboard import grid_axes, handedness
from calib.detectors.discs import Discs, fit_discs
from calib.detectors.sighting import Sighting, spread_of
from calib.targets import CircleGrid

_MAX_MISFIT, _MIN_STEP, _MAX_SHIFT = 0.25, 10.0, 0.3
_MIN_AREA_PX = 12.0
_LARGE_UNIT_PX = 40.0
_MAX_OFF_GRID = 0.2  # of the distance of neighbours


def find_circles(grey: np.ndarray, target: CircleGrid) -> Sighting | None:
    """The circles of a grid in a picture, None where it is not seen as a whole.

    Args:
        grey: (H, W) uint8, the circles dark.
        target: the grid.
    """
    centres_px = search_circles(grey, target.columns, target.rows)
    if centres_px is None:
        return None
    # The unit of the grid is its spacing: columns are two apart, rows one.
    axes_px = grid_axes(centres_px) / np.array([2.0, 1.0])[:, None]
    axes_px[:, :, 1] = _row_steps(centres_px)
    points_px, axes_px = centres_px.reshape(-1, 2), axes_px.reshape(-1, 2, 2)
    discs = _measured(grey, points_px, axes_px)
    limit_px = _MAX_SHIFT * np.linalg.norm(axes_px, axis=-1).min(-1)
    passed = (discs.step >= _MIN_STEP) & (discs.residual <= _MAX_MISFIT * discs.step)
    passed &= discs.shift_px <= np.maximum(limit_px, 1.0)
    spread = np.where(passed, spread_of(discs.gain, discs.residual), np.nan)
    units = target.points_m[:, :2] / target.spacing_m
    middles_px = discs.points_px + _off_middle(units, discs.points_px, axes_px, discs.area_px)
    return Sighting.of(middles_px, spread)


def _measured(grey: np.ndarray, points_px: np.ndarray, axes_px: np.ndarray) -> Discs:
    """Fit the circles, in a smaller picture where they are large: what is averaged is not lost."""
    unit_px = np.linalg.norm(axes_px, axis=-1).max()
    if unit_px <= _LARGE_UNIT_PX:
        return fit_discs(grey, points_px, axes_px)
    height, width = (round(side * _LARGE_UNIT_PX / unit_px) for side in grey.shape)
    scale = np.array([width / grey.shape[1], height / grey.shape[0]])
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    discs = fit_discs(small, (points_px + 0.5) * scale - 0.5, axes_px * scale)
    size = float(np.sqrt(scale.prod()))
    return replace(
        discs,
        points_px=(discs.points_px + 0.5) / scale - 0.5,
        area_px=discs.area_px / size**2,
        gain=discs.gain / size,
        shift_px=discs.shift_px / size,
    )


def search_circles(grey: np.ndarray, columns: int, rows: int) -> np.ndarray | None:
    """OpenCV's middles of a grid, (rows, columns, 2), as seen from the front, or None."""
    for flags in (
        cv2.CALIB_CB_ASYMMETRIC_GRID,
        cv2.CALIB_CB_ASYMMETRIC_GRID | cv2.CALIB_CB_CLUSTERING,
    ):
        found, centres = cv2.findCirclesGrid(
            grey, (columns, rows), flags=flags, blobDetector=_blobs(grey.shape)
        )
        if found:
            return _in_order(centres.reshape(rows, columns, 2).astype(np.float64))
    return None


def _in_order(grid_px: np.ndarray) -> np.ndarray | None:
    """The grid in the target's numbering and as seen from the front; None where it cannot be.

    OpenCV returns some grids with every two rows exchanged, or mirrored.
    """
    rows, columns, _ = grid_px.shape
    units = CircleGrid(columns, rows, 1.0).points_m[:, :2]
    swapped = np.arange(rows) ^ 1
    orders = [np.arange(rows)] + ([swapped] if rows % 2 == 0 else [])
    best, least = None, np.inf
    for order in orders:
        for turned in (grid_px[order], grid_px[order][::-1], grid_px[order][:, ::-1]):
            if handedness(turned) <= 0:
                continue
            homography, _ = cv2.findHomography(units, turned.reshape(-1, 2))
            if homography is None:
                continue
            off = turned.reshape(-1, 2) - cv2.perspectiveTransform(units[None], homography)[0]
            worst = np.abs(off).max() / np.linalg.norm(grid_axes(turned), axis=-1).mean()
            if worst < least:
                best, least = turned, worst
    return best if least < _MAX_OFF_GRID else None


def _blobs(shape: tuple[int, ...]) -> cv2.SimpleBlobDetector:
    parameters = cv2.SimpleBlobDetector.Params()
    parameters.minArea = _MIN_AREA_PX
    parameters.maxArea = shape[0] * shape[1] / 50
    parameters.minDistBetweenBlobs = 4
    return cv2.SimpleBlobDetector.create(parameters)


def _row_steps(grid_px: np.ndarray) -> np.ndarray:
    """(rows, columns, 2) step to the next row straight down; every other row is shifted aside."""
    two_rows = np.empty_like(grid_px)
    two_rows[1:-1] = grid_px[2:] - grid_px[:-2]
    two_rows[0], two_rows[-1] = two_rows[1], two_rows[-2]
    return two_rows / 2


def _off_middle(
    units: np.ndarray, points_px: np.ndarray, axes_px: np.ndarray, area_px: np.ndarray
) -> np.ndarray:
    """(K, 2) from the middle of each ellipse to the picture of the circle's middle.

    In perspective the two differ: a circle's middle is pictured farther off than its ellipse's.
    With x = (A u + b) / (g . u + 1) around a circle of radius r, the ellipse's middle is the
    picture of u = -r^2 g, to first order -r^2 J g away.
    """
    homography, _ = cv2.findHomography(units, points_px, cv2.RANSAC, 3.0)
    if homography is None:
        return np.zeros_like(points_px)
    tilt = homography[2, :2] / (units @ homography[2, :2] + homography[2, 2])[:, None]
    squared_radius = area_px / (np.pi * np.abs(np.linalg.det(axes_px)))
    return squared_radius[:, None] * np.einsum("ki,kij->kj", tilt, axes_px)
