"""Qualisys `.qca.txt`: XML, a `camera` element each, named by its serial number.

Focal lengths and principal point are in 1/64 pixel of the sensor, the image is the field of view
`fov_video` (left, top, right, bottom, the last pixel included) of it. `transform` holds the
camera's position in mm and r11..r33, world from camera with its columns written as rows (so, read
row by row, camera from world). Qualisys cameras look along -z with y up: half a turn about x makes
OpenCV's axes. z is up.

Other readers divide the distortion coefficients by 64 as well, which all but removes them; the
values in the files agree with those of chessboards when taken as they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

import numpy as np

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, as_numbers

SUBPIXELS = 64
FOCAL_AND_CENTRE = ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
DISTORTION = (
    *("radialDistortion1", "radialDistortion2", "radialDistortion3"),
    *("tangentalDistortion1", "tangentalDistortion2"),  # spelled so in the files
)
ROTATION = tuple(f"r{row}{column}" for row in "123" for column in "123")
HALF_TURN_ABOUT_X = np.diag([1.0, -1.0, -1.0])
DISTORTION_NOTE = "Qualisys distortion coefficients taken as written; some tools divide them by 64"


def matches(root: ElementTree.Element) -> bool:
    """`calibration`, with cameras that have an `intrinsic`."""
    return root.find("cameras/camera/intrinsic") is not None


def read(root: ElementTree.Element) -> Calibration:
    """The calibration in a parsed file; cameras that were switched off are left out."""
    cameras = [camera for camera in root.iterfind("cameras/camera") if camera.get("active") != "0"]
    entries = [(camera.get("serial", ""), camera) for camera in cameras]
    notes = (DISTORTION_NOTE, *(note for camera in cameras for note in _notes(camera)))
    return Calibration(entries, _read_camera, unit="mm", up_axis="z", notes=notes)


def _read_camera(camera: ElementTree.Element) -> CameraNumbers:
    left, top, right, bottom = _field_of_view(camera)
    fu, fv, cu, cv = _values(camera, "intrinsic", FOCAL_AND_CENTRE) / SUBPIXELS
    k1, k2, k3, p1, p2 = _values(camera, "intrinsic", DISTORTION)
    if _values(camera, "intrinsic", ("skew",))[0] != 0:
        raise InputError("its skew is not 0, and the format does not tell what that means")
    flipped_cam_from_world = _values(camera, "transform", ROTATION).reshape(3, 3)
    rotation = HALF_TURN_ABOUT_X @ flipped_cam_from_world
    centre_mm = _values(camera, "transform", ("x", "y", "z"))
    return CameraNumbers(
        K=np.array([[fu, 0, cu - left], [0, fv, cv - top], [0, 0, 1]]),
        distortion=np.array([k1, k2, p1, p2, k3]),
        rotation=rotation,
        translation=-rotation @ centre_mm,
        size=(right - left + 1, bottom - top + 1),
    )


def _field_of_view(camera: ElementTree.Element) -> np.ndarray:
    sides = ("left", "top", "right", "bottom")
    tag = "fov_video" if camera.find("fov_video") is not None else "fov_marker"
    return _values(camera, tag, sides)


def _values(camera: ElementTree.Element, tag: str, keys: Sequence[str]) -> np.ndarray:
    element = camera.find(tag)
    if element is None:
        raise InputError(f"it has no <{tag}>: leave it out with cameras= (--cameras)")
    missing = [key for key in keys if key not in element.attrib and key != "skew"]
    if missing:
        raise InputError(f"<{tag}> lacks {', '.join(missing)}")
    return as_numbers(tag, [element.get(key, "0") for key in keys], (len(keys),))


def _notes(camera: ElementTree.Element) -> Iterator[str]:
    name = camera.get("serial", "")
    if camera.get("viewrotation", "0") != "0":
        yield f"camera {name!r}: its view rotation of {camera.get('viewrotation')} is not applied"
    resolution = camera.get("video_resolution", "1080p")
    if resolution not in ("1080p", "N/A"):
        yield f"camera {name!r} recorded in {resolution}; its numbers are for the whole sensor"
