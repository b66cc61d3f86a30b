"""Vicon `.xcp`: XML, a `Camera` element each, named by its DEVICEID.

Of a camera: SENSOR_SIZE "w h", PIXEL_ASPECT_RATIO (taken as fx / fy), SKEW; of its `KeyFrame`:
FOCAL_LENGTH and PRINCIPAL_POINT in pixels, ORIENTATION, a quaternion x y z w of camera from world,
and POSITION, the camera's centre in mm. OpenCV's axes; z is up.

The lens is VICON_RADIAL2 "Vicon3Parameter x y k1 k2 k3", with its centre in pixels, or in older
files VICON_RADIAL "k1 k2". The file tells neither the coefficients' unit nor their direction, and
programs that read it disagree, so that the user must say what they are (`radial`):

* "pixels": r is in pixels from the lens's centre, and the polynomial *corrects*: it takes a pixel
  of the image to where a lens without distortion has it. As OpenCV's models go the other way, one
  is fitted over the image, and a note tells how well.
* "opencv": they are OpenCV's k1 k2 k3, as Pose2Sim and OpenCap take them.
* "none": the lens is left out, for videos that were undistorted already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from xml.etree import ElementTree

import numpy as np

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, as_numbers
from triangulate.rig_formats.correction import inverse_lens

RADIAL = ("pixels", "opencv", "none")
Element = ElementTree.Element


def matches(root: Element) -> bool:
    """`Cameras`, with one that has a DEVICEID."""
    return root.tag == "Cameras" and any("DEVICEID" in c.attrib for c in root.iterfind("Camera"))


def read(root: Element, radial: str | None) -> Calibration:
    """The calibration in a parsed file.

    Args:
        root: of the XML.
        radial: what the radial coefficients are, one of RADIAL; None: refused where there are any.
    """
    if radial not in (None, *RADIAL):
        raise InputError(f"radial must be {', '.join(RADIAL)} (--radial), not {radial!r}")
    cameras = list(root.iterfind("Camera"))
    entries = [(camera.get("DEVICEID", ""), camera) for camera in cameras]
    notes = (*_lens_notes(cameras, radial), *_aspect_notes(cameras))
    return Calibration(entries, partial(_read_camera, radial), unit="mm", up_axis="z", notes=notes)


def _read_camera(radial: str | None, camera: Element) -> CameraNumbers:
    from scipy.spatial.transform import Rotation

    frame = _key_frame(camera)
    width, height = _values(camera, "SENSOR_SIZE", 2)
    if _values(camera, "SKEW", 1, default="0")[0] != 0:
        raise InputError("its SKEW is not 0, and the format does not tell what that means")
    x_y_z_w = _values(frame, "ORIENTATION", 4)
    if abs(np.linalg.norm(x_y_z_w) - 1) > 1e-2:
        raise InputError("its ORIENTATION is no quaternion of length 1: calibrate it again")
    rotation = Rotation.from_quat(x_y_z_w).as_matrix()
    return CameraNumbers(
        K=_matrix(camera),
        distortion=_distortion(camera, radial)[0],
        rotation=rotation,
        translation=-rotation @ _values(frame, "POSITION", 3),
        size=(float(width), float(height)),
    )


def _key_frame(camera: Element) -> Element:
    frames = camera.findall("KeyFrames/KeyFrame")
    if not frames:
        raise InputError(
            "it has no KeyFrame, so it was not calibrated: leave it out with cameras= (--cameras)"
        )
    if len(frames) > 1:
        raise InputError(
            f"it has {len(frames)} key frames, so it moved: leave it out with cameras= (--cameras)"
        )
    return frames[0]


def _matrix(camera: Element) -> np.ndarray:
    focal = float(_values(_key_frame(camera), "FOCAL_LENGTH", 1)[0])
    aspect = float(_values(camera, "PIXEL_ASPECT_RATIO", 1, default="1")[0])
    if aspect <= 0:
        raise InputError("its PIXEL_ASPECT_RATIO is not positive: calibrate it again")
    cx, cy = _values(_key_frame(camera), "PRINCIPAL_POINT", 2)
    return np.array([[focal, 0, cx], [0, focal / aspect, cy], [0, 0, 1]])


def _distortion(camera: Element, radial: str | None) -> tuple[np.ndarray, float]:
    """OpenCV's coefficients, and by how many pixels they are off at most."""
    centre_px, coefficients = _lens(camera)
    if not coefficients.any() or radial == "none":
        return np.zeros(0), 0.0
    k1, k2, k3 = coefficients
    if radial == "opencv":
        return np.array([k1, k2, 0.0, 0.0, k3]), 0.0
    size = _values(camera, "SENSOR_SIZE", 2)
    K = _matrix(camera)
    if radial == "pixels":
        return inverse_lens(K, size, centre_px, coefficients)
    moved_px, as_opencv_px = (
        _moved_at_the_corners_px(size, centre_px, coefficients, unit) for unit in (1.0, K[0, 0])
    )
    raise InputError(
        "the file does not tell what its radial coefficients are; say radial= (--radial of calib "
        f"convert and show): pixels (they correct the corners by up to {moved_px:.3g} px), opencv "
        f"(by about {as_opencv_px:.3g} px), or none for undistorted videos"
    )


def _lens(camera: Element) -> tuple[np.ndarray, np.ndarray]:
    """The centre in pixels (2,) and k1 k2 k3, zeros where there are none."""
    frame = _key_frame(camera)
    centre_px = _values(frame, "PRINCIPAL_POINT", 2)
    if "VICON_RADIAL2" in frame.attrib:
        model, *values = frame.attrib["VICON_RADIAL2"].split() or [""]
        if model != "Vicon3Parameter":
            raise InputError(f"its lens model {model!r} is not known (VICON_RADIAL2)")
        numbers = as_numbers("VICON_RADIAL2", values, (5,))
        return numbers[:2], numbers[2:]
    k1, k2 = _values(frame, "VICON_RADIAL", 2, default="0 0")
    return centre_px, np.array([k1, k2, 0.0])


def _moved_at_the_corners_px(
    size: np.ndarray, centre_px: np.ndarray, coefficients: np.ndarray, unit_px: float
) -> float:
    corners_px = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]) * size - 0.5
    r_px = np.linalg.norm(corners_px - centre_px, axis=-1)
    powers = (r_px[:, None] / unit_px) ** [2, 4, 6]
    return float((r_px * np.abs(powers @ coefficients)).max())


def _values(element: Element, key: str, count: int, default: str | None = None) -> np.ndarray:
    text = element.get(key, default)
    if text is None:
        raise InputError(f"{key} is missing: leave it out with cameras= (--cameras)")
    return as_numbers(key, text.split(), (count,))


def _lens_notes(cameras: Sequence[Element], radial: str | None) -> Iterator[str]:
    if radial in ("opencv", "none") and any(_has_lens(camera) for camera in cameras):
        taken = "taken as OpenCV's k1 k2 k3" if radial == "opencv" else "left out"
        yield f"radial coefficients {taken}, as told"
    off_px = {}
    for camera in cameras if radial == "pixels" else ():
        with suppress(InputError):  # which is said where the camera is read
            off_px[camera.get("DEVICEID", "")] = _distortion(camera, radial)[1]
    if off_px:
        name, most = max(off_px.items(), key=lambda item: item[1])
        yield (
            "radial coefficients taken as a correction of pixels, as told; OpenCV's lenses were "
            f"fitted to it, off by {most:.2g} px at most (camera {name!r})"
        )


def _has_lens(camera: Element) -> bool:
    with suppress(InputError):
        return bool(_lens(camera)[1].any())
    return False


def _aspect_notes(cameras: Sequence[Element]) -> Iterator[str]:
    for camera in cameras:
        with suppress(InputError):  # which is said where the camera is read
            aspect = _values(camera, "PIXEL_ASPECT_RATIO", 1, default="1")[0]
            if aspect != 1:
                name = camera.get("DEVICEID", "")
                yield f"camera {name!r}: its PIXEL_ASPECT_RATIO {aspect:g} is taken as fx / fy"
