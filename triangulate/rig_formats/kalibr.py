"""Kalibr `camchain.yaml`, read and written.

`cam0`, `cam1`, ...: camera_model pinhole with intrinsics [fu fv pu pv], distortion_model radtan
(k1 k2 p1 p2), equidistant (k1 k2 k3 k4, OpenCV's fisheye) or none, resolution [w, h], and from cam1
on T_cn_cnm1, which maps points of the camera before to this one. OpenCV's axes, metres. The world
is cam0 and up is not known. Other camera models, and the distortion `fov`, are refused.

Files written here carry two keys more, which Kalibr does not read: `name`, and in cam0 the
`T_cam_world` of our world.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import limits
from triangulate.rig_formats.calibration import (
    Calibration,
    CameraNumbers,
    numbers,
    size_of,
    transform_matrix,
)

KEYS = {"camera_model", "intrinsics", "distortion_model", "T_cn_cnm1"}
COEFFICIENTS = {"radtan": 4, "equidistant": 4, "none": 0}
SHIFT_NOTE = "the time shifts between cameras and IMU (timeshift_cam_imu) are not used"
HEADER = (
    "# Kalibr camera chain, in metres: T_cn_cnm1 maps points of the camera before to this one.\n"
    "# Not of Kalibr: name, and T_cam_world of cam0, which maps points of the world to cam0.\n"
)


def matches(document: Any) -> bool:
    """`cam0`, `cam1`, ... hold cameras."""
    return bool(_cameras(document))


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    cameras = _cameras(document)
    entries = [
        (str(camera.get("name", f"cam{number}")), (cameras, number))
        for number, camera in cameras.items()
    ]
    is_shifted = any(camera.get("timeshift_cam_imu") for camera in cameras.values())
    notes = (SHIFT_NOTE,) if is_shifted else ()
    return Calibration(entries, _read_camera, unit="m", notes=notes)


def text(rig: Rig) -> str:
    """The content of a Kalibr file.

    Raises:
        InputError: where the format cannot hold the rig: an image size is missing, a lens is
            rational or has k3, or K has skew.
    """
    limits.check_sizes_known(rig)
    limits.check_lenses(rig, {"radtan", "fisheye"})
    limits.check_no_k3(rig, "Kalibr")
    limits.check_no_skew(rig)
    K, lens = rig.cameras.K.numpy(), rig.cameras.lens.coefficients.numpy()
    cam_from_world = np.tile(np.eye(4), (len(rig), 1, 1))
    cam_from_world[:, :3] = rig.cameras.cam_from_world.matrix().numpy()
    cam_from_previous = cam_from_world[1:] @ np.linalg.inv(cam_from_world[:-1])
    poses = [("T_cam_world", cam_from_world[0])]
    poses += [("T_cn_cnm1", matrix) for matrix in cam_from_previous]
    document = {}
    for v, (name, size, (key, matrix)) in enumerate(zip(rig.names, rig.sizes, poses, strict=True)):
        document[f"cam{v}"] = {
            "name": name,
            "camera_model": "pinhole",
            "intrinsics": K[v][[0, 1, 0, 1], [0, 1, 2, 2]].tolist(),
            "distortion_model": "equidistant" if rig.lens_names[v] == "fisheye" else "radtan",
            "distortion_coeffs": lens[v, :4].tolist(),
            key: matrix.tolist(),
            "resolution": list(size or ()),
            "rostopic": f"/{name}/image_raw",
        }
    return HEADER + yaml.safe_dump(
        document, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )


def _cameras(document: Any) -> dict[int, Mapping[str, Any]]:
    """The cameras by their number, in its order."""
    found = {}
    for key, content in document.items() if isinstance(document, Mapping) else ():
        number = re.fullmatch(r"cam(\d+)", str(key))
        if number and isinstance(content, Mapping) and KEYS & content.keys():
            found[int(number[1])] = content
    return dict(sorted(found.items()))


def _read_camera(entry: tuple[dict[int, Mapping[str, Any]], int]) -> CameraNumbers:
    cameras, number = entry
    camera = cameras[number]
    model = camera.get("camera_model")
    if model != "pinhole":
        raise InputError(
            f"its camera model {model!r} is not supported: calibrate it in Kalibr as "
            "pinhole-radtan or pinhole-equi, or leave it out with cameras= (--cameras)"
        )
    fx, fy, cx, cy = numbers(camera, "intrinsics", (4,))
    cam_from_world = _cam_from_world(cameras, number)
    return CameraNumbers(
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        distortion=_distortion(camera),
        rotation=cam_from_world[:3, :3],
        translation=cam_from_world[:3, 3],
        size=size_of(camera, "resolution"),
        lens="fisheye" if camera["distortion_model"] == "equidistant" else "radtan",
    )


def _distortion(camera: Mapping[str, Any]) -> np.ndarray:
    model = camera.get("distortion_model")
    if not isinstance(model, str) or model not in COEFFICIENTS:
        raise InputError(
            f"its distortion model {model!r} is not supported: calibrate it in Kalibr with radtan "
            "or equi, or leave it out with cameras= (--cameras)"
        )
    if model == "none":
        return np.zeros(0)
    return numbers(camera, "distortion_coeffs", (COEFFICIENTS[model],))


def _cam_from_world(cameras: Mapping[int, Mapping[str, Any]], number: int) -> np.ndarray:
    """The product of the chain up to a camera, (4, 4)."""
    missing = [f"'cam{n}'" for n in range(number) if n not in cameras]
    if missing:
        raise InputError(f"the chain to it is broken: {', '.join(missing)} missing in the file")
    first = cameras[0]
    cam_from_world = transform_matrix(first, "T_cam_world") if "T_cam_world" in first else np.eye(4)
    for n in range(1, number + 1):
        try:
            cam_from_world = transform_matrix(cameras[n], "T_cn_cnm1") @ cam_from_world
        except InputError as error:
            raise error if n == number else InputError(f"in its chain, cam{n}: {error}") from None
    return cam_from_world
