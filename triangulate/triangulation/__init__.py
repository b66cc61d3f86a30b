"""From matched 2D keypoints to 3D poses: every point with its covariance, or with a reason.

joints    one person's joints in all frames, a chunk at a time; sides exchanged where wrong
ways      the three methods for a point: robust, dlt, learned
reasons   why a point is there, or is not
"""

from __future__ import annotations

from triangulate.triangulation.joints import Triangulated, triangulate_keypoints
from triangulate.triangulation.ways import (
    LEARNED,
    METHODS,
    Method,
    chosen_method,
    load_view_weights,
)

__all__ = [
    "LEARNED",
    "METHODS",
    "Method",
    "Triangulated",
    "chosen_method",
    "load_view_weights",
    "triangulate_keypoints",
]
