"""Boards with markers: the markers say which corner is which, the corners are then measured.

Corners are looked for where the markers around them put them, then where the corners found so far
put the next ones: a corner needs no whole marker beside it.
"""

from __future__ import annotations

import cv2
import numpy as np

from calib.detectors.layouts import MarkerLayout, marker_dictionary
from calib.detectors.local_maps import predict_points, strays
from calib.detectors.saddles import Saddles, fit_saddles
from calib.detectors.sighting import Sighting, spread_of

MIN_POINTS = 4
_ROUNDS = 6
_NEAR = 1.5  # pitches: how far a corner may lie from what is known, and how far that reaches
_MARKER_WEIGHT = 0.01  # a marker's corners err by ten times as much as a measured one
_MARKER_INLIER = 0.3  # of a marker's side

# What passes as a corner. Sharpening and compression leave up to 0.3 of the contrast.
MAX_MISFIT = 0.4
_MAX_SHIFT, _MAX_TURN_RAD = 0.3, 0.15  # of a field; of an edge
_MIN_CONTRAST = 5.0
_MAX_BLUR = 0.35  # of a field
_MAX_GAIN_PX = 0.2  # for noise of one grey level
_MANY_TIMES_BLURRED, _MORE_BLURRED_PX = 2.5, 0.7  # than the picture's other corners: half hidden
_NARROW_PX = 5.0


def find_by_markers(grey: np.ndarray, layout: MarkerLayout) -> Sighting | None:
    """The points of a board with markers in a picture, None where fewer than four are seen.

    Args:
        grey: (H, W) uint8.
        layout: the board.
    """
    corners_px, ids = detect_markers(grey, layout.dictionary, layout.border_bits)
    on_board = ids < len(layout.marker_corners_m)
    corners_px, ids = corners_px[on_board], ids[on_board]
    if not len(ids):
        return None
    known_m, known_px = _consistent(layout.marker_corners_m[ids], corners_px)
    if not len(known_m):
        return None
    return _grow(grey, layout, known_m, known_px)


def detect_markers(
    grey: np.ndarray, dictionary: str, border_bits: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """All markers of a dictionary in a picture: (M, 4, 2) corners in pixels, and (M,) ids."""
    if border_bits > 1:  # tags that touch the squares between them: part them by a pixel
        grey = cv2.dilate(grey, np.ones((3, 3), np.uint8))
    detector = _detector(dictionary, border_bits, max(grey.shape))
    corners, ids, _ = detector.detectMarkers(grey)
    if ids is None or not len(ids):
        return np.zeros((0, 4, 2)), np.zeros(0, dtype=np.int64)
    return np.concatenate(corners).astype(np.float64), ids.ravel().astype(np.int64)


def _detector(dictionary: str, border_bits: int, longer_side: int) -> cv2.aruco.ArucoDetector:
    parameters = cv2.aruco.DetectorParameters()
    parameters.markerBorderBits = border_bits
    parameters.adaptiveThreshWinSizeMin = 5
    wide = max(25, longer_side // 50 | 1)
    parameters.adaptiveThreshWinSizeMax = wide
    parameters.adaptiveThreshWinSizeStep = wide - 5
    parameters.minMarkerPerimeterRate = 0.02
    parameters.minMarkerDistanceRate = 0.02
    return cv2.aruco.ArucoDetector(marker_dictionary(dictionary), parameters)


def _consistent(markers_m: np.ndarray, corners_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the markers that lie on one board, (S, 2) there and (S, 2) in the picture."""
    flat_m, flat_px = markers_m.reshape(-1, 2), corners_px.reshape(-1, 2)
    side_px = np.sqrt(np.median([cv2.contourArea(c.astype(np.float32)) for c in corners_px]))
    if len(markers_m) > 1:
        _, inlier = cv2.findHomography(
            flat_m, flat_px, cv2.RANSAC, max(_MARKER_INLIER * float(side_px), 2.0)
        )
        if inlier is None:
            return flat_m[:0], flat_px[:0]
        whole = inlier.reshape(-1, 4).all(-1)
        flat_m, flat_px = markers_m[whole].reshape(-1, 2), corners_px[whole].reshape(-1, 2)
    return flat_m, flat_px


def _grow(
    grey: np.ndarray, layout: MarkerLayout, known_m: np.ndarray, known_px: np.ndarray
) -> Sighting | None:
    """Measure corners outwards from what is known of the board."""
    count = len(layout.points_m)
    points_px = np.full((count, 2), np.nan)
    spread = np.full(count, np.nan)
    blur_px = np.full(count, np.nan)
    reach_m = _NEAR * layout.pitch_m
    for _ in range(_ROUNDS):
        found = np.isfinite(spread)
        sources_m = np.concatenate([known_m, layout.points_m[found]])
        sources_px = np.concatenate([known_px, points_px[found]])
        weights = np.repeat([_MARKER_WEIGHT, 1.0], [len(known_m), found.sum()])
        apart = np.linalg.norm(layout.points_m[:, None] - sources_m, axis=-1).min(-1)
        wanted = np.flatnonzero(~found & (apart <= 1.01 * layout.pitch_m))
        if not len(wanted):
            break
        expected_px, axes_px = predict_points(
            layout.points_m[wanted], sources_m, sources_px, weights, reach_m
        )
        axes_px *= layout.field_m / reach_m
        usable = _is_usable(expected_px, axes_px, grey.shape)
        wanted, expected_px, axes_px = wanted[usable], expected_px[usable], axes_px[usable]
        if not len(wanted):
            break
        saddles, passed = measure_corners(
            grey, expected_px, axes_px, layout.is_dark[wanted], layout.clear
        )
        if not passed.any():
            break
        new = wanted[passed]
        points_px[new] = saddles.points_px[passed]
        blur_px[new] = saddles.blur_px[passed].max(-1)
        spread[new] = spread_of(saddles.gain, saddles.residual)[passed]
    spread[blur_px > _MANY_TIMES_BLURRED * np.nanmedian(blur_px) + _MORE_BLURRED_PX] = np.nan
    points_px[np.isnan(spread)] = np.nan
    spread[strays(layout.points_m, points_px)] = np.nan
    if np.isfinite(spread).sum() < MIN_POINTS:
        return None
    points_px[np.isnan(spread)] = np.nan
    return Sighting(points_px, spread)


def _is_usable(points_px: np.ndarray, axes_px: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(K,) whether a corner is expected inside the picture, and its fields are large enough."""
    last = np.array(shape[1::-1]) - 1
    inside = ((points_px >= 1) & (points_px <= last - 1)).all(-1)
    return inside & (field_height_px(axes_px) >= 3) & (np.linalg.det(axes_px) > 0)


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
