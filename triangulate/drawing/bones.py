"""Skeletons as coloured lines, and where their joints lie in a picture."""

from __future__ import annotations

import numpy as np
import torch

from triangulate.drawing.canvas import LEFT, MIDDLE, RIGHT, Canvas, Colour, faded
from triangulate.geometry.camera import Camera
from triangulate.skeleton import Skeleton


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
        (*V, *B, 2) pixels, NaN where the point is missing or behind the camera.
    """
    known = np.isfinite(points).all(-1)
    flat = np.where(known[..., None], points, 0.0).reshape(-1, 3)
    pixels, in_front = (tensor.numpy() for tensor in cameras.project(torch.from_numpy(flat)))
    drawn = in_front & known.ravel()
    shape = (*drawn.shape[:-1], *known.shape)
    return np.where(drawn[..., None], pixels, np.nan).reshape(*shape, 2)


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
