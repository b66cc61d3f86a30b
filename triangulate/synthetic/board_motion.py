"""The way of a board through a recording: waved before the cameras, then laid on the floor."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation, Slerp

from triangulate.rig import Rig
from triangulate.synthetic.boards import Boxes, board_scene

HELD_IN: Boxes = ((0.0, 0.0, 1.2), (1.6, 1.6, 0.4))
"""Centre and half size of the box in which a board of a metre is waved without meeting the floor,
in the middle of `ring_rig`."""

_LAYING_S = 1.5
_FLAT_AFTER = 0.7  # of that time


def waved_then_laid(
    generator: torch.Generator,
    rig: Rig,
    target_m: np.ndarray,
    num_frames: int,
    *,
    laid_frames: int = 3,
    fps: float = 4.0,
    volume: Boxes = HELD_IN,
) -> tuple[np.ndarray, np.ndarray]:
    """Where a board is in every frame, world-from-board: (F, 3, 3) and (F, 3) metres.

    Args:
        generator: of the waving.
        rig: the cameras to which the board is shown, z up, the floor at z = 0.
        target_m: (N, 3) the board's points.
        num_frames: F.
        laid_frames: so many last frames show it lying in the middle, its print up.
        fps: frames a second.
        volume: see `boards.board_scene`.
    """
    laying = round(_LAYING_S * fps)
    waved = num_frames - laying - laid_frames
    if waved < 1 or laid_frames < 0:
        raise ValueError(
            f"num_frames must be more than {laying} on the way to the floor and {laid_frames} on "
            f"it, got {num_frames}"
        )
    scene = board_scene(
        generator, rig, target_m, waved, motion="smooth", fps=fps, volume=volume, missing_views=0
    )
    held = Rotation.from_matrix(scene.world_from_board_rotation)
    centre = target_m.mean(0)
    middle = held.apply(centre) + scene.world_from_board_translation_m
    share = np.minimum(np.arange(1, laying + laid_frames + 1) / (laying + 1), 1.0)
    turns = Slerp([0, 1], Rotation.concatenate([held[-1], _lying(held[-1])]))
    turned = Rotation.concatenate([held, turns(_eased(np.minimum(share / _FLAT_AFTER, 1.0)))])
    middle = np.concatenate([middle, (1 - _eased(share)[:, None]) * middle[-1]])
    return turned.as_matrix(), middle - turned.apply(centre)


def _lying(held: Rotation) -> Rotation:
    """The board with its print up and its columns as they were, but level."""
    x, y, _ = held.as_matrix()[:, 0]
    along = np.array([x, y, 0.0]) / max(np.hypot(x, y), 1e-9)
    down = np.array([0.0, 0.0, -1.0])
    return Rotation.from_matrix(np.stack([along, np.cross(down, along), down], axis=-1))


def _eased(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 without a jerk."""
    return share * share * (3 - 2 * share)
