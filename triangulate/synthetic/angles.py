"""Poses out of random joint angles: standing, bending, squatting, reaching, lying.

Body frames: x forward, y left, z up. The ranges are those of healthy adults, roughly.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from triangulate.synthetic.captured import PARENTS, h36m17
from triangulate.synthetic.draws import normal, uniform
from triangulate.synthetic.kinematics import forward_kinematics
from triangulate.synthetic.motion import HEAD_POINTS, PROPORTIONS

_TRIES = 8  # poses drawn for each one kept
_SIDES = (("left", 1.0), ("right", -1.0))
_NAMES = list(PARENTS)


def random_pose(
    generator: torch.Generator,
    count: int = 1,
    *,
    height_m: tuple[float, float] = (1.45, 1.95),
    lying: float = 0.2,
) -> np.ndarray:
    """Poses of random people, (count, J, 3) m, joints of h36m17, z up, the lowest on the floor.

    Arms that would go through the trunk or the head are drawn again, a few times.

    Args:
        generator: source of all that varies.
        count: how many, each of another body.
        height_m: range of the bodies' heights.
        lying: part of them that is turned any way in space instead of upright.
    """
    shape = (count, _TRIES)
    height = uniform(generator, *height_m, (count,))
    offsets = random_offsets(generator, height)[:, None]
    turns = _turns(generator, shape, lying)
    parents = [_NAMES.index(PARENTS[name] or name) for name in _NAMES]
    parents[0] = -1
    places, _ = forward_kinematics(turns, offsets, parents, np.zeros((*shape, 3)))
    chosen = places[np.arange(count), _clear(places, height).argmax(1)]
    skeleton = h36m17()
    positions = chosen[:, [_NAMES.index(name) for name in skeleton.joint_names]]
    low = (positions[..., 2]).min(1) - PROPORTIONS["ankle_height"] * height
    positions[..., 2] -= low[:, None]
    return positions


def random_offsets(generator: torch.Generator, height_m: np.ndarray) -> np.ndarray:
    """(B,) heights -> (B, J, 3): each joint of `PARENTS` in its parent's frame, all standing."""
    batch = height_m.shape
    length = {
        name: share * height_m * (1 + normal(generator, 0.06, batch).clip(-0.18, 0.18))
        for name, share in PROPORTIONS.items()
    }
    zero = np.zeros(batch)
    nod = height_m[:, None] * np.array(HEAD_POINTS["neck_base"])
    table = {
        "pelvis": (zero, zero, zero),
        "spine": (zero, zero, length["lumbar"]),
        "thorax": (zero, zero, length["thoracic"]),
        "neck_base": nod.T,
        "head": (height_m[:, None] * np.array(HEAD_POINTS["head"]) - nod).T,
    }
    for side, sign in _SIDES:
        table[f"{side}_hip"] = (zero, sign * length["hip"], zero)
        table[f"{side}_knee"] = (zero, zero, -length["thigh"])
        table[f"{side}_ankle"] = (zero, zero, -length["shank"])
        table[f"{side}_shoulder"] = (zero, sign * length["shoulder"], zero)
        table[f"{side}_elbow"] = (zero, zero, -length["upper_arm"])
        table[f"{side}_wrist"] = (zero, zero, -length["forearm"])
    return np.stack([np.stack(tuple(table[name]), axis=-1) for name in _NAMES], axis=-2)


def _turns(generator: torch.Generator, shape: tuple[int, int], lying: float) -> np.ndarray:
    """(*shape, J, 3, 3) each joint's frame in its parent's."""
    turns = np.broadcast_to(np.eye(3), (*shape, len(_NAMES), 3, 3)).copy()

    def turn(name: str, side_bend: np.ndarray, bend: np.ndarray, twist: np.ndarray) -> None:
        """Twist about z, then bend about y (positive: forward), then lean about x."""
        angles = np.stack([twist, bend, side_bend], axis=-1).reshape(-1, 3)
        turns[..., _NAMES.index(name), :, :] = (
            Rotation.from_euler("zyx", angles).as_matrix().reshape(*shape, 3, 3)
        )

    def scatter(sigma: float) -> np.ndarray:
        return normal(generator, sigma, shape).clip(-2.2 * sigma, 2.2 * sigma)

    turn("pelvis", scatter(0.1), 0.05 + scatter(0.15), 0 * scatter(0.1))
    heading = Rotation.from_rotvec(
        uniform(generator, -np.pi, np.pi, (shape[0], 1)) * np.array([0.0, 0.0, 1.0])
    ).as_matrix()
    anyhow = Rotation.from_quat(normal(generator, 1.0, (shape[0], 4))).as_matrix()
    is_lying = uniform(generator, 0, 1, (shape[0], 1, 1)) < lying
    turns[..., 0, :, :] = np.where(is_lying, anyhow, heading)[:, None] @ turns[..., 0, :, :]
    turn("spine", scatter(0.12), 0.12 + scatter(0.25), scatter(0.15))
    turn("thorax", scatter(0.2), 0.05 + scatter(0.25), scatter(0.45))
    for side, sign in _SIDES:
        deep = uniform(generator, 0, 1, shape) < 0.4
        flexed = np.where(deep, uniform(generator, 0.3, 1.9, shape), 0.1 + scatter(0.25))
        aside = (0.1 + scatter(0.2)).clip(-0.15, 0.7) + deep * uniform(generator, 0, 0.4, shape)
        bent = np.where(deep, uniform(generator, 0.1, 2.3, shape), np.abs(scatter(0.35)))
        turn(f"{side}_hip", sign * aside, -flexed, scatter(0.25))
        turn(f"{side}_knee", 0 * aside, bent, 0 * aside)

        hanging = uniform(generator, 0, 1, shape) < 0.35
        raised = np.where(hanging, 0.1 + scatter(0.35), uniform(generator, -0.5, 2.9, shape))
        aside = np.where(hanging, 0.2 + scatter(0.12), uniform(generator, -0.15, 1.6, shape))
        bent = np.where(hanging, np.abs(scatter(0.5)), uniform(generator, 0.0, 2.4, shape))
        turn(
            f"{side}_shoulder", sign * aside, -raised, -sign * uniform(generator, -0.4, 1.2, shape)
        )
        turn(f"{side}_elbow", 0 * aside, -bent, 0 * aside)
    return turns


def _clear(places: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    """(B, K, J, 3) -> (B, K): elbows, wrists and knees stay outside the trunk and the head."""
    at = {name: places[..., j, :] for j, name in enumerate(_NAMES)}
    clear = np.ones(places.shape[:2], dtype=bool)
    for side, _ in _SIDES:
        for joint, trunk, head in (("wrist", 0.085, 0.08), ("elbow", 0.07, 0.07)):
            point = at[f"{side}_{joint}"]
            away = _segment_distance(point, at["pelvis"], at["thorax"])
            up = _segment_distance(point, at["thorax"], at["head"])
            clear &= (away > trunk * height_m[:, None]) & (up > head * height_m[:, None])
    apart = np.linalg.norm(at["left_knee"] - at["right_knee"], axis=-1)
    ankles = np.linalg.norm(at["left_ankle"] - at["right_ankle"], axis=-1)
    return clear & (apart > 0.06 * height_m[:, None]) & (ankles > 0.05 * height_m[:, None])


def _segment_distance(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(*B, 3) points to segments, (*B,)."""
    along = b - a
    share = ((point - a) * along).sum(-1) / (along * along).sum(-1)
    return np.linalg.norm(point - a - share.clip(0, 1)[..., None] * along, axis=-1)
