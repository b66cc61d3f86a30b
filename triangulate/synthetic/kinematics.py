"""Forward kinematics: from the turns of joints to where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def forward_kinematics(
    turns: np.ndarray, offsets_m: np.ndarray, parents: Sequence[int], root_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the joints of a tree are, and how their frames stand in the world.

    Joint j sits at p_j = p_parent + R_parent offset_j, with the frame R_j = R_parent turn_j.

    Args:
        turns: (*B, J, 3, 3) each joint's frame in its parent's; the root's in the world.
        offsets_m: (*B, J, 3) or (J, 3) each joint in its parent's frame; the root's is not used.
        parents: J indices, parents before children; -1 for the root, joint 0.
        root_m: (*B, 3) where the root is.

    Returns:
        (*B, J, 3) positions and (*B, J, 3, 3) frames.
    """
    if parents[0] != -1 or any(not 0 <= parent < j for j, parent in enumerate(parents) if j):
        raise ValueError(f"parents must be -1 for joint 0 and come before children: {parents}")
    offsets_m = np.broadcast_to(offsets_m, turns.shape[:-1])
    positions, frames = [np.asarray(root_m)], [turns[..., 0, :, :]]
    for j, parent in enumerate(parents[1:], start=1):
        carried = frames[parent] @ offsets_m[..., j, :, None]
        positions.append(positions[parent] + carried[..., 0])
        frames.append(frames[parent] @ turns[..., j, :, :])
    return np.stack(positions, axis=-2), np.stack(frames, axis=-3)
