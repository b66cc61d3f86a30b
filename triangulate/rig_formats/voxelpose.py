"""VoxelPose `calibration_*.json` (Campus, Shelf).

A camera each under its name ("0", "1", ...): R (camera from world), T, which is the camera's
*centre* (x_cam = R (x_world - T)), fx fy cx cy, k (k1 k2 k3) and p (p1 p2), in OpenCV's axes and
mm. No image sizes; up is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from triangulate.rig_formats.calibration import Calibration, CameraNumbers, numbers

KEYS = {"R", "T", "fx", "fy", "cx", "cy", "k", "p"}


def matches(document: Any) -> bool:
    """Every entry is a camera with most of the keys."""
    return (
        isinstance(document, Mapping)
        and bool(document)
        and all(isinstance(c, Mapping) and len(KEYS & c.keys()) > 4 for c in document.values())
    )


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    return Calibration(list(document.items()), _read_camera, unit="mm")


def _read_camera(camera: Mapping[str, Any]) -> CameraNumbers:
    fx, fy, cx, cy = (numbers(camera, key, (1,))[0] for key in ("fx", "fy", "cx", "cy"))
    (k1, k2, k3), (p1, p2) = numbers(camera, "k", (3,)), numbers(camera, "p", (2,))
    rotation = numbers(camera, "R", (3, 3))
    return CameraNumbers(
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        distortion=np.array([k1, k2, p1, p2, k3]),
        rotation=rotation,
        translation=-rotation @ numbers(camera, "T", (3,)),
    )
