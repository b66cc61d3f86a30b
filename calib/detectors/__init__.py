"""The points of a target in one picture: `find_target(grey, target)`.

OpenCV finds markers, chessboards and circles; what it finds is then measured here, to a few
hundredths of a pixel, with how well each point is known.
"""

from __future__ import annotations

import numpy as np

from calib.detectors.chessboard import find_chessboard
from calib.detectors.circles import find_circles
from calib.detectors.layouts import layout_of
from calib.detectors.markers import find_by_markers
from calib.detectors.sighting import MIN_POINTS, Sighting
from calib.targets import AprilGrid, Charuco, Chessboard, Target

__all__ = ["MIN_POINTS", "Sighting", "find_target"]


def find_target(grey: np.ndarray, target: Target) -> Sighting | None:
    """The points of a target in a picture, dark on bright and seen from the front.

    Args:
        grey: (H, W) uint8.
        target: what to look for. Whether it is printed inverted does not count here.

    Returns:
        None where fewer than `MIN_POINTS` are seen.
    """
    match target:
        case Charuco() | AprilGrid():
            return find_by_markers(grey, layout_of(target))
        case Chessboard():
            return find_chessboard(grey, target)
        case _:
            return find_circles(grey, target)
