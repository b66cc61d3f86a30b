"""Motions of the DeepMimic format: joint angles in JSON, the skeleton in another JSON.

Format: https://github.com/xbpeng/DeepMimic. A frame is its duration, the root's place and the
joints' turns: quaternions (w first), and angles of the hinges. The person faces x, y is up and z is
to the right; knees and elbows turn about z, knees by negative angles.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.synthetic.captured import Captured
from triangulate.synthetic.kinematics import forward_kinematics

CHARACTER_FILE = "character_humanoid3d.txt"

_ORDER = (
    "chest", "neck", "right_hip", "right_knee", "right_ankle", "right_shoulder", "right_elbow",
    "left_hip", "left_knee", "left_ankle", "left_shoulder", "left_elbow",
)  # fmt: skip
_HINGES = ("right_knee", "right_elbow", "left_knee", "left_elbow")
_COLUMNS = 44
_SOLE_M = 0.05  # below the ankle: the foot of the format's character is a box
_WORLD_FROM_FILE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def read_deepmimic(path: Path) -> Captured:
    """A motion, with `character_humanoid3d.txt` from the same folder."""
    frames = _frames(path)
    names, parents, offsets_m = _character(path.parent / CHARACTER_FILE)
    turns = np.broadcast_to(np.eye(3), (len(frames), len(names), 3, 3)).copy()
    turns[:, 0] = _quaternions(frames[:, 4:8])
    at = 8
    for name in _ORDER:
        width = 1 if name in _HINGES else 4
        part = frames[:, at : at + width]
        turn = _about_z(part) if name in _HINGES else _quaternions(part)
        turns[:, names.index(name)] = turn
        at += width
    places, turned = forward_kinematics(turns, offsets_m, parents, frames[:, 1:4])
    points = dict(zip(names, np.moveaxis(places @ _WORLD_FROM_FILE.T, 1, 0), strict=True))
    points["pelvis"] = points.pop("root")
    points["spine"], points["thorax"] = points.pop("chest"), points.pop("neck")
    head = _WORLD_FROM_FILE @ turned[:, names.index("neck")] @ _WORLD_FROM_FILE.T
    return Captured(points, head, points["thorax"], 0.0, 1 / float(frames[0, 0]), sole_m=_SOLE_M)


def _frames(path: Path) -> np.ndarray:
    content = _json(path)
    try:
        frames = np.array(content["Frames"], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: no 'Frames' with rows of {_COLUMNS} numbers in it") from None
    if frames.ndim != 2 or frames.shape[1] != _COLUMNS or not len(frames):
        raise InputError(
            f"{path}: expected frames of {_COLUMNS} numbers (the humanoid3d character), "
            f"found {'x'.join(map(str, frames.shape))}"
        )
    if not np.isfinite(frames).all() or frames[0, 0] <= 0:
        raise InputError(f"{path}: the first frame's duration or some number makes no sense")
    return frames


def _character(path: Path) -> tuple[list[str], list[int], np.ndarray]:
    """Names, parents and (J, 3) offsets of the joints."""
    try:
        joints = _json(path)["Skeleton"]["Joints"]
        names = [joint["Name"] for joint in joints]
        parents = [int(joint["Parent"]) for joint in joints]
        offsets = [[float(joint[f"Attach{axis}"]) for axis in "XYZ"] for joint in joints]
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: no skeleton with named and attached joints in it") from None
    missing = sorted({*_ORDER, "root", "left_wrist", "right_wrist"} - set(names))
    if missing:
        raise InputError(f"{path}: the skeleton has no {', '.join(missing)}")
    return names, parents, np.array(offsets)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise InputError(f"{path}: no JSON") from None


def _quaternions(w_first: np.ndarray) -> np.ndarray:
    """(T, 4) -> (T, 3, 3)."""
    return Rotation.from_quat(w_first[:, [1, 2, 3, 0]]).as_matrix()


def _about_z(angle_rad: np.ndarray) -> np.ndarray:
    """(T, 1) -> (T, 3, 3)."""
    return Rotation.from_rotvec(angle_rad * np.array([0.0, 0.0, 1.0])).as_matrix()
