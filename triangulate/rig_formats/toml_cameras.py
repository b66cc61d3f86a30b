"""What anipose, Pose2Sim, FreeMoCap and caliscope share: a TOML table for each camera.

    matrix = [[fx, s, cx], [0, fy, cy], [0, 0, 1]]
    distortions = [k1, k2, p1, p2, k3]        # fisheye: k1 k2 k3 k4
    rotation = [x, y, z]                      # camera from world, a Rodrigues vector
    translation = [x, y, z]                   # camera from world
    size = [width, height]
    fisheye = true

OpenCV's axes and order of coefficients. The four differ in the unit, the tables' names, and in what
stands beside these keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from triangulate.errors import InputError
from triangulate.rig_formats.calibration import CameraNumbers, numbers, rotation_matrix, size_of

NO_CAMERAS = {"metadata", "capture_volume", "charuco", "checkerboard"}


def tables(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tables of a file that hold cameras."""
    return {
        key: table
        for key, table in document.items()
        if key not in NO_CAMERAS
        and isinstance(table, Mapping)
        and ("matrix" in table or "distortions" in table)
    }


def named(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Cameras by the name in their table, else by the table's own."""
    return [(str(table.get("name", key)), table) for key, table in found.items()]


def read_camera(table: Mapping[str, Any]) -> CameraNumbers:
    """The numbers of one table."""
    return CameraNumbers(
        K=numbers(table, "matrix", (3, 3)),
        distortion=numbers(table, "distortions", (-1,)),
        rotation=rotation_matrix(table, "rotation"),
        translation=numbers(table, "translation", (3,)),
        size=size_of(table, "size", "image_size"),
        lens="fisheye" if table.get("fisheye") is True else None,
    )


def toml_table(name: str, values: Mapping[str, Any]) -> str:
    """A TOML table of numbers, texts, truth values and lists of numbers; all digits are kept."""
    quoted = name if name.replace("_", "").isalnum() and name.isascii() else _toml_value(name)
    lines = [f"{key} = {_toml_value(value)}" for key, value in values.items()]
    return "\n".join([f"[{quoted}]", *lines, ""])


def _toml_value(value: Any) -> str:
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, float | int):
        return repr(value)
    raise InputError(f"{value!r} cannot be written as TOML")
