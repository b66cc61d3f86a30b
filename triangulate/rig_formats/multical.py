"""multical `calibration.json`.

`cameras`, by name: image_size [w, h], K, and dist in OpenCV's order. `camera_poses`: R and T of
camera from world under the camera's name, and under "cam2_to_cam1" what maps points of cam1 to
cam2, whatever the key seems to say. OpenCV's axes, metres. The world is usually the one camera
whose key is its name alone; up is not known.

A fisheye lens is not marked: multical gives five coefficients or more to all others, so that four
are read as a fisheye lens (unless all are 0), with a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, numbers, size_of

FISHEYE_NOTE = (
    "four distortion coefficients are read as a fisheye lens, as multical marks none and has five "
    "or more for others: {names}"
)


def matches(document: Any) -> bool:
    """Cameras by name, with `K` and `dist`."""
    cameras = document.get("cameras") if isinstance(document, Mapping) else None
    return (
        isinstance(cameras, Mapping)
        and bool(cameras)
        and all(isinstance(c, Mapping) and {"K", "dist"} & c.keys() for c in cameras.values())
    )


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    cameras, poses = document["cameras"], document.get("camera_poses")
    if not isinstance(poses, Mapping) or not poses:
        raise InputError(
            "holds lenses, but no 'camera_poses', which say where the cameras stand: calibrate "
            "them together"
        )
    entries = [(name, (name, camera, list(cameras), poses)) for name, camera in cameras.items()]
    fisheyes = ", ".join(name for name, camera in cameras.items() if _is_fisheye(camera))
    notes = (FISHEYE_NOTE.format(names=fisheyes),) if fisheyes else ()
    return Calibration(entries, _read_camera, unit="m", notes=notes)


def _read_camera(
    entry: tuple[str, Mapping[str, Any], list[str], Mapping[str, Any]],
) -> CameraNumbers:
    name, camera, names, poses = entry
    cam_from_world = _cam_from_world(name, names, poses, ())
    return CameraNumbers(
        K=numbers(camera, "K", (3, 3)),
        distortion=numbers(camera, "dist", (-1,)),
        rotation=cam_from_world[:3, :3],
        translation=cam_from_world[:3, 3],
        size=size_of(camera, "image_size"),
        lens="fisheye" if _is_fisheye(camera) else None,
    )


def _is_fisheye(camera: Mapping[str, Any]) -> bool:
    try:
        coefficients = numbers(camera, "dist", (-1,))
    except InputError:  # which is said where the camera is read
        return False
    return coefficients.size == 4 and bool(coefficients.any())


def _cam_from_world(
    name: str, names: list[str], poses: Mapping[str, Any], behind: tuple[str, ...]
) -> np.ndarray:
    """(4, 4): a camera's own pose, or that relative to another camera times the other's."""
    if name in poses:
        return _matrix(poses, name)
    for other in names:
        key = f"{name}_to_{other}"
        if key in poses and other not in behind:
            return _matrix(poses, key) @ _cam_from_world(other, names, poses, (*behind, name))
    raise InputError(
        f"'camera_poses' has no {name!r}, and nothing that ties it to a camera whose place is "
        "known: leave it out with cameras= (--cameras)"
    )


def _matrix(poses: Mapping[str, Any], key: str) -> np.ndarray:
    try:
        rotation, translation = numbers(poses[key], "R", (3, 3)), numbers(poses[key], "T", (3,))
    except InputError as error:
        raise InputError(f"{key!r} of 'camera_poses': {error}") from None
    return np.block([[rotation, translation[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
