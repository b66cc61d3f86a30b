"""Boards with markers: the markers say which corner is which, the corners are then measured.

Corners are looked for where the markers around them put them, then where the corners found so far
put the next ones: a corner needs no whole marker beside it.
"""

from __future__ import annotations

import cv2
import numpy as np

from calib.detectors.corners import field_height_px, measure_corners
from calib.detectors.layouts import MarkerLayout, marker_dictionary
from calib.detectors.local_maps import predict_points, strays
from calib.detectors.reading import agreement
from calib.detectors.sighting import MIN_POINTS, Sighting, spread_of

_ROUNDS = 6
_NEAR = 1.5  # pitches: how far a corner may lie from what is known, and how far that reaches
_MARKER_WEIGHT = 0.01  # a marker's corners err by ten times as much as a measured one
_MARKER_INLIER = 0.3  # of a marker's side
_STARTS = 3
_MIN_AGREEMENT = 0.5  # of what the markers show with what they should
_CLEAR, _PULL = 0.85, 1.5  # blur makes the strip around a marker narrower
_ENOUGH = 0.5  # of the points, to look no closer
_LARGE_PX = 2000  # a picture of this longer side is not made larger
_MANY_TIMES_BLURRED, _MORE_BLURRED_PX = 2.5, 0.7  # than the picture's other corners: half hidden


def find_by_markers(grey: np.ndarray, layout: MarkerLayout) -> Sighting | None:
    """The points of a board with markers in a picture, None where fewer than four are seen.

    Args:
        grey: (H, W) uint8.
        layout: the board.
    """
    best = None
    for scale in _scales(grey, layout):
        corners_px, ids = detect_markers(grey, layout.dictionary, layout.border_bits, scale)
        if not (ids < len(layout.marker_corners_m)).any():
            break
        sighting = _from_markers(grey, layout, corners_px, ids)
        if sighting is not None and (best is None or sighting.count > best.count):
            best = sighting
        if best is not None and best.count >= _ENOUGH * len(layout.points_m):
            break
    return best


def detect_markers(
    grey: np.ndarray, dictionary: str, border_bits: int = 1, scale: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """All markers of a dictionary in a picture: (M, 4, 2) corners in pixels, and (M,) ids.

    Args:
        grey: (H, W) uint8.
        dictionary: OpenCV's name.
        border_bits: width of a marker's black border.
        scale: how many times larger the picture is made before: small markers, and tags that touch
            the squares between them, are then told apart.
    """
    if scale > 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    detector = _detector(dictionary, border_bits, max(grey.shape))
    corners, ids, _ = detector.detectMarkers(grey)
    if not len(corners):
        return np.zeros((0, 4, 2)), np.zeros(0, dtype=np.int64)
    # Centres of pixels are integers before and after.
    corners_px = (np.concatenate(corners).astype(np.float64) + 0.5) / scale - 0.5
    return corners_px, ids.ravel().astype(np.int64)


def _scales(grey: np.ndarray, layout: MarkerLayout) -> tuple[int, ...]:
    """How much to enlarge a picture, in turn."""
    if max(grey.shape) > _LARGE_PX:
        return (1,)
    return (2,) if layout.is_touching else (1, 2)


def _from_markers(
    grey: np.ndarray, layout: MarkerLayout, corners_px: np.ndarray, ids: np.ndarray
) -> Sighting | None:
    """The points around markers, where these lie as they should."""
    on_board = ids < len(layout.marker_corners_m)
    markers_m, corners_px = layout.marker_corners_m[ids[on_board]], corners_px[on_board]
    for start in _starts(markers_m, corners_px):
        known_m, known_px = markers_m[start].reshape(-1, 2), corners_px[start].reshape(-1, 2)
        sighting = _grow(grey, layout, known_m, known_px)
        if sighting and agreement(grey, layout, sighting.points_px) >= _MIN_AGREEMENT:
            return sighting
    return None


def _detector(dictionary: str, border_bits: int, longer_side: int) -> cv2.aruco.ArucoDetector:
    parameters = cv2.aruco.DetectorParameters()
    parameters.markerBorderBits = border_bits
    parameters.adaptiveThreshWinSizeMin = 5
    wide = max(25, 2 * (longer_side // 100) + 1)
    parameters.adaptiveThreshWinSizeMax = wide
    parameters.adaptiveThreshWinSizeStep = wide - 5
    parameters.minMarkerPerimeterRate = 0.02
    parameters.minMarkerDistanceRate = 0.02
    return cv2.aruco.ArucoDetector(marker_dictionary(dictionary), parameters)


def _starts(markers_m: np.ndarray, corners_px: np.ndarray) -> list[np.ndarray]:
    """Markers to start from, in turn: those that lie on one board, then the largest by themselves.

    Markers that are seen at a slant are not placed well enough to tell together where others are.
    """
    areas = np.array([cv2.contourArea(corner.astype(np.float32)) for corner in corners_px])
    alone = [np.array([number]) for number in np.argsort(-areas)[:_STARTS]]
    if len(markers_m) == 1:
        return alone
    _, inlier = cv2.findHomography(
        markers_m.reshape(-1, 2),
        corners_px.reshape(-1, 2),
        cv2.RANSAC,
        max(_MARKER_INLIER * float(np.sqrt(np.median(areas))), 2.0),
    )
    if inlier is None:
        return alone
    together = np.flatnonzero(inlier.reshape(-1, 4).all(-1))
    return [together, *alone] if len(together) > 1 else alone


def _grow(
    grey: np.ndarray, layout: MarkerLayout, known_m: np.ndarray, known_px: np.ndarray
) -> Sighting | None:
    """Measure corners outwards from what is known of the board."""
    count = len(layout.points_m)
    points_px = np.full((count, 2), np.nan)
    spread, blur_px = np.full(count, np.nan), np.full(count, np.nan)
    for _ in range(_ROUNDS):
        found = np.isfinite(spread)
        wanted, expected_px, axes_px = _expected(
            layout,
            found,
            np.concatenate([known_m, layout.points_m[found]]),
            np.concatenate([known_px, points_px[found]]),
            np.repeat([_MARKER_WEIGHT, 1.0], [len(known_m), found.sum()]),
        )
        usable = _is_usable(expected_px, axes_px, grey.shape)
        wanted, expected_px, axes_px = wanted[usable], expected_px[usable], axes_px[usable]
        if not len(wanted):
            break
        saddles, passed = measure_corners(
            grey, expected_px, axes_px, layout.is_dark[wanted], _CLEAR * layout.strip
        )
        if not passed.any():
            break
        new = wanted[passed]
        points_px[new] = saddles.points_px[passed]
        blur_px[new] = saddles.blur_px[passed].max(-1)
        bias_px = _pull(saddles.blur_px.max(-1), layout.strip * field_height_px(axes_px))
        spread[new] = spread_of(saddles.gain, saddles.residual, bias_px)[passed]
    if np.isfinite(spread).sum() < MIN_POINTS:
        return None
    spread[blur_px > _MANY_TIMES_BLURRED * np.nanmedian(blur_px) + _MORE_BLURRED_PX] = np.nan
    points_px[np.isnan(spread)] = np.nan
    spread[strays(layout.points_m, points_px)] = np.nan
    return Sighting.of(points_px, spread)


def _pull(blur_px: np.ndarray, strip_px: np.ndarray) -> np.ndarray:
    """How far markers pull a corner (K,) when blur carries them over the strip around them.

    The form is that of a Gaussian's tail; the factor is from pictures with known truth.
    """
    return _PULL * blur_px * np.exp(-0.5 * np.square(strip_px / blur_px))


def _expected(
    layout: MarkerLayout,
    found: np.ndarray,
    sources_m: np.ndarray,
    sources_px: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The missing points next to what is known: their numbers, (K, 2) where, (K, 2, 2) fields."""
    apart = np.linalg.norm(layout.points_m[:, None] - sources_m, axis=-1).min(-1)
    wanted = np.flatnonzero(~found & (apart <= 1.01 * layout.pitch_m))
    reach_m = _NEAR * layout.pitch_m
    points_px, axes_px = predict_points(
        layout.points_m[wanted], sources_m, sources_px, weights, reach_m
    )
    return wanted, points_px, axes_px * (layout.field_m / reach_m)


def _is_usable(points_px: np.ndarray, axes_px: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(K,) whether a corner is expected inside the picture, and its fields are large enough."""
    last = np.array(shape[1::-1]) - 1
    inside = ((points_px >= 1) & (points_px <= last - 1)).all(-1)
    return inside & (field_height_px(axes_px) >= 3) & (np.linalg.det(axes_px) > 0)
