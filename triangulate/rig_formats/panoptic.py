"""CMU Panoptic `calibration_*.json`.

`cameras`: a list with name, resolution [w, h], K, distCoef (k1 k2 p1 p2 k3), R (camera from world)
and t in cm, in OpenCV's axes. The world's y axis points down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, numbers, size_of


def matches(document: Any) -> bool:
    """A list `cameras` whose first has a `distCoef`."""
    cameras = document.get("cameras") if isinstance(document, Mapping) else None
    first = cameras[0] if isinstance(cameras, list) and cameras else None
    return isinstance(first, Mapping) and "distCoef" in first


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    cameras = document["cameras"]
    for number, camera in enumerate(cameras, start=1):
        if not isinstance(camera, Mapping) or "name" not in camera:
            raise InputError(f"camera number {number} has no name: give it that of its video")
    entries = [(str(camera["name"]), camera) for camera in cameras]
    return Calibration(entries, _read_camera, unit="cm", up_axis="-y")


def _read_camera(camera: Mapping[str, Any]) -> CameraNumbers:
    return CameraNumbers(
        K=numbers(camera, "K", (3, 3)),
        distortion=numbers(camera, "distCoef", (-1,)),
        rotation=numbers(camera, "R", (3, 3)),
        translation=numbers(camera, "t", (3,)),
        size=size_of(camera, "resolution"),
    )
