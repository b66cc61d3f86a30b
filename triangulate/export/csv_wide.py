"""CSV in wide form: one row a frame, three columns a joint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from triangulate.export.axes import in_axes, up_notes, up_text
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.export.timing import timing
from triangulate.files import atomic_path
from triangulate.poses import Poses3D


def write_csv_wide(
    poses: Poses3D, path: str | Path, options: ExportOptions = USUAL
) -> tuple[str, ...]:
    """Write one row a frame: frame, time_s, `0/nose_x_m`, `0/nose_y_m`, ... and up_axis.

    The columns are called `PERSON/JOINT_AXIS_UNIT`; people count from 0. Metres and the rig's own
    axes unless `options` says otherwise; the last column tells which axis points up. What is
    missing is left empty, as is the time where the frame rate is not known.

    Returns:
        What had to be assumed, for people.
    """
    unit, up = options.unit or LengthUnit.m, options.up or Up.as_is
    points, up_axis = in_axes(poses.positions_m, poses.up_axis, up)
    head = [
        f"{person}/{joint}_{axis}_{unit}"
        for person in range(points.shape[1])
        for joint in poses.skeleton.joint_names
        for axis in "xyz"
    ]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.write(",".join(["frame", "time_s", *head, "up_axis"]) + "\n")
        for row in _rows(poses, points, unit):
            out.write(f"{row},{up_text(up_axis, unknown='')}\n")
    return tuple(up_notes("csv-wide", poses.up_axis)) if options.up else ()


def _rows(poses: Poses3D, points: np.ndarray, unit: LengthUnit) -> Iterator[str]:
    when = timing(poses)
    for frame, time_s, row in zip(
        np.asarray(poses.frames), when.time_s, points * unit.per_m, strict=True
    ):
        cells = ("" if math.isnan(x) else f"{x:.{unit.decimals}f}" for x in row.ravel().tolist())
        yield ",".join([str(frame), f"{time_s:.6f}" if when.is_known else "", *cells])
