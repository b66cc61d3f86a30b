"""BVH: a tree of joints with fixed offsets, moved by rotations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.export.axes import in_axes, up_notes, up_text, y_up_from_world
from triangulate.export.gaps import gap_notes, interpolated
from triangulate.export.options import USUAL, ExportOptions, LengthUnit, Up
from triangulate.export.people import points_of
from triangulate.export.rotations import pose_tree
from triangulate.export.timing import timing
from triangulate.export.tree import Tree, tree_of
from triangulate.files import atomic_path
from triangulate.poses import Poses3D

_STUB = 0.2
"""How long the bone behind a last joint is drawn, against the bone before it."""


def write_bvh(poses: Poses3D, path: str | Path, options: ExportOptions = USUAL) -> tuple[str, ...]:
    """Write one person as a moving tree: centimetres and y up unless `options` says otherwise.

    The tree is made of the skeleton's bones, with the pelvis as its root (see `tree_of`). Offsets
    have the bones' median lengths. A joint's rotation points its bones along the positions, several
    at once in the least-squares sense (see `pose_tree`); channels are Z, X, Y rotations, in
    degrees, each applied in the frame that the one before leaves, and continue beyond 180 where a
    joint turns on. Gaps are interpolated. The format has no place for its unit and axes: the notes
    tell them.

    Returns:
        Unit, axes, how far the joints of the file are from the measured ones, and what had to be
        assumed, for people.
    """
    unit, up = options.unit or LengthUnit.cm, options.up or Up.y
    measured_m = points_of(poses, options.person)
    if not len(measured_m):
        raise InputError("bvh: the poses hold no frames")
    try:
        tree = tree_of(poses.skeleton, np.isfinite(measured_m).all(axis=-1).any(axis=0))
    except InputError as error:
        raise InputError(f"bvh: {error}") from None
    points_m, up_axis = in_axes(measured_m, poses.up_axis, up)
    filled_m = tree.points(interpolated(points_m, np.asarray(poses.frames)))
    standing = y_up_from_world(up_axis)
    is_measured = np.isfinite(tree.points(points_m)).all(axis=-1)
    offsets_m, turns, placed_m = pose_tree(tree, filled_m @ standing.T, is_measured)
    offsets_m, placed_m = offsets_m @ standing, placed_m @ standing
    turns = standing.T @ turns @ standing
    when = timing(poses)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(_hierarchy(tree, offsets_m * unit.per_m))
        out.write(f"MOTION\nFrames: {len(filled_m)}\nFrame Time: {1 / when.rate_hz:.9f}\n")
        out.writelines(_motion(tree, filled_m[:, 0] * unit.per_m, turns))
    away_mm = 1000 * np.linalg.norm(placed_m - filled_m, axis=-1)[is_measured]
    notes = [
        f"bvh: the file cannot tell that it is in {unit}, up: {up_text(up_axis)}",
        f"bvh: bones of one length put its joints {np.median(away_mm):.1f} mm (median, 95 %: "
        f"{np.percentile(away_mm, 95):.1f} mm) from the measured ones",
        *(f"bvh: {note}" for note in tree.notes),
        *gap_notes("bvh", points_m[:, tree.used()]),
        *up_notes("bvh", poses.up_axis),
        *when.notes("bvh", has_times=False),
    ]
    return tuple(notes)


def _hierarchy(tree: Tree, offsets: np.ndarray) -> Iterator[str]:
    """The lines that describe the tree, depth first."""
    yield "HIERARCHY\n"
    yield from _joint(tree, offsets, 0, 0)


def _joint(tree: Tree, offsets: np.ndarray, joint: int, depth: int) -> Iterator[str]:
    indent, inner = "\t" * depth, "\t" * (depth + 1)
    yield f"{indent}{'JOINT' if depth else 'ROOT'} {tree.names[joint]}\n{indent}{{\n"
    yield f"{inner}OFFSET {_numbers(offsets[joint])}\n"
    turns = "Zrotation Xrotation Yrotation"
    yield f"{inner}CHANNELS " + (
        f"3 {turns}\n" if depth else f"6 Xposition Yposition Zposition {turns}\n"
    )
    children = tree.children(joint)
    for child in children:
        yield from _joint(tree, offsets, child, depth + 1)
    if not children:
        stub = _numbers(_STUB * offsets[joint])
        yield f"{inner}End Site\n{inner}{{\n{inner}\tOFFSET {stub}\n{inner}}}\n"
    yield f"{indent}}}\n"


def _depth_first(tree: Tree, joint: int = 0) -> list[int]:
    return [
        joint,
        *(place for child in tree.children(joint) for place in _depth_first(tree, child)),
    ]


def _motion(tree: Tree, root: np.ndarray, turns: np.ndarray) -> Iterator[str]:
    """A line a frame, from the root's positions (T, 3) and rotations (T, N, 3, 3) in the world."""
    columns = [root]
    for joint in _depth_first(tree):
        parent = tree.parents[joint]
        local = turns[:, joint]
        if parent >= 0:
            local = turns[:, parent].transpose(0, 2, 1) @ local
        angles = Rotation.from_matrix(local).as_euler("ZXY", degrees=True)
        columns.append(np.unwrap(angles, period=360, axis=0))
    for row in np.concatenate(columns, axis=1):
        yield _numbers(row) + "\n"


def _numbers(row: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in row.tolist())
