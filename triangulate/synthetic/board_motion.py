"""The way of a board through a recording, as one is told to film it.

It is shown to one camera after the other, near and far, on both sides of the image, tilted towards
the neighbours; then it is laid on the floor.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline, Slerp

from triangulate.rig import Rig
from triangulate.synthetic.draws import normal, uniform

_KEY_S = 2.0  # from one place to the next
_NEAR, _FAR = (0.5, 0.65), (0.85, 1.1)  # of a camera's distance from the middle
_ASIDE = ((0.2, 0.32), (0.0, 0.2))  # of the image's width and height, from its middle
_TILT_RAD, _LEAN_RAD, _ROLL_RAD = (0.5, 0.8), (-0.6, 0.2), 0.2
_LAYING_S = 1.5
_FLAT_AFTER = 0.7  # of that time


def waved_then_laid(
    generator: torch.Generator,
    rig: Rig,
    target_m: np.ndarray,
    num_frames: int,
    *,
    laid_frames: int = 1,
    fps: float = 3.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Where a board is in every frame, world-from-board: (F, 3, 3) and (F, 3) metres.

    Args:
        generator: of the waving.
        rig: cameras around the middle of the world, z up, the floor at z = 0; their sizes known.
        target_m: (N, 3) the board's points.
        num_frames: F.
        laid_frames: so many last frames show it lying in the middle, its print up.
        fps: frames a second.
    """
    laying = round(_LAYING_S * fps)
    waved = num_frames - laying - laid_frames
    if waved < 1 or laid_frames < 0:
        raise ValueError(
            f"num_frames must be more than {laying} on the way to the floor and {laid_frames} on "
            f"it, got {num_frames}"
        )
    times_s = np.arange(waved) / fps
    count = max(3, int(np.ceil(times_s[-1] / _KEY_S)) + 1)
    keys_s = _KEY_S * np.arange(count)
    turns, places = _shown(generator, rig, count, _half_diagonal(target_m))
    held, middle = RotationSpline(keys_s, turns)(times_s), CubicSpline(keys_s, places)(times_s)

    share = np.minimum(np.arange(1, laying + laid_frames + 1) / (laying + 1), 1.0)
    flatter = Slerp([0, 1], Rotation.concatenate([held[-1], _lying(held[-1])]))
    flat = _eased(np.minimum(share / _FLAT_AFTER, 1.0))
    turned = Rotation.concatenate([held, flatter(flat)])
    middle = np.concatenate([middle, (1 - _eased(share)[:, None]) * middle[-1]])
    return turned.as_matrix(), middle - turned.apply(target_m.mean(0))


def _shown(
    generator: torch.Generator, rig: Rig, count: int, half_diagonal_m: float
) -> tuple[Rotation, np.ndarray]:
    """World-from-board rotations and the board's middles (K, 3), each before a camera."""
    number = np.arange(count)
    view, is_far = number // 2 % len(rig), number % 2
    side = np.where((number // 2 + number) % 2, 1.0, -1.0)  # of the image, and of the tilt
    sizes = np.array([rig.sizes[v] for v in view], dtype=np.float64)
    aside = np.stack([uniform(generator, *each, (count,)) for each in _ASIDE], axis=-1)
    upwards = np.where(uniform(generator, 0, 1, (count,)) < 0.5, 1.0, -1.0)
    pixels = (0.5 + aside * np.stack([side, upwards], axis=-1)) * sizes
    cameras = rig.cameras[torch.from_numpy(view)]
    _, ray, _ = cameras.rays(torch.from_numpy(pixels)[:, None])
    centre = cameras.centre_world.numpy()
    low, high = np.where(is_far[:, None], _FAR, _NEAR).T
    away = (low + (high - low) * uniform(generator, 0, 1, (count,))) * np.hypot(*centre[:, :2].T)
    middle = centre + away[:, None] * ray[:, 0].numpy()
    middle[:, 2] = middle[:, 2].clip(1.05 * half_diagonal_m, 2.5 * half_diagonal_m)

    z = middle - centre  # away from who reads the print
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    x = np.cross(z, np.array([0.0, 0.0, 1.0]))
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    facing = Rotation.from_matrix(np.stack([x, np.cross(z, x), z], axis=-1))
    turn = np.stack(
        [
            uniform(generator, *_LEAN_RAD, (count,)),
            side * uniform(generator, *_TILT_RAD, (count,)),
            normal(generator, _ROLL_RAD, (count,)),
        ],
        axis=-1,
    )
    return facing * Rotation.from_rotvec(turn), middle


def _half_diagonal(target_m: np.ndarray) -> float:
    """Of the board, its outermost squares included as far as that can be told."""
    return 0.7 * float(np.linalg.norm(np.ptp(target_m, axis=0)))


def _lying(held: Rotation) -> Rotation:
    """The board with its print up and its columns as they were, but level."""
    x, y, _ = held.as_matrix()[:, 0]
    along = np.array([x, y, 0.0]) / max(np.hypot(x, y), 1e-9)
    down = np.array([0.0, 0.0, -1.0])
    return Rotation.from_matrix(np.stack([along, np.cross(down, along), down], axis=-1))


def _eased(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 without a jerk."""
    return share * share * (3 - 2 * share)
