"""FreeMoCap camera calibration TOML.

anipose's tables (see `toml_cameras`), named by the camera, with `world_position` and
`world_orientation` beside them (not read: they repeat the pose) and the board in `metadata.board`,
whose `square_length_mm` says that translations are in mm. Camera from world in OpenCV's axes. The
world is the first camera's or the board's, so that up is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triangulate.rig_formats import toml_cameras
from triangulate.rig_formats.calibration import Calibration


def matches(document: Mapping[str, Any]) -> bool:
    """The board is in mm, or every camera has a `world_position`."""
    found = toml_cameras.tables(document).values()
    return bool(found) and (
        _board_is_in_mm(document) or all("world_position" in table for table in found)
    )


def read(document: Mapping[str, Any]) -> Calibration:
    """The calibration in a parsed file."""
    assumed = "translations read as mm, as FreeMoCap writes them; the file tells no board size"
    return Calibration(
        entries=toml_cameras.named(toml_cameras.tables(document)),
        read=toml_cameras.read_camera,
        unit="mm",
        notes=() if _board_is_in_mm(document) else (assumed,),
    )


def _board_is_in_mm(document: Mapping[str, Any]) -> bool:
    metadata = document.get("metadata")
    board = metadata.get("board") if isinstance(metadata, Mapping) else None
    return isinstance(board, Mapping) and "square_length_mm" in board
