"""A walking person of known truth: rigid bones, planted feet, z up, the floor at z = 0.

The pelvis follows the path, the legs reach from it to the feet of `gait.walking_foot`, and trunk,
head and arms are turned joint by joint. Body proportions: Winter, "Biomechanics and Motor Control
of Human Movement" (2009), after Drillis & Contini. Body frames: x forward, y left, z up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from triangulate.skeleton import Skeleton
from triangulate.synthetic.draws import uniform
from triangulate.synthetic.gait import UNDER, Foot, FootShape, figure_eight, walking_foot

PROPORTIONS = {
    "ankle_height": 0.039,
    "heel": 0.03,
    "toe": 0.095,
    "shank": 0.246,
    "thigh": 0.245,
    "hip": 0.052,
    "lumbar": 0.13,
    "thoracic": 0.16,
    "shoulder": 0.1,
    "upper_arm": 0.172,
    "forearm": 0.146,
}
"""Lengths in body heights; `hip` and `shoulder` are half the widths between the joints."""

HEAD_POINTS = {
    "neck_base": (0.035, 0.0, 0.085),
    "head": (0.01, 0.0, 0.185),
    "neck": (0.0, 0.0, 0.0),
    "nose": (0.075, 0.0, 0.095),
    "left_eye": (0.062, 0.019, 0.112),
    "left_ear": (0.015, 0.042, 0.105),
}
"""Points of the head from the thorax, in body heights; the right side is mirrored."""

_ALIASES = {
    "foot": "ankle",
    "root": "mid_hip",
    "pelvis": "mid_hip",
    "head_top": "head",
}


@dataclass(frozen=True)
class Motion:
    """Where a person's joints really are.

    Attributes:
        positions_m: (T, J, 3) world, metres, z up, the floor at z = 0.
        skeleton: the J joints.
        fps: frames a second.
    """

    positions_m: np.ndarray
    skeleton: Skeleton
    fps: float


def walk(
    generator: torch.Generator,
    num_frames: int = 300,
    fps: float = 50.0,
    height_m: float = 1.75,
    speed_mps: float = 1.1,
    half_length_m: float = 1.7,
    skeleton: Skeleton | None = None,
    start_s: float = 0.0,
) -> Motion:
    """A person walking a figure eight around the origin.

    The generator decides the proportions (each within 3 % of the average), where on the path the
    walk starts and which way the path lies, the phase of the gait, and the swing of the arms.

    Args:
        generator: source of all that varies.
        num_frames: T.
        fps: frames a second.
        height_m: of the person.
        speed_mps: metres a second along the path.
        half_length_m: from the middle of the figure eight to its ends.
        skeleton: `Skeleton.named("h36m17")` by default; any set whose joint names are known here
            (COCO, BODY_25, Human3.6M).
        start_s: when the first frame is taken: the same walk, seen by a camera that is late.
    """
    skeleton = Skeleton.named("h36m17") if skeleton is None else skeleton
    lengths = {
        name: share * height_m * float(uniform(generator, 0.97, 1.03))
        for name, share in PROPORTIONS.items()
    }
    direction, start, phase = uniform(generator, 0, 1, (3,))
    path = figure_eight(half_length_m, 2 * np.pi * direction)
    stride_m = 0.66 * height_m * (speed_mps / 1.2) ** 0.5
    walked = speed_mps * (start_s + np.arange(num_frames) / fps) + start * path.length_m[-1]
    cycle = walked / stride_m + phase
    shape = FootShape(lengths["ankle_height"], lengths["heel"], lengths["toe"])
    feet = {
        side: walking_foot(
            path, cycle + late, phase + late, sign * 0.05 * height_m, stride_m, shape, height_m
        )
        for side, sign, late in (("left", 1, 0.0), ("right", -1, 0.5))
    }
    middle, heading = path.at(walked)
    centre = np.concatenate([middle, _pelvis_height(cycle, lengths, stride_m)[:, None]], axis=-1)
    sway = 0.01 * height_m * np.cos(2 * np.pi * (cycle - UNDER))
    centre[:, :2] += sway[:, None] * np.stack([-np.sin(heading), np.cos(heading)], axis=-1)

    points = _trunk(centre, heading, cycle, lengths, height_m)
    points |= _arms(points, cycle, lengths, generator)
    for side, foot in feet.items():
        points |= _leg(side, points[f"{side}_hip"], heading, foot, lengths)
    frames = {name: value for name, value in points.items() if value.ndim == 2}
    return Motion(_by_name(frames, skeleton), skeleton, fps)


def _pelvis_height(cycle: np.ndarray, lengths: Mapping[str, float], stride_m: float) -> np.ndarray:
    """(T,) lowest with both feet on the floor, highest over the straight leg."""
    leg = lengths["thigh"] + lengths["shank"]
    ahead = UNDER * stride_m
    low = lengths["ankle_height"] + np.sqrt((0.975 * leg) ** 2 - ahead**2)
    high = lengths["ankle_height"] + 0.975 * leg
    rise = 0.5 * (1 + np.cos(4 * np.pi * (cycle - UNDER)))
    return low + (high - low) * rise


def _trunk(
    centre: np.ndarray,
    heading: np.ndarray,
    cycle: np.ndarray,
    lengths: Mapping[str, float],
    height_m: float,
) -> dict[str, np.ndarray]:
    """Pelvis, spine, shoulders and head, and the chest's rotation (T, 3, 3) as `chest`."""
    swing = np.cos(2 * np.pi * cycle)  # +1 when the left heel touches the floor
    facing = _turn("z", heading)
    list_rad = 0.04 * np.cos(2 * np.pi * (cycle - UNDER))
    pelvis = facing @ _turn("z", -0.08 * swing) @ _turn("x", list_rad)
    lumbar = facing @ _turn("y", 0.03 + 0.01 * np.cos(4 * np.pi * cycle))
    chest = facing @ _turn("z", 0.1 * swing) @ _turn("y", 0.06 + 0 * swing)
    head = facing @ _turn("y", -0.02 + 0.02 * np.cos(4 * np.pi * cycle))
    spine = centre + lumbar @ np.array([0, 0, lengths["lumbar"]])
    thorax = spine + chest @ np.array([0, 0, lengths["thoracic"]])
    points = {"mid_hip": centre, "spine": spine, "thorax": thorax, "chest": chest}
    for side, sign in (("left", 1), ("right", -1)):
        points[f"{side}_hip"] = centre + pelvis @ np.array([0, sign * lengths["hip"], 0])
        points[f"{side}_shoulder"] = thorax + chest @ np.array([0, sign * lengths["shoulder"], 0])
    for name, offset in HEAD_POINTS.items():
        points[name] = thorax + head @ (height_m * np.array(offset))
        if name.startswith("left_"):
            mirrored = height_m * np.array([1, -1, 1]) * offset
            points[name.replace("left", "right")] = thorax + head @ mirrored
    return points


def _arms(
    points: Mapping[str, np.ndarray],
    cycle: np.ndarray,
    lengths: Mapping[str, float],
    generator: torch.Generator,
) -> dict[str, np.ndarray]:
    """Elbows and wrists: each arm swings with the other side's leg."""
    arms = {}
    for side, sign, late in (("left", 1, 0.5), ("right", -1, 0.0)):
        reach, bend, out = uniform(generator, 0.8, 1.2, (3,))
        swing = np.cos(2 * np.pi * (cycle + late))
        aside = _turn("x", np.full_like(swing, sign * 0.14 * out))
        upper = points["chest"] @ aside @ _turn("y", -0.05 - 0.33 * reach * swing)
        lower = upper @ _turn("y", -0.4 * bend - 0.2 * (1 + swing))
        elbow = points[f"{side}_shoulder"] + upper @ np.array([0, 0, -lengths["upper_arm"]])
        arms[f"{side}_elbow"] = elbow
        arms[f"{side}_wrist"] = elbow + lower @ np.array([0, 0, -lengths["forearm"]])
    return arms


def _leg(
    side: str,
    hip: np.ndarray,
    heading: np.ndarray,
    foot: Foot,
    lengths: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """Knee, ankle, heel and toes, the knee bent forward by the law of cosines.

    A foot beyond the leg's reach is drawn in: bones stay rigid whatever the stride.
    """
    thigh, shank = lengths["thigh"], lengths["shank"]
    to_foot = foot.ankle_m - hip
    distance = np.linalg.norm(to_foot, axis=-1, keepdims=True)
    down = to_foot / distance
    distance = np.minimum(distance, 0.9995 * (thigh + shank))
    knees_face = 0.5 * (heading + foot.heading_rad)
    forward = np.stack([np.cos(knees_face), np.sin(knees_face), 0 * knees_face], axis=-1)
    forward -= (forward * down).sum(-1, keepdims=True) * down
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    along = (thigh**2 - shank**2 + distance**2) / (2 * distance)
    knee = hip + along * down + np.sqrt(thigh**2 - along**2) * forward
    ankle = hip + distance * down
    turn = _turn("z", foot.heading_rad) @ _turn("y", foot.pitch_rad)
    h, toe = lengths["ankle_height"], lengths["toe"]
    return {
        f"{side}_knee": knee,
        f"{side}_ankle": ankle,
        f"{side}_heel": ankle + turn @ np.array([-lengths["heel"], 0, -h]),
        f"{side}_big_toe": ankle + turn @ np.array([toe, 0, -h]),
        f"{side}_small_toe": ankle
        + turn @ np.array([0.8 * toe, (0.4 if side == "left" else -0.4) * toe, -h]),
    }


def _by_name(points: Mapping[str, np.ndarray], skeleton: Skeleton) -> np.ndarray:
    """The joints of a skeleton, (T, J, 3)."""
    columns = []
    for joint in skeleton.joint_names:
        side, _, rest = joint.partition("_")
        plain = f"{side}_{_ALIASES.get(rest, rest)}" if side in ("left", "right") else joint
        plain = _ALIASES.get(plain, plain)
        if plain not in points:
            raise ValueError(f"no joint {joint!r} on the made-up body; it has {sorted(points)}")
        columns.append(points[plain])
    return np.stack(columns, axis=1)


def _turn(axis: str, angle_rad: np.ndarray) -> np.ndarray:
    """Rotations about x, y or z, (*B,) -> (*B, 3, 3)."""
    c, s, zero, one = np.cos(angle_rad), np.sin(angle_rad), 0 * angle_rad, 1 + 0 * angle_rad
    rows = {
        "x": [one, zero, zero, zero, c, -s, zero, s, c],
        "y": [c, zero, s, zero, one, zero, -s, zero, c],
        "z": [c, -s, zero, s, c, zero, zero, zero, one],
    }[axis]
    return np.stack(rows, axis=-1).reshape(*angle_rad.shape, 3, 3)
