"""World axes as other programs want them."""

from __future__ import annotations

import numpy as np

_Y_UP_FROM_WORLD = {
    "y": ("x", "y", "z"),
    "-y": ("x", "-y", "-z"),
    "z": ("y", "z", "x"),
    "-z": ("-y", "-z", "x"),
    "x": ("z", "x", "y"),
    "-x": ("z", "-x", "-y"),
}
"""For every up axis, the world directions that become x, y and z."""


def y_up_from_world(up_axis: str | None) -> np.ndarray:
    """The rotation (3, 3) that takes a rig's up axis to +y.

    For "z" it takes the columns y, z, x, as OpenSim users do. None (up is not known) changes
    nothing.
    """
    if up_axis is None:
        return np.eye(3)
    if up_axis not in _Y_UP_FROM_WORLD:
        raise ValueError(f"up_axis must be one of {sorted(_Y_UP_FROM_WORLD)}, got {up_axis!r}")
    return np.stack([_direction(name) for name in _Y_UP_FROM_WORLD[up_axis]])


def _direction(name: str) -> np.ndarray:
    unit = np.eye(3)["xyz".index(name[-1])]
    return -unit if name.startswith("-") else unit
