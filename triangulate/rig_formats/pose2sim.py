"""Pose2Sim `Calib.toml`, read and written.

A table a camera, named as the camera (see `toml_cameras`), with sizes as floats, four distortion
coefficients (k1 k2 p1 p2), and always `fisheye = false`, which tells it from anipose. Camera from
world in OpenCV's axes, translations in metres; Pose2Sim takes the world's z axis as up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triangulate.rig import Rig
from triangulate.rig_formats import anipose, limits, toml_cameras
from triangulate.rig_formats.calibration import Calibration


def matches(document: Mapping[str, Any]) -> bool:
    """Every camera says `fisheye = false` and has four coefficients: anipose writes neither."""
    found = toml_cameras.tables(document).values()
    return bool(found) and all(
        table.get("fisheye") is False and _length(table.get("distortions")) == 4 for table in found
    )


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    entries = toml_cameras.named(toml_cameras.tables(document))
    return Calibration(entries, toml_cameras.read_camera, unit="m", up_axis="z")


def text(rig: Rig) -> str:
    """The content of a Pose2Sim file.

    Raises:
        InputError: where the format cannot hold the rig: an image size is missing, a lens is not
            radtan or has k3, or K has skew.
    """
    limits.check_no_k3(rig, "Pose2Sim")
    tables = []
    for entry in anipose.entries(rig, "m", holds_fisheye=False):
        entry |= {
            "size": [float(side) for side in entry["size"]],
            "distortions": entry["distortions"][:4],
            "fisheye": False,
        }
        tables.append(toml_cameras.toml_table(entry["name"], entry))
    tables.append(toml_cameras.toml_table("metadata", {"adjusted": False, "error": 0.0}))
    return anipose.HEADER.format(unit="m") + "\n".join(tables)


def _length(values: Any) -> int:
    return len(values) if isinstance(values, list) else 0
