"""caliscope `camera_array.toml`, and the `config.toml` of its earlier versions.

A table `[cameras.ID]` a camera (earlier `[cam_ID]`; see `toml_cameras`) with `cam_id` (earlier
`port`) and `rotation_count`, which is how the video is shown and changes nothing here. The rotation
is a Rodrigues vector, in earlier files a matrix. Camera from world in OpenCV's axes, whatever a
comment in caliscope says; translations in metres; a camera that is not calibrated lacks the keys.
Cameras are named `cam_ID` (`port_ID`), as their videos are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triangulate.rig_formats import toml_cameras
from triangulate.rig_formats.calibration import Calibration


def matches(document: Mapping[str, Any]) -> bool:
    """Cameras under `cameras`, or tables that count rotations."""
    return bool(_tables(document))


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    entries = [(_name(key, table), table) for key, table in _tables(document).items()]
    return Calibration(entries, toml_cameras.read_camera, unit="m")


def _tables(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    cameras = document.get("cameras")
    if isinstance(cameras, Mapping):
        return {key: table for key, table in cameras.items() if isinstance(table, Mapping)}
    found = toml_cameras.tables(document)
    return {key: table for key, table in found.items() if "rotation_count" in table}


def _name(key: str, table: Mapping[str, Any]) -> str:
    if "port" in table:
        return f"port_{table['port']}"
    return f"cam_{table['cam_id']}" if "cam_id" in table else key
