"""A slow twin of the ray casting: one ray and one solid at a time, in the solid's coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from triangulate.synthetic.raycast import FAR_M
from triangulate.synthetic.shapes import BOX, ELLIPSOID, Shapes


@pytest.fixture(scope="session")
def slow_entry() -> Callable[[Shapes, int, np.ndarray, np.ndarray], float]:
    """The function `entry`."""
    return entry


def entry(shapes: Shapes, p: int, origin: np.ndarray, direction: np.ndarray) -> float:
    """How far along `direction` the ray enters solid `p` of one scene, (P,) shapes."""
    axes, half = shapes.axes[p].numpy(), shapes.half[p].numpy()
    if half[0] <= 0:
        return FAR_M
    start = axes @ (origin - shapes.centre[p].numpy())
    way = axes @ direction
    kind = int(shapes.kind[p])
    if kind == BOX:
        return _box(start, way, half)
    if kind == ELLIPSOID:
        return _roots(
            float(np.sum((way / half) ** 2)),
            float(np.sum(start * way / half**2)),
            float(np.sum((start / half) ** 2) - 1),
        )[0]
    taper = float(shapes.taper[p])
    wide, narrow = 1 + taper * start[2], taper * way[2]
    across, flat = start[:2] / half[:2], way[:2] / half[:2]
    found = _roots(
        float(flat @ flat - narrow**2),
        float(across @ flat - wide * narrow),
        float(across @ across - wide**2),
    )[0]
    inside = abs(start[2] + found * way[2]) <= half[2]
    return found if inside else FAR_M


def _roots(a: float, half_b: float, c: float) -> tuple[float, float]:
    discriminant = half_b**2 - a * c
    if discriminant <= 0 or a <= 0:
        return FAR_M, FAR_M
    root = math.sqrt(discriminant)
    near = (-half_b - root) / a
    return (near if near > 0 else FAR_M), (-half_b + root) / a


def _box(start: np.ndarray, way: np.ndarray, half: np.ndarray) -> float:
    enter, leave = 0.0, math.inf
    for s, w, h in zip(start, way, half, strict=True):
        if abs(w) < 1e-12:
            if abs(s) > h:
                return FAR_M
            continue
        first, second = sorted(((-h - s) / w, (h - s) / w))
        enter, leave = max(enter, first), min(leave, second)
    return enter if 0 < enter < leave else FAR_M
