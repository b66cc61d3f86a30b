"""How far apart two rigs of the same cameras are: in space, and in every image.

A rig has no place of its own, so two of them are compared where the target was filmed: in the
frame in which these places agree best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from calib.space import anchors_world
from triangulate.geometry.refine import refine
from triangulate.geometry.similarity import align
from triangulate.rig import Rig

if TYPE_CHECKING:
    from calib.solution import Solution

_STEPS = 6  # Gauss-Newton: rigs lie close together


@dataclass(frozen=True, eq=False)
class Displacement:
    """What becomes of points when one rig takes their pixels and the other triangulates them.

    Attributes:
        points_m: (N,) how far each point moves; NaN where fewer than two cameras see it.
        pixels_px: (V, N) how far apart the two rigs see a point; NaN where it is out of the image.
    """

    points_m: np.ndarray
    pixels_px: np.ndarray


def displacement(
    solution: Solution, a: Rig, b: Rig, points_world: np.ndarray, without: int | None = None
) -> Displacement:
    """Compare two rigs with the cameras of a solution, in worlds that are nearly its own.

    Args:
        solution: tells where the target was, and which camera sees what.
        a: takes the pixels.
        b: triangulates.
        points_world: (N, 3).
        without: a camera that has no say.
    """
    points, anchors = torch.from_numpy(points_world), anchors_world(solution)
    seen, anchors_seen = (visible(solution.rig, places) for places in (points, anchors))
    if without is not None:
        seen[without], anchors_seen[without] = False, False
    moved, fits = _again(a, b, anchors, anchors_seen)
    a_from_b, _ = align(moved[fits], anchors[fits], with_scale=False)
    again, found = _again(a, b, points, seen)
    apart = torch.where(found, (a_from_b.apply(again) - points).norm(dim=-1), torch.nan)
    points_b = (points - a_from_b.translation) @ a_from_b.rotation
    pixels_a, front_a = a.cameras.project(points)
    pixels_b, front_b = b.cameras.project(points_b)
    apart_px = (pixels_a - pixels_b).norm(dim=-1)
    apart_px = torch.where(seen & front_a & front_b, apart_px, torch.nan)
    return Displacement(apart.numpy(), apart_px.numpy())


def visible(rig: Rig, points_world: Tensor) -> Tensor:
    """Which points (N, 3) lie in which images, (V, N)."""
    points_px, in_front = rig.cameras.project(points_world)
    sizes = torch.tensor(rig.sizes, dtype=points_px.dtype)[:, None]
    return ((points_px >= -0.5) & (points_px <= sizes - 0.5)).all(-1) & in_front


def _again(a: Rig, b: Rig, points_world: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Points (N, 3) that b makes of the pixels that a has of them, and whether it can, (N,)."""
    pixels, in_front = a.cameras.project(points_world)
    used = (seen & in_front).to(pixels)
    refined = refine(points_world, pixels, b.cameras, lambda _: used, steps=_STEPS)
    return refined.points_world, refined.valid & (used.sum(0) >= 2)
