"""JSON as CMU Panoptic Studio has it: one file, or a folder with a file a frame.

A frame is `{"version", "univTime", "fpsType", "bodies"}`, and a body `{"id", "joints19"}`: x, y, z
in centimetres and a confidence for each of 19 joints, which is 1, or -1 where the joint is not
known (its position is then 0). `univTime` is in milliseconds, -1 where the frame rate is not known.
Joints go by name, as `triangulate.skeleton.mapped` has them: where a joint set has no neck or
no middle of the hips, they are the middles of shoulders and hips, as OpenPose defines them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.export.axes import in_axes, up_notes, up_text
from triangulate.export.gaps import listed
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.export.timing import timing
from triangulate.files import atomic_path, together, write_text
from triangulate.poses import Poses3D
from triangulate.skeleton import Skeleton, canonical_name, mapped

_JOINT_SET = "panoptic19"
_MIDDLES = {"mid_hip": "hips", "neck": "shoulders"}
_FRAME_FILE = re.compile(r"body3DScene_\d{8,}\.json")
_EVERYBODYS_VERSION = 0.7


def write_json(poses: Poses3D, path: str | Path, options: ExportOptions = USUAL) -> tuple[str, ...]:
    """Write one file: a head, and `frames`, each as in a file of Panoptic's, and its number.

    The head tells `unit` ("cm"), `up_axis` ("+Y", ..., null where not known), `fps` (null likewise)
    and the names of the 19 `joints`. The axes are the rig's own unless `options` says otherwise.

    Returns:
        What had to be assumed, for people.
    """
    points_cm, up_axis, notes = _joints19("json", poses, options)
    head = {
        "unit": "cm",
        "up_axis": None if up_axis is None else up_text(up_axis),
        "fps": poses.fps,
        "joints": list(Skeleton.named(_JOINT_SET).joint_names),
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps(head)[:-1] + ', "frames": [')
        for number, (frame, content) in enumerate(_frames(poses, points_cm)):
            out.write(",\n" if number else "\n")
            out.write(json.dumps({"frame": frame, **content}, allow_nan=False))
        out.write("\n]}\n")
    return notes


def write_panoptic(
    poses: Poses3D, path: str | Path, options: ExportOptions = USUAL
) -> tuple[str, ...]:
    """Write a folder as `hdPose3d_stage1_coco19` is: `body3DScene_00000123.json` for frame 123.

    The files tell `unit` and `up_axis` besides what Panoptic's hold. The folder takes its place as
    a whole; one that an earlier export left is replaced, any other is refused.

    Returns:
        What had to be assumed, for people.
    """
    points_cm, up_axis, notes = _joints19("panoptic", poses, options)
    head = {"unit": "cm", "up_axis": None if up_axis is None else up_text(up_axis)}
    folder = Path(path)
    check_replaceable(folder)
    with together(folder.parent) as staging:
        for frame, content in _frames(poses, points_cm):
            text = json.dumps({**content, **head}, allow_nan=False)
            write_text(staging / folder.name / f"body3DScene_{frame:08d}.json", text + "\n")
    return notes


def check_replaceable(folder: Path) -> None:
    """Refuse to put a folder of frames where anything but an earlier export is.

    Raises:
        InputError: naming what is there.
    """
    if not folder.name or folder.name == "..":
        raise InputError(f"{folder}: is no folder's name; name a folder of its own with --out")
    if folder.is_file():
        raise InputError(f"{folder}: is a file, not a folder; choose another place with --out")
    if folder.is_dir():
        for entry in folder.iterdir():
            if not _FRAME_FILE.fullmatch(entry.name):
                raise InputError(
                    f"{folder}: holds {entry.name}, and is not replaced; choose another place "
                    "with --out"
                )


def _joints19(
    name: str, poses: Poses3D, options: ExportOptions
) -> tuple[np.ndarray, str | None, tuple[str, ...]]:
    """Positions (T, P, 19, 3) in cm, the axis of theirs that points up, and what was assumed."""
    points_m, up_axis = in_axes(poses.positions_m, poses.up_axis, options.up or Up.as_is)
    target = Skeleton.named(_JOINT_SET)
    points_m, known = mapped(points_m, poses.skeleton, target)
    if not known.any():
        raise InputError(
            f"{name}: none of the joints ({listed(poses.skeleton.joint_names)}) is one of CMU "
            "Panoptic's; choose csv or trc"
        )
    theirs = {canonical_name(joint) for joint in poses.skeleton.joint_names}
    notes = [
        f"{name}: {joint} is the middle of the {ends}"
        for joint, ends in _MIDDLES.items()
        if joint not in theirs and known[target.index(joint)]
    ]
    if not known.all():
        absent = [
            joint for joint, is_known in zip(target.joint_names, known, strict=True) if not is_known
        ]
        notes.append(f"{name}: the skeleton has no {listed(absent)}: their confidence is -1")
    if options.up:
        notes += up_notes(name, poses.up_axis)
    return points_m * LengthUnit.cm.per_m, up_axis, tuple(notes)


def _frames(poses: Poses3D, points_cm: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each frame's number and content; people without a joint in it are left out."""
    when = timing(poses)
    for row, frame in enumerate(np.asarray(poses.frames).tolist()):
        bodies = [
            {"id": person, "joints19": _cells(points)}
            for person, points in enumerate(points_cm[row])
            if np.isfinite(points).any()
        ]
        yield (
            frame,
            {
                "version": _EVERYBODYS_VERSION,
                "univTime": round(1000 * float(when.time_s[row]), 3) if when.is_known else -1,
                "fpsType": "recording",
                "bodies": bodies,
            },
        )


def _cells(points_cm: np.ndarray) -> list[float]:
    """x, y, z, confidence of each of (19, 3)."""
    known = np.isfinite(points_cm).all(axis=-1)
    cells = np.zeros((len(points_cm), 4))
    cells[known, :3] = points_cm[known].round(LengthUnit.cm.decimals)
    cells[:, 3] = np.where(known, 1.0, -1.0)
    return cells.ravel().tolist()
