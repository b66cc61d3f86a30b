"""Simple meshes: a sphere for a joint, a bar for a bone."""

from __future__ import annotations

import numpy as np

Solid = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Points (N, 3), normals (N, 3) and triangles (M, 3), counter-clockwise seen from outside."""


def ball(radius: float, rings: int = 8, spokes: int = 12) -> Solid:
    """A sphere around the origin."""
    polar = np.linspace(0, np.pi, rings + 1)[:, None]
    around = np.linspace(0, 2 * np.pi, spokes + 1)[None]
    normals = np.stack(
        [
            np.sin(polar) * np.cos(around),
            np.cos(polar) * np.ones_like(around),
            -np.sin(polar) * np.sin(around),
        ],
        axis=-1,
    ).reshape(-1, 3)
    return radius * normals, normals, _strip(rings, spokes)


def bar(radius: float, spokes: int = 8) -> Solid:
    """A tube about y from 0 to 1, open at its ends, which spheres cover."""
    around = np.linspace(0, 2 * np.pi, spokes + 1)
    level = np.stack([np.cos(around), 0 * around, -np.sin(around)], axis=-1)
    points = np.concatenate([radius * level + [0, 1, 0], radius * level])
    return points, np.concatenate([level, level]), _strip(1, spokes)


def _strip(rows: int, columns: int) -> np.ndarray:
    """Two triangles for each cell of a grid of (rows + 1) x (columns + 1) points."""
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).reshape(-1)
    below = corner + columns + 1
    return np.concatenate(
        [
            np.stack([corner, below, corner + 1], axis=-1),
            np.stack([corner + 1, below, below + 1], axis=-1),
        ]
    )
