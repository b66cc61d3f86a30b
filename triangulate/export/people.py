"""One person out of poses."""

from __future__ import annotations

import numpy as np

from triangulate.poses import Poses3D


def points_of(poses: Poses3D, person: int) -> np.ndarray:
    """A person's positions (T, J, 3), metres, in the rig's world."""
    num_people = poses.positions_m.shape[1]
    if not 0 <= person < num_people:
        raise ValueError(f"person must lie in [0, {num_people}), got {person}")
    return poses.positions_m[:, person]


def names_of_missing(poses: Poses3D, points: np.ndarray) -> list[str]:
    """The joints without a position in any frame, out of (T, J, 3)."""
    found = np.isfinite(points).all(axis=-1).any(axis=0)
    return [
        name
        for name, is_found in zip(poses.skeleton.joint_names, found, strict=True)
        if not is_found
    ]
