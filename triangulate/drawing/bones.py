"""Skeletons as coloured lines, and where their joints lie in a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from triangulate.drawing.canvas import LEFT, MIDDLE, RIGHT, Canvas, Colour, faded
from triangulate.geometry.camera import Camera
from triangulate.skeleton import Skeleton

_SAME_DIRECTION_RAD = 1e-3


def joint_colours(skeleton: Skeleton) -> list[Colour]:
    """A colour a joint: its left and right differ."""
    sides = dict.fromkeys(range(len(skeleton.joint_names)), MIDDLE)
    sides |= {left: LEFT for left, _ in skeleton.flip_pairs}
    sides |= {right: RIGHT for _, right in skeleton.flip_pairs}
    return list(sides.values())


def project(cameras: Camera, points: np.ndarray) -> np.ndarray:
    """World points in the images of cameras.

    Args:
        cameras: with leading dims *V, none included.
        points: (*B, 3), NaN where missing.

    Returns:
        (*V, *B, 2) pixels, NaN where the point is missing, behind the camera, or so far outside
        that the lens model folds it back.
    """
    known = np.isfinite(points).all(-1)
    flat = torch.from_numpy(np.where(known[..., None], points, 0.0).reshape(-1, 3))
    pixels, in_front = cameras.project(flat)
    drawn = (in_front & ~_folded(cameras, flat, pixels)).numpy() & known.ravel()
    shape = (*drawn.shape[:-1], *known.shape)
    return np.where(drawn[..., None], pixels.numpy(), np.nan).reshape(*shape, 2)


def _folded(cameras: Camera, points: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Which pixels (*V, N, 2) belong to another direction than that of their points (N, 3)."""
    if not bool(cameras.lens.coefficients.any()):
        return torch.zeros(pixels.shape[:-1], dtype=torch.bool)
    origins, directions, valid = cameras.rays(pixels)
    meant = torch.nn.functional.normalize(points - origins[..., None, :], dim=-1)
    return ~valid | ((directions - meant).norm(dim=-1) > _SAME_DIRECTION_RAD)


def draw_bones(
    canvas: Canvas,
    joints_px: np.ndarray,
    skeleton: Skeleton,
    width_px: float,
    strength: float = 1.0,
    ground: Colour = (0, 0, 0),
) -> None:
    """The bones between joints (J, 2); a bone with a NaN end is left out.

    Args:
        canvas: what to draw on.
        joints_px: (J, 2).
        skeleton: the J joints.
        width_px: of the lines.
        strength: below 1 the colours fade into `ground`.
        ground: what lies below.
    """
    colours = joint_colours(skeleton)
    for a, b in skeleton.edges:
        colour = colours[a] if colours[b] == MIDDLE else colours[b]
        if {colours[a], colours[b]} == {LEFT, RIGHT}:
            colour = MIDDLE
        canvas.line(joints_px[[a, b]], faded(colour, ground, strength), width_px)


def draw_half_bones(
    canvas: Canvas,
    joints_px: np.ndarray,
    skeleton: Skeleton,
    width_px: float,
    colours: Sequence[Colour],
) -> None:
    """Bones between joints (J, 2) as `draw_bones` does, each half in the colour of its joint."""
    for a, b in skeleton.edges:
        middle = joints_px[[a, b]].mean(axis=0)
        for joint in (a, b):
            canvas.line(np.stack([joints_px[joint], middle]), colours[joint], width_px)
