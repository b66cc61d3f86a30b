"""Volumes of joints, seen as clouds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from triangulate.cloud.points import Cloud


def density_cloud(volume: Tensor, grid_world: Tensor, share: float = 0.1) -> Cloud:
    """The voxels that hold enough of each joint's volume, in a colour a joint.

    Args:
        volume: (J, X, Y, Z) not negative, such as `Prediction.volume` of one sample.
        grid_world: (X, Y, Z, 3) metres.
        share: of a joint's highest voxel, from which on a voxel is drawn.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    highest = volume.amax((1, 2, 3), keepdim=True)
    relative = volume / torch.where(highest > 0, highest, 1.0)
    joint, *at = torch.nonzero(relative >= share).unbind(-1)
    drawn = relative[(joint, *at)].numpy()
    colours = hues(len(volume))[joint.numpy()] * np.sqrt(drawn)[:, None]
    points = grid_world[tuple(at)].numpy()
    return Cloud(points, np.rint(colours).astype(np.uint8), density=drawn)


def hues(count: int) -> np.ndarray:
    """(count, 3) bright colours in [0, 255] around the colour circle."""
    turn = np.arange(count)[:, None] / max(count, 1) + np.array([0, 2 / 3, 1 / 3])
    return 255 * (np.abs(6 * (turn % 1) - 3) - 1).clip(0, 1)
