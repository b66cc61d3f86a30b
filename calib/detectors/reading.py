"""Whether the markers of a board that is found are those which should be there.

The corners of a chessboard look alike: where a marker was misread, the corners around it are real,
and so are those beyond. So all markers near the corners are compared with what they should show,
also those that are too blurred to be read.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from calib.detectors.layouts import MarkerLayout
from calib.detectors.local_maps import predict_points

_NEAR = 1.5  # pitches: how far a point tells of its neighbours
_FLAT_GREY = 4.0  # a marker with less contrast tells nothing


def agreement(grey: np.ndarray, layout: MarkerLayout, points_px: np.ndarray) -> float:
    """The mean correlation of the markers near the points with what they should show.

    Args:
        grey: (H, W).
        layout: the board.
        points_px: (N, 2), NaN: not seen.

    Returns:
        1: as they should be, about 0: as on another board.
    """
    seen = np.isfinite(points_px[:, 0])
    centres_m = layout.marker_corners_m.mean(1)
    apart_m = np.linalg.norm(centres_m[:, None] - layout.points_m[seen], axis=-1).min(-1)
    near = np.flatnonzero(apart_m <= layout.pitch_m)
    reach_m = _NEAR * layout.pitch_m
    middles_px, axes_px = predict_points(
        centres_m[near], layout.points_m[seen], points_px[seen], np.ones(seen.sum()), reach_m
    )
    offsets = (layout.modules_m[near] - centres_m[near, None]) / reach_m  # (K, B, 2)
    places_px = middles_px[:, None] + offsets @ axes_px
    last = np.array(grey.shape[::-1]) - 1
    inside = ((places_px >= 0) & (places_px <= last)).all((1, 2))
    x, y = np.moveaxis(places_px[inside], -1, 0)
    shown = map_coordinates(grey, [y, x], order=1, output=np.float64)
    shown -= shown.mean(-1, keepdims=True)
    bits = layout.bits[near[inside]]
    bits = bits - bits.mean(-1, keepdims=True)
    lengths = np.linalg.norm(shown, axis=-1) * np.linalg.norm(bits, axis=-1)
    tells = shown.std(-1) > _FLAT_GREY
    if not tells.any():
        return 0.0
    return float(((shown * bits).sum(-1) / lengths.clip(1e-9))[tells].mean())
