"""World axes as other programs want them."""

from __future__ import annotations

import numpy as np

from triangulate.export.options import Up

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


_Z_UP_FROM_Y_UP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def in_axes(points: np.ndarray, up_axis: str | None, up: Up) -> tuple[np.ndarray, str | None]:
    """Points (*B, 3) of a rig's world in the axes of a file.

    Args:
        points: in the rig's world.
        up_axis: the rig's up axis; None (not known): the points stay as they are.
        up: what the file is to have.

    Returns:
        The points, and the axis of theirs that points up ("y", "-y", ...), None where not known.
    """
    if up_axis is None or up == Up.as_is:
        return points, up_axis
    turn = y_up_from_world(up_axis)
    if up == Up.z:
        turn = _Z_UP_FROM_Y_UP @ turn
    return points @ turn.T, str(up)


def up_text(up_axis: str | None, unknown: str = "not known") -> str:
    """`+Y`, `-Z`, ..., or `unknown`."""
    if up_axis is None:
        return unknown
    return up_axis.upper() if up_axis.startswith("-") else f"+{up_axis.upper()}"


def up_notes(name: str, up_axis: str | None, takes: str = "") -> list[str]:
    """What to say where a rig does not tell its up axis.

    Args:
        name: of the format.
        up_axis: the rig's.
        takes: what readers of the format expect, such as "OpenSim takes y as up".
    """
    if up_axis is not None:
        return []
    says = f"{name}: the rig does not say which way is up, so the axes are the rig's own"
    return [f"{says}; {takes}" if takes else says]


def _direction(name: str) -> np.ndarray:
    unit = np.eye(3)["xyz".index(name[-1])]
    return -unit if name.startswith("-") else unit
