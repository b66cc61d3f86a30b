"""CSV in long form: one row a frame, person and joint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triangulate.export.axes import in_axes, up_notes, up_text
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.files import atomic_path

if TYPE_CHECKING:
    from triangulate.poses import Poses3D


def write_csv(poses: Poses3D, path: str | Path, options: ExportOptions = USUAL) -> tuple[str, ...]:
    """Write the table of `Poses3D.to_dataframe`, with its column names as the first line.

    Positions are in metres and in the rig's own axes unless `options` says otherwise; the columns'
    names tell the unit, and the last one, `up_axis`, which axis points up. A number keeps a
    micrometre; what is missing is left empty, and the column `reason` says why. All people are in
    one file, counted from 0.

    Returns:
        What had to be assumed, for people.
    """
    table = poses.to_dataframe()
    unit = options.unit or LengthUnit.m
    axes = ["x_m", "y_m", "z_m"]
    points, up_axis = in_axes(table[axes].to_numpy(), poses.up_axis, options.up or Up.as_is)
    table[axes] = points
    if unit != LengthUnit.m:
        lengths = [*axes, "sigma_m"]
        table[lengths] = (table[lengths] * unit.per_m).round(unit.decimals)
        table = table.rename(columns={name: f"{name[:-1]}{unit}" for name in lengths})
    table["up_axis"] = up_text(up_axis, unknown="")
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
    return tuple(up_notes("csv", poses.up_axis)) if options.up else ()
