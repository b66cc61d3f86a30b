"""From what a motion capture file holds to the joints of Human3.6M.

Files know neither nose nor top of the head, and bend the trunk in several places. The head's points
are put where people have them, and the trunk is read as two rigid bones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from triangulate.skeleton import Skeleton
from triangulate.synthetic.motion import HEAD_POINTS, PROPORTIONS, Motion

PARENTS = {
    "pelvis": None,
    "right_hip": "pelvis",
    "right_knee": "right_hip",
    "right_ankle": "right_knee",
    "left_hip": "pelvis",
    "left_knee": "left_hip",
    "left_ankle": "left_knee",
    "spine": "pelvis",
    "thorax": "spine",
    "neck_base": "thorax",
    "head": "neck_base",
    "left_shoulder": "thorax",
    "left_elbow": "left_shoulder",
    "left_wrist": "left_elbow",
    "right_shoulder": "thorax",
    "right_elbow": "right_shoulder",
    "right_wrist": "right_elbow",
}
"""The tree of the joints, parents before children."""


@cache
def h36m17() -> Skeleton:
    """The joints of everybody made up here; `Skeleton.named` reads a file each time."""
    return Skeleton.named("h36m17")


@dataclass(frozen=True)
class Captured:
    """What a file tells, in metres, z up.

    Attributes:
        points_m: (T, 3) each; the joints of `PARENTS` but the head's (the pelvis may be missing).
        head: (T, 3, 3) the head's frame (x forward, y left, z up) in the world.
        pivot_m: (T, 3) what the head turns about.
        pivot_height_m: of the pivot over the thorax, with the person upright.
        fps: frames a second.
        sole_m: the sole lies so far below the ankle; the lowest one is put on the floor.
    """

    points_m: Mapping[str, np.ndarray]
    head: np.ndarray
    pivot_m: np.ndarray
    pivot_height_m: float
    fps: float
    sole_m: float


def as_motion(captured: Captured) -> Motion:
    """The joints of `Skeleton.named("h36m17")`, with constant bone lengths, on the floor."""
    points = dict(captured.points_m)
    points.setdefault("pelvis", (points["left_hip"] + points["right_hip"]) / 2)
    leg_m = _length(points, "left_knee", "left_hip") + _length(points, "left_ankle", "left_knee")
    height_m = leg_m / (PROPORTIONS["thigh"] + PROPORTIONS["shank"])
    below = np.array([0.0, 0.0, captured.pivot_height_m])
    for name in ("neck_base", "head"):
        offset_m = height_m * np.array(HEAD_POINTS[name]) - below
        points[name] = captured.pivot_m + captured.head @ offset_m
    skeleton = h36m17()
    positions = np.stack([points[name] for name in skeleton.joint_names], axis=1)
    positions = with_bone_lengths(positions, skeleton, bone_lengths(positions, skeleton))
    positions[..., 2] -= floor_height(positions, skeleton, captured.sole_m)
    return Motion(positions, skeleton, captured.fps)


def bone_lengths(positions_m: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(T, J, 3) -> (J,) the median distance of each joint from its parent; 0 for the root."""
    parents = parent_indices(skeleton)
    return np.median(np.linalg.norm(positions_m - positions_m[:, parents], axis=-1), axis=0)


def with_bone_lengths(
    positions_m: np.ndarray, skeleton: Skeleton, lengths_m: np.ndarray
) -> np.ndarray:
    """The pose (*B, J, 3) with the bones' directions kept and other lengths (*B, J) or (J,)."""
    parents = parent_indices(skeleton)
    bones = positions_m - positions_m[..., parents, :]
    norm = np.linalg.norm(bones, axis=-1)
    scale = lengths_m / np.where(norm > 0, norm, 1.0)
    bones = bones * scale[..., None]
    moved = positions_m.copy()
    for name, parent in PARENTS.items():
        if parent is not None:
            j, p = skeleton.index(name), skeleton.index(parent)
            moved[..., j, :] = moved[..., p, :] + bones[..., j, :]
    return moved


def parent_indices(skeleton: Skeleton) -> list[int]:
    """J parents; the root's is itself."""
    return [skeleton.index(PARENTS[name] or name) for name in skeleton.joint_names]


def floor_height(positions_m: np.ndarray, skeleton: Skeleton, sole_m: float) -> float:
    """Where the floor is: what the lowest joint touches in its lowest hundredth of the time."""
    lowest = positions_m[..., 2].min(-1)
    return float(np.quantile(lowest, 0.01)) - sole_m


def _length(points: Mapping[str, np.ndarray], a: str, b: str) -> float:
    return float(np.median(np.linalg.norm(points[a] - points[b], axis=-1)))
