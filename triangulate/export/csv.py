"""CSV in long form: one row a frame, person and joint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triangulate.files import atomic_path

if TYPE_CHECKING:
    from triangulate.poses import Poses3D


def write_csv(poses: Poses3D, path: str | Path) -> None:
    """Write the table of `Poses3D.to_dataframe`, with its column names as the first line.

    Positions are in metres and in the rig's own axes. Numbers have six decimals; what is missing is
    left empty, and the column `reason` says why.
    """
    table = poses.to_dataframe()
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
