"""C3D, the binary marker file of motion capture, through `ezc3d`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.export.axes import in_axes, up_notes, up_text
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.export.people import points_of
from triangulate.export.timing import timing
from triangulate.files import atomic_path
from triangulate.poses import Poses3D

MAX_FRAMES = 65_535
"""Frames are counted in 16 bits.

There are three ways to tell more (TRIAL:ACTUAL_END_FIELD, POINT:LONG_FRAMES, POINT:FRAMES as a
float), but with the first two ezc3d (1.7), and what is built on it, reads no more than 65,535
frames, without a word, and a file with the third it refuses. `export_poses` writes several files.
"""

_SCREEN_RIGHT = {"y": "+Z", "-y": "-Z", "z": "+X", "-z": "-X", "x": "+Y", "-x": "-Y"}
"""For every up axis one that is level, for the parameter X_SCREEN."""


def write_c3d(poses: Poses3D, path: str | Path, options: ExportOptions = USUAL) -> tuple[str, ...]:
    """Write one person's joints as points: millimetres and z up, unless `options` says otherwise.

    POINT:UNITS tells the unit and POINT:Y_SCREEN the axis that points up, as +Z (the parameter is
    left out where it is not known); POINT:RATE is that of the rows. Missing points have residual
    -1, as the format wants it, and found ones 0. The first frame has its number in the recording,
    counted from 1.

    Returns:
        What had to be assumed, for people.
    """
    try:
        import ezc3d
    except ImportError:
        raise InputError('c3d: needs ezc3d: pip install "triangulate[export]"') from None

    unit, up = options.unit or LengthUnit.mm, options.up or Up.z
    points_m, up_axis = in_axes(points_of(poses, options.person), poses.up_axis, up)
    if not 0 < len(points_m) <= MAX_FRAMES:
        raise InputError(
            f"c3d: a file holds 1 to {MAX_FRAMES:,} frames, not {len(points_m):,}; write it in "
            "parts (Poses3D.select_frames), as export_poses does"
        )
    when = timing(poses)
    file = ezc3d.c3d()
    _set_parameters(file, poses, unit, when.rate_hz, up_axis)
    first = int(np.asarray(poses.frames)[0])
    file["header"]["points"]["first_frame"] = first if first + len(points_m) <= MAX_FRAMES else 0
    file["data"]["points"], file["data"]["meta_points"] = _points(points_m * unit.per_m)
    with atomic_path(path) as temporary:
        temporary.touch()  # so that a place that cannot be written is told as everywhere else
        file.write(str(temporary))
    return (*up_notes("c3d", poses.up_axis), *when.notes("c3d", has_times=False))


def _set_parameters(
    file: Any, poses: Poses3D, unit: LengthUnit, rate_hz: float, up_axis: str | None
) -> None:
    names = poses.skeleton.joint_names
    point = file["parameters"]["POINT"]
    point["LABELS"]["value"] = names
    point["DESCRIPTIONS"]["value"] = names
    point["UNITS"]["value"] = [str(unit)]
    point["RATE"]["value"] = [rate_hz]
    if up_axis is not None:
        file.add_parameter("POINT", "X_SCREEN", [_SCREEN_RIGHT[up_axis]])
        file.add_parameter("POINT", "Y_SCREEN", [up_text(up_axis)])
    file.add_parameter("MANUFACTURER", "SOFTWARE", ["triangulate"])


def _points(points: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Points (T, J, 3) as ezc3d takes them: (4, J, T), and their residuals and cameras."""
    num_frames, num_joints, _ = points.shape
    missing = ~np.isfinite(points).all(axis=-1).T  # (J, T)
    homogeneous = np.ones((4, num_joints, num_frames))
    homogeneous[:3] = points.transpose(2, 1, 0)
    homogeneous[:3, missing] = 0
    meta = {
        "residuals": -missing[None].astype(np.float64),
        "camera_masks": np.zeros((7, num_joints, num_frames), bool),
    }
    return homogeneous, meta
