"""A floor through points, and the axes that stand on it."""

from __future__ import annotations

import numpy as np

from triangulate.errors import InputError
from triangulate.rig import Rig

BESIDE_M = 0.1
"""A camera nearer than this to a plane stands on neither side of it."""

UNEVEN_M, UNEVEN_PART = 0.05, 0.02
"""Points farther than this (or than this part of their extent) from a plane are on no one floor."""

LEAST_SPREAD = 1e-3
"""Thickness over length of a cloud of points below which it is a line."""


def plane_through(points: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """The middle and the unit normal of points (N, 3)."""
    if len(points) < 3 or not np.isfinite(points).all() or spread_of(points) < LEAST_SPREAD:
        raise InputError(f"{what}: three points that do not lie in a line are needed")
    middle = points.mean(0)
    normal = np.linalg.svd(points - middle)[2][-1]
    off_m = np.abs((points - middle) @ normal).max()
    if off_m > max(UNEVEN_M, UNEVEN_PART * np.linalg.norm(points - middle, axis=-1).max()):
        raise InputError(
            f"{what}: its points do not lie in one plane (up to {off_m:.2f} m off): leave out what "
            "is not on the floor"
        )
    return middle, normal


def toward_cameras(rig: Rig, middle: np.ndarray, normal: np.ndarray, what: str) -> np.ndarray:
    """The normal's side on which the cameras are."""
    height_m = (rig.cameras.centre_world.numpy() - middle) @ normal
    above, below = height_m > BESIDE_M, height_m < -BESIDE_M
    if above.any() and below.any():
        fewer = above if above.sum() <= below.sum() else below
        names = ", ".join(np.array(rig.names)[fewer])
        raise InputError(
            f"{what}: cameras stand on both sides of it ({names} beyond the others), so it is no "
            "floor: take another"
        )
    return normal if height_m.sum() > 0 else -normal


def axes_on(up: np.ndarray, along: np.ndarray | None) -> np.ndarray:
    """World-from-old rotation with z along `up` and x along `along`, or else as it was."""
    if along is None:
        # The old x, or the old y where that one points up or down.
        x_old, y_old = np.eye(3)[:2]
        steep = abs(up @ x_old) > 0.9
        along = np.cross(y_old, up) if steep else x_old
    x = along - (along @ up) * up
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(up, x), up])


def spread_of(points: np.ndarray) -> float:
    """How wide a cloud of points (N, 3) is across its longest direction, as a part of that."""
    singular = np.linalg.svd(points - points.mean(0), compute_uv=False)
    return float(singular[1] / max(singular[0], 1e-12)) if len(singular) > 1 else 0.0
