"""TRC, the marker file of OpenSim: five header lines, tabs, metres, y up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from triangulate.export.axes import y_up_from_world
from triangulate.files import write_text
from triangulate.poses import Poses3D


def write_trc(poses: Poses3D, path: str | Path, person: int = 0) -> tuple[str, ...]:
    """Write one person's joints as markers.

    The world is turned so that the rig's up axis becomes y (see `y_up_from_world`). Missing points
    are left empty. Rows are numbered from 1; their time is that of the recording, so that a
    selection of frames keeps its place in it.

    Returns:
        What the file had to assume, for people: where the up axis is not known, the points are
        written as they are; where the frame rate is not known, it is written as 1 and the time
        counts frames.
    """
    if not 0 <= person < poses.positions_m.shape[1]:
        raise ValueError(f"person must lie in [0, {poses.positions_m.shape[1]}), got {person}")
    points_m = poses.positions_m[:, person] @ y_up_from_world(poses.up_axis).T  # (T, J, 3)
    frames = np.asarray(poses.frames)
    camera_rate = 1.0 if poses.fps is None else poses.fps
    time_s = frames / camera_rate
    lines = _header(Path(path).name, poses.skeleton.joint_names, frames, camera_rate)
    for index, row in enumerate(points_m.reshape(len(frames), -1).tolist()):
        cells = ["" if math.isnan(value) else f"{value:.6f}" for value in row]
        lines.append("\t".join([str(index + 1), f"{time_s[index]:.6f}", *cells]))
    write_text(path, "\n".join(lines) + "\n")
    return _notes(poses)


def _header(
    file_name: str, joint_names: tuple[str, ...], frames: np.ndarray, camera_rate: float
) -> list[str]:
    """The five lines; `DataRate` is that of the rows, `CameraRate` that of the recording."""
    step = float(np.median(np.diff(frames))) if len(frames) > 1 else 1.0
    rate, original = f"{camera_rate / max(step, 1.0):.10g}", f"{camera_rate:.10g}"
    first = int(frames[0]) + 1 if len(frames) else 1
    values = [rate, original, len(frames), len(joint_names), "m", original, first, len(frames)]
    axes = (f"{axis}{marker + 1}" for marker in range(len(joint_names)) for axis in "XYZ")
    return [
        f"PathFileType\t4\t(X/Y/Z)\t{file_name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame"
        "\tOrigNumFrames",
        "\t".join(str(value) for value in values),
        "Frame#\tTime\t" + "\t".join(f"{name}\t\t" for name in joint_names),
        "\t\t" + "\t".join(axes),
    ]


def _notes(poses: Poses3D) -> tuple[str, ...]:
    notes = []
    if poses.up_axis is None:
        notes.append(
            "trc: the rig does not say which way is up, so the axes are the rig's own; "
            "OpenSim takes y as up"
        )
    if poses.fps is None:
        notes.append("trc: the frame rate is not known: it is written as 1, and Time counts frames")
    return tuple(notes)
