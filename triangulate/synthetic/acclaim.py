"""Motions of the Acclaim format as the CMU motion capture database has it: .asf with .amc.

A bone's frame stands in the world, at rest, as its `axis` says; its degrees of freedom turn it
about that frame. The CMU database counts in inches by the .asf's `length`; y is up, and the person
at rest faces z with the left side at x. Angles are read as degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.synthetic.captured import Captured
from triangulate.synthetic.kinematics import forward_kinematics

FPS = 120.0
"""Of the CMU database; the files do not tell."""

INCH_M = 0.0254
WORLD_FROM_Y_UP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Forward z, left x and up y become x, y and z."""

SOLE_M = 0.07
"""Below the ankle."""

# The end of a bone is a joint. The bones `lradius` and `lwrist` are one forearm in two parts: only
# together, with the humerus, do they have an arm's length.
_ENDS = {
    "lhipjoint": "left_hip",
    "lfemur": "left_knee",
    "ltibia": "left_ankle",
    "rhipjoint": "right_hip",
    "rfemur": "right_knee",
    "rtibia": "right_ankle",
    "lowerback": "spine",
    "thorax": "thorax",
    "lclavicle": "left_shoulder",
    "lhumerus": "left_elbow",
    "lwrist": "left_wrist",
    "rclavicle": "right_shoulder",
    "rhumerus": "right_elbow",
    "rwrist": "right_wrist",
}
_PIVOT, _HEAD = "upperneck", "head"


@dataclass(frozen=True)
class _Bone:
    name: str
    parent: int
    offset_m: np.ndarray  # (3,) from start to end, in the world at rest
    axis: np.ndarray  # (3, 3) the bone's frame in the world at rest
    freedoms: tuple[str, ...]  # such as rx, in the file's order


def read_acclaim(path: Path, skeleton_path: Path | None = None) -> Captured:
    """A .amc with its skeleton.

    Args:
        path: the .amc.
        skeleton_path: the .asf; by default the one in the folder named as the .amc begins
            (`01_01.amc`: `01.asf`).
    """
    skeleton_path = _skeleton_of(path) if skeleton_path is None else skeleton_path
    bones, unit_m = _read_skeleton(skeleton_path)
    frames = _read_frames(path, bones)
    count = len(frames["root"])
    turns = np.empty((count, len(bones), 3, 3))
    offsets = np.zeros((len(bones), 3))
    for j, bone in enumerate(bones):
        values = frames.get(bone.name, np.zeros((count, len(bone.freedoms))))
        turns[:, j] = bone.axis @ _freedom_turns(values, bone.freedoms) @ bone.axis.T
        offsets[j] = bone.offset_m
    order = [freedom.lower() for freedom in bones[0].freedoms]
    root_m = frames["root"][:, [order.index(f"t{axis}") for axis in "xyz"]] * unit_m
    starts, turned = forward_kinematics(
        turns, _start_offsets(bones, offsets), [bone.parent for bone in bones], root_m
    )
    ends = starts + (turned @ offsets[:, :, None])[..., 0]
    index = {bone.name: j for j, bone in enumerate(bones)}
    place = {name: ends[:, j] @ WORLD_FROM_Y_UP.T for name, j in index.items()}
    head = WORLD_FROM_Y_UP @ turned[:, index[_HEAD]] @ WORLD_FROM_Y_UP.T
    height_m = offsets[index["lowerneck"], 1] + offsets[index[_PIVOT], 1]
    points = {joint: place[name] for name, joint in _ENDS.items()}
    return Captured(points, head, place[_PIVOT], float(height_m), FPS, SOLE_M)


def _start_offsets(bones: list[_Bone], offsets: np.ndarray) -> np.ndarray:
    """(J, 3) a bone starts where its parent ends."""
    return np.stack([offsets[max(bone.parent, 0)] for bone in bones])


def _freedom_turns(values: np.ndarray, freedoms: tuple[str, ...]) -> np.ndarray:
    """(T, n) values of the degrees of freedom -> (T, 3, 3): about x first, then y, then z."""
    angles = {name.lower(): values[:, k] for k, name in enumerate(freedoms)}
    zero = np.zeros(len(values))
    stacked = np.stack([angles.get(f"r{axis}", zero) for axis in "xyz"], axis=-1)
    return Rotation.from_euler("xyz", stacked, degrees=True).as_matrix()


def _skeleton_of(path: Path) -> Path:
    named = path.with_name(f"{path.stem.partition('_')[0]}.asf")
    if named.exists():
        return named
    raise InputError(f"{path}: its skeleton {named.name} is not beside it")


def _read_skeleton(path: Path) -> tuple[list[_Bone], float]:
    """Bones, the root first and parents before children, and the unit in metres."""
    sections = _sections(_lines(path))
    try:
        units = dict(line.split(maxsplit=1) for line in sections["units"])
        unit_m = INCH_M / float(units["length"])
        root = dict(line.split(maxsplit=1) for line in sections["root"])
        blocks = [_block(lines) for lines in _between(sections["bonedata"])]
        children = [line.split() for line in next(iter(_between(sections["hierarchy"])))]
        parents = {child: parent for parent, *below in children for child in below}
        order = ["root"]
        for parent, *below in children:
            if parent not in order:
                raise ValueError(parent)
            order += below
        known = {block["name"]: block for block in blocks}
        bones = [_Bone("root", -1, np.zeros(3), np.eye(3), tuple(root["order"].split()))]
        for name in order[1:]:
            bones.append(_bone(known[name], order.index(parents[name]), unit_m))
    except (KeyError, ValueError, StopIteration, IndexError) as error:
        raise InputError(f"{path}: no Acclaim skeleton that can be understood ({error})") from None
    missing = sorted({*_ENDS, _PIVOT, _HEAD, "lowerneck"} - set(order))
    if missing:
        raise InputError(f"{path}: no bone called {', '.join(missing)}")
    return bones, unit_m


def _bone(block: dict[str, str], parent: int, unit_m: float) -> _Bone:
    direction = np.array([float(part) for part in block["direction"].split()])
    *angles, order = block["axis"].split()
    axis = Rotation.from_euler(order.lower(), [float(a) for a in angles], degrees=True)
    return _Bone(
        block["name"],
        parent,
        direction / np.linalg.norm(direction) * float(block["length"]) * unit_m,
        axis.as_matrix(),
        tuple(block.get("dof", "").split()),
    )


def _read_frames(path: Path, bones: list[_Bone]) -> dict[str, np.ndarray]:
    """(T, degrees of freedom) by bone."""
    freedoms = {bone.name: len(bone.freedoms) for bone in bones}
    rows: dict[str, list[list[float]]] = {}
    count = 0
    for line in _lines(path):
        name, *values = line.split()
        if name.isdigit() and not values:
            count += 1
        elif not name.startswith((":", "#")):
            if len(values) != freedoms.get(name):
                raise InputError(
                    f"{path}: frame {count} has {len(values)} values of {name!r}; the skeleton "
                    f"has {freedoms.get(name, 'no such bone')}"
                )
            rows.setdefault(name, []).append([_number(path, value) for value in values])
    short = sorted(name for name, values in rows.items() if len(values) != count)
    if not count or "root" not in rows or short:
        raise InputError(f"{path}: frames without values of {', '.join(short) or 'root'}")
    return {name: np.array(values) for name, values in rows.items()}


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path}: {text!r} is no number") from None


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return [stripped for line in lines if (stripped := line.strip()) and stripped[0] != "#"]


def _sections(lines: list[str]) -> dict[str, list[str]]:
    """Lines below each `:word`."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if line.startswith(":"):
            name = line[1:].split()[0]
            found[name] = []
        elif name:
            found[name].append(line)
    return found


def _between(lines: list[str]) -> list[list[str]]:
    """The lines between each `begin` and `end`."""
    blocks: list[list[str]] = []
    for line in lines:
        if line == "begin":
            blocks.append([])
        elif line != "end":
            blocks[-1].append(line)
    return blocks


def _block(lines: list[str]) -> dict[str, str]:
    pairs = [line.split(maxsplit=1) for line in lines if not line.startswith("(")]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
