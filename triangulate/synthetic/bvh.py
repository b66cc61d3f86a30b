"""Motions of the BVH format: a tree of joints with offsets, and Euler angles a frame.

The person at rest is taken to face z, with y up. Joints are found by the names that the CMU
database and common exporters give them. The unit is not written in such files: it is the one out of
metres, centimetres, inches and CMU's that gives legs of human length.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.skeleton import snake_case
from triangulate.synthetic.acclaim import INCH_M, SOLE_M, WORLD_FROM_Y_UP
from triangulate.synthetic.captured import Captured
from triangulate.synthetic.kinematics import forward_kinematics

UNITS_M = (1.0, 0.01, INCH_M, INCH_M / 0.45, 0.001)
_LEG_M = 0.82  # thigh and shank of an adult, about

_NAMES = {
    "hip": ("up_leg", "thigh"),
    "knee": ("leg", "shin", "calf"),
    "ankle": ("foot",),
    "shoulder": ("arm", "upper_arm"),
    "elbow": ("fore_arm", "lower_arm"),
    "wrist": ("hand",),
}
_TRUNK = {"spine": ("spine",), "thorax": ("neck", "neck1"), "head": ("head",)}


@dataclass(frozen=True)
class _Tree:
    names: list[str]  # snake case
    parents: list[int]
    offsets: np.ndarray  # (J, 3) file units
    channels: list[list[str]]


def read_bvh(path: Path, unit_m: float | None = None) -> Captured:
    """A .bvh; `unit_m` is the length of its unit, by default guessed from the legs."""
    tree, frame_s, values = _read(path)
    turns, root = _turns(tree, values)
    places, turned = forward_kinematics(turns, tree.offsets, tree.parents, root)
    index = {name: _find(path, tree, names) for name, names in _joint_names().items()}
    if unit_m is None:
        leg = np.abs(
            np.linalg.norm(tree.offsets[[index["left_knee"], index["left_ankle"]]], axis=1)
        )
        unit_m = min(UNITS_M, key=lambda unit: abs(np.log(leg.sum() * unit / _LEG_M + 1e-12)))
    places = places * unit_m @ WORLD_FROM_Y_UP.T
    head_at = index.pop("head")
    head = WORLD_FROM_Y_UP @ turned[:, head_at] @ WORLD_FROM_Y_UP.T
    rest, _ = forward_kinematics(
        np.broadcast_to(np.eye(3), turned.shape[1:]), tree.offsets, tree.parents, np.zeros(3)
    )
    height_m = (rest[head_at, 1] - rest[index["thorax"], 1]) * unit_m
    points = {name: places[:, j] for name, j in index.items()}
    return Captured(points, head, places[:, head_at], float(height_m), 1 / frame_s, SOLE_M)


def _joint_names() -> dict[str, tuple[str, ...]]:
    """Joint of ours -> the names that it may have in the file, the likeliest first."""
    found = dict(_TRUNK)
    for side in ("left", "right"):
        for joint, names in _NAMES.items():
            short = [f"{side[0]}_{name}" for name in names]
            found[f"{side}_{joint}"] = (*(f"{side}_{name}" for name in names), *short)
    return found


def _find(path: Path, tree: _Tree, names: tuple[str, ...]) -> int:
    for name in names:
        if name in tree.names:
            return tree.names.index(name)
    raise InputError(
        f"{path}: no joint called {' or '.join(names)}; it has {', '.join(tree.names)}"
    )


def _turns(tree: _Tree, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, J, 3, 3) turns and the root's place (T, 3), in the file's unit."""
    turns = np.broadcast_to(np.eye(3), (len(values), len(tree.names), 3, 3)).copy()
    root = np.broadcast_to(tree.offsets[0], (len(values), 3)).copy()
    at = 0
    for j, channels in enumerate(tree.channels):
        part = values[:, at : at + len(channels)]
        at += len(channels)
        spins = [k for k, name in enumerate(channels) if name.endswith("rotation")]
        if spins:
            order = "".join(channels[k][0].upper() for k in spins)
            turns[:, j] = Rotation.from_euler(order, part[:, spins], degrees=True).as_matrix()
        for k, name in enumerate(channels):
            if j == 0 and name.endswith("position"):
                root[:, "XYZ".index(name[0].upper())] = part[:, k]
    return turns, root


def _read(path: Path) -> tuple[_Tree, float, np.ndarray]:
    """The tree, the time between frames and (T, channels) values."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    above, _, below = text.partition("MOTION")
    try:
        tree = _read_tree(above.split())
        header, _, numbers = below.partition("Frame Time:")
        count = int(header.split()[1])
        words = numbers.split()
        frame_s, values = float(words[0]), np.array(words[1:], dtype=np.float64)
        values = values.reshape(count, sum(map(len, tree.channels)))
        if not count or not frame_s > 0 or not np.isfinite(values).all():
            raise ValueError("frames are missing or no numbers")
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: no BVH that can be understood ({error})") from None
    return tree, frame_s, values


def _read_tree(words: list[str]) -> _Tree:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    open_joints: list[int] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            parents.append(open_joints[-1] if open_joints else -1)
            end = f"end_of_{names[parents[-1]]}" if word == "End" else words[at + 1]
            names.append(snake_case(end.rpartition(":")[2]))
            offsets.append([])
            channels.append([])
            at += 2
        elif word == "{":
            open_joints.append(len(names) - 1)
            at += 1
        elif word == "}":
            open_joints.pop()
            at += 1
        elif word == "OFFSET":
            offsets[-1] = [float(number) for number in words[at + 1 : at + 4]]
            at += 4
        elif word == "CHANNELS":
            count = int(words[at + 1])
            channels[-1] = words[at + 2 : at + 2 + count]
            at += 2 + count
        else:
            at += 1
    if not names or any(len(offset) != 3 for offset in offsets):
        raise ValueError("joints without offsets")
    return _Tree(names, parents, np.array(offsets), channels)
