"""OpenCV FileStorage files (YAML, XML or JSON).

* The multi-camera calibration sample: `rvecs`, `Ts`, `Ks`, `distortions`, `image_sizes`,
  `is_fisheye` and `cam_ids` (a text, comma between names). Camera from first camera, in OpenCV's
  axes and in the unit of the pattern, which the sample takes as metres; up is not known.
* The single-camera sample (`camera_matrix`, `distortion_coefficients`, `image_width`,
  `image_height`) and the interactive application (`cameraMatrix`, `dist_coeffs`,
  `cameraResolution`): the lens of one camera without its place, which is no rig. Refused.

Coefficients stand in OpenCV's order: k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 taux tauy. What is written
is the multi-camera sample's file, as YAML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import limits
from triangulate.rig_formats.calibration import (
    Calibration,
    CameraNumbers,
    as_numbers,
    numbers,
    rotation_matrix,
    size_of,
)
from triangulate.rig_formats.opencv_storage import HEAD, matrix_text


def read(storage: Mapping[str, Any]) -> Calibration:
    """The calibration in the top level of a file."""
    if {"rvecs", "Ts", "Ks"} <= storage.keys():
        return _read_many(storage)
    if "camera_matrix" in storage or "cameraMatrix" in storage:
        raise InputError(
            "holds the lens of one camera, but not where it stands: calibrate the cameras "
            "together (calib solve), or give a file that has all of them"
        )
    raise InputError(
        "is an OpenCV file without the keys of a rig (rvecs, Ts, Ks, distortions, cam_ids); it "
        f"has {', '.join(list(storage)[:10]) or 'none'}"
    )


def text(rig: Rig) -> str:
    """The content of a file in YAML, in metres, which it tells.

    Raises:
        InputError: where the format cannot hold the rig: a name has a comma or ends in spaces, an
            image size is missing, or K has skew (OpenCV's projection drops it).
    """
    from scipy.spatial.transform import Rotation

    for name in rig.names:
        if "," in name or name != name.strip() or not name.isprintable():
            raise InputError(
                f"camera {name!r}: the names stand in one text with commas between them: rename it "
                "without commas, control characters, or spaces at the ends"
            )
    limits.check_sizes_known(rig)
    limits.check_no_skew(rig)
    arrays = rig.to_arrays()
    rvecs = Rotation.from_matrix(arrays["rotation"]).as_rotvec()
    is_fisheye = np.array([[lens == "fisheye"] for lens in rig.lens_names], dtype=np.int32)
    matrices = {
        "Ks": arrays["K"],
        "distortions": arrays["dist"][:, None],
        "rvecs": rvecs[:, :, None],
        "Ts": arrays["translation_m"][:, :, None],
        "image_sizes": np.array(arrays["sizes"], dtype=np.int32),
        "is_fisheye": is_fisheye,
    }
    names = f"cam_ids: {json.dumps(','.join(rig.names), ensure_ascii=False)}\n"
    written = [matrix_text(key, matrix) for key, matrix in matrices.items()]
    return "".join([HEAD, names, 'unit: "m"\n', *written])


def _read_many(storage: Mapping[str, Any]) -> Calibration:
    K = numbers(storage, "Ks", (-1, 3, 3))
    count = len(K)
    columns = {
        "K": K,
        "rvec": numbers(storage, "rvecs", (count, 3)),
        "t": numbers(storage, "Ts", (count, 3)),
        "distortion": _rows(storage, "distortions", count),
        "size": _rows(storage, "image_sizes", count),
        "is_fisheye": _rows(storage, "is_fisheye", count),
    }
    entries = [
        (name, {key: column[v] for key, column in columns.items() if column is not None})
        for v, name in enumerate(_names(storage, count))
    ]
    note = "translations read as m, as OpenCV's multi-camera sample takes its pattern's size"
    notes = () if storage.get("unit") == "m" else (note,)
    return Calibration(entries, _read_camera, unit="m", notes=notes)


def _rows(storage: Mapping[str, Any], key: str, count: int) -> np.ndarray | None:
    """(count, n) numbers, None where the key is missing."""
    if storage.get(key) is None:
        return None
    values = as_numbers(key, storage[key], (-1,))
    return as_numbers(key, values, (count, values.size // count))


def _names(storage: Mapping[str, Any], count: int) -> list[str]:
    ids = storage.get("cam_ids")
    names = ids.split(",") if isinstance(ids, str) else []
    if len(names) != count:
        raise InputError(f"'cam_ids' names {len(names)} cameras, 'Ks' has {count}")
    return [name.strip() for name in names]


def _read_camera(entry: Mapping[str, Any]) -> CameraNumbers:
    return CameraNumbers(
        K=numbers(entry, "K", (3, 3)),
        distortion=numbers(entry, "distortion", (-1,)),
        rotation=rotation_matrix(entry, "rvec"),
        translation=numbers(entry, "t", (3,)),
        size=size_of(entry, "size"),
        lens="fisheye" if "is_fisheye" in entry and entry["is_fisheye"].any() else None,
    )
