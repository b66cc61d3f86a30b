"""The Human3.6M labels of learnable triangulation, `human36m-multiview-labels-*.npy`.

A pickled dictionary; read here are `subject_names`, `camera_names` and `cameras`, a structured
array (subject, camera) of R (camera from world), t, K and dist (k1 k2 p1 p2 k3), float32, in
OpenCV's axes and mm. z is up. Every subject has its own cameras, so one must be named. No image
sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import Calibration, CameraNumbers, as_numbers


def matches(content: Any) -> bool:
    """A dictionary with cameras by subject."""
    return isinstance(content, Mapping) and {
        "subject_names",
        "camera_names",
        "cameras",
    } <= set(content)


def read(content: Mapping[str, Any], subject: str | None) -> Calibration:
    """The cameras of one subject (such as S9) in a parsed file."""
    subjects = [str(name) for name in content["subject_names"]]
    if subject is None and len(subjects) > 1:
        raise InputError(
            f"has the cameras of {', '.join(subjects)}: say whose, as in "
            f'subject="{subjects[-1]}" (--subject {subjects[-1]})'
        )
    if subject is not None and subject not in subjects:
        raise InputError(f"has no subject {subject!r} (--subject); there are {', '.join(subjects)}")
    names = [str(name) for name in content["camera_names"]]
    cameras = np.asarray(content["cameras"])
    if cameras.shape != (len(subjects), len(names)) or cameras.dtype.names is None:
        raise InputError(f"'cameras' must be an array (subject, camera), not {cameras.shape}")
    row = cameras[subjects.index(subject) if subject is not None else 0]
    return Calibration(list(zip(names, row, strict=True)), _read_camera, unit="mm", up_axis="z")


def _read_camera(record: np.void) -> CameraNumbers:
    missing = {"R", "t", "K", "dist"} - set(record.dtype.fields or ())
    if missing:
        raise InputError(f"{', '.join(sorted(missing))} missing")
    return CameraNumbers(
        K=as_numbers("K", record["K"], (3, 3)),
        distortion=as_numbers("dist", record["dist"], (-1,)),
        rotation=as_numbers("R", record["R"], (3, 3)),
        translation=as_numbers("t", record["t"], (3,)),
    )
