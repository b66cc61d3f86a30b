"""TRC, the marker file of OpenSim: five header lines, tabs, metres, y up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from triangulate.export.axes import in_axes, up_notes, up_text
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.export.people import points_of
from triangulate.export.timing import Timing, timing
from triangulate.files import write_text
from triangulate.poses import Poses3D


def write_trc(poses: Poses3D, path: str | Path, options: ExportOptions = USUAL) -> tuple[str, ...]:
    """Write one person's joints as markers.

    The world is turned so that the rig's up axis becomes y (see `y_up_from_world`), and positions
    are in metres, unless `options` says otherwise; the header tells the unit, and the first line
    ends in the axis that points up. Missing points are left empty. Rows are numbered from 1; their
    time is that of the recording, so that a selection of frames keeps its place in it.

    Returns:
        What the file had to assume, for people: where the up axis is not known, the points are
        written as they are; where the frame rate is not known, it is written as 1 and the time
        counts frames.
    """
    unit, up = options.unit or LengthUnit.m, options.up or Up.y
    points_m, up_axis = in_axes(points_of(poses, options.person), poses.up_axis, up)
    when = timing(poses)
    lines = _header(Path(path).name, poses, when, unit, up_axis)
    rows = (points_m * unit.per_m).reshape(len(points_m), -1)
    for index, row in enumerate(rows.tolist()):
        cells = ["" if math.isnan(value) else f"{value:.{unit.decimals}f}" for value in row]
        lines.append("\t".join([str(index + 1), f"{when.time_s[index]:.6f}", *cells]))
    write_text(path, "\n".join(lines) + "\n")
    notes = [
        *up_notes("trc", poses.up_axis, "OpenSim takes y as up"),
        *when.notes("trc", has_times=True),
    ]
    return tuple(notes)


def _header(
    file_name: str, poses: Poses3D, when: Timing, unit: LengthUnit, up_axis: str | None
) -> list[str]:
    """The five lines; `DataRate` is that of the rows, `CameraRate` that of the recording.

    Readers take the first line by its first word, so that the up axis has a place there.
    """
    names, frames = poses.skeleton.joint_names, np.asarray(poses.frames)
    rate, original = f"{when.rate_hz:.10g}", f"{when.recording_hz:.10g}"
    first = int(frames[0]) + 1 if len(frames) else 1
    values = [rate, original, len(frames), len(names), unit, original, first, len(frames)]
    axes = (f"{axis}{marker + 1}" for marker in range(len(names)) for axis in "XYZ")
    return [
        f"PathFileType\t4\t(X/Y/Z)\t{file_name}\tup: {up_text(up_axis)}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame"
        "\tOrigNumFrames",
        "\t".join(str(value) for value in values),
        "Frame#\tTime\t" + "\t".join(f"{name}\t\t" for name in names),
        "\t\t" + "\t".join(axes),
    ]
