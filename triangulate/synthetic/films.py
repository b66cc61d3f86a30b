"""Whole frames of a made-up person in motion, as the cameras of a rig record them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.threads import one_thread
from triangulate.rig import Rig
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.motion import Motion
from triangulate.synthetic.occluders import NUM_OCCLUDERS, no_occluders
from triangulate.synthetic.people import pose_crowd, random_look
from triangulate.synthetic.rendering import Backdrop, Scene, empty_scene, render
from triangulate.synthetic.sensor import expose

_MARGIN_M = 0.45  # hands, feet, clothes and shadow beyond the joints


def render_recording(generator: torch.Generator, motion: Motion, rig: Rig) -> Iterator[np.ndarray]:
    """The frames of a recording, one moment after the other.

    The person wears the same clothes in the same surroundings all along. Only the part of an image
    around the person is made anew for each frame.

    Args:
        generator: decides the looks of person, light and surroundings.
        motion: the joints of h36m17, in any order, T frames.
        rig: V cameras with images of one size.

    Returns:
        An iterator of T arrays (V, H, W, 3) uint8 RGB.
    """
    if len(set(rig.sizes)) != 1 or rig.sizes[0] is None:
        raise ValueError(f"the rig's images must have one size, got {rig.sizes}")
    size = rig.sizes[0]
    order = h36m17().indices_in(motion.skeleton)
    if (order < 0).any():
        missing = [n for n, at in zip(h36m17().joint_names, order, strict=True) if at < 0]
        raise ValueError(f"the motion has no {', '.join(missing)}")
    positions = torch.from_numpy(motion.positions_m[:, order])
    return _frames(generator, positions, rig, size)


def _frames(
    generator: torch.Generator, positions: Tensor, rig: Rig, size: tuple[int, int]
) -> Iterator[np.ndarray]:
    cameras = rig.cameras.map(lambda tensor: tensor[None])
    look = random_look(Dice([generator]), positions[:1], cameras)
    scenery = replace(look.scenery, has_floor=torch.ones_like(look.scenery.has_floor))
    look = replace(look, scenery=scenery)
    nothing = no_occluders(1, len(rig))
    still: list[Backdrop] = []
    empty = np.empty((len(rig), size[1], size[0], 3), dtype=np.uint8)
    for moment in positions:
        with one_thread():
            scene = pose_crowd(look, moment[None], cameras, nothing)[0]
            if not still:
                still = [empty_scene(scene[v : v + 1], size) for v in range(len(rig))]
                for v, backdrop in enumerate(still):
                    picture = expose(backdrop.picture, scene.sensor[v : v + 1].to(torch.float32))
                    empty[v] = picture[0].permute(1, 2, 0).numpy()
            frame = empty.copy()
            for v, box in enumerate(_boxes(scene, moment, size)):
                _renew(frame[v], scene[v : v + 1], still[v], box)
        yield frame


def _boxes(scene: Scene, moment: Tensor, size: tuple[int, int]) -> list[tuple[int, ...]]:
    """left, top, right, bottom of the part of each image that a person (J, 3) can change."""
    offsets = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    around = (moment[:, None] + _MARGIN_M * offsets.to(moment)).reshape(-1, 3)
    points_px, in_front = scene.cameras.project(around)
    last = torch.tensor(size).to(points_px)
    points_px = torch.where(in_front[..., None], points_px.clamp_min(0).minimum(last), 0.0)
    low, high = points_px.amin(-2).floor(), points_px.amax(-2).ceil()
    return [tuple(int(side) for side in row) for row in torch.cat([low, high], dim=-1)]


def _renew(frame: np.ndarray, scene: Scene, still: Backdrop, box: tuple[int, ...]) -> None:
    """Draw the person into a frame (H, W, 3)."""
    left, top, right, bottom = box
    if right - left < 3 or bottom - top < 3:
        return
    corner = torch.tensor([left, top], dtype=torch.float64)
    part = replace(
        scene,
        cameras=scene.cameras.cropped(corner),
        sensor=replace(scene.sensor, grain=scene.sensor.grain + corner),
    )
    behind = still.map(lambda tensor: tensor[..., top:bottom, left:right])
    people = scene.shapes.kind.shape[-1] - NUM_OCCLUDERS
    images, _ = render(part, (right - left, bottom - top), people, behind)
    picture = images[0].permute(1, 2, 0).numpy()
    # The outermost pixels are blurred with what they lack beyond the box; the frame has them right.
    inner = [int(left > 0), int(top > 0), int(right < frame.shape[1]), int(bottom < frame.shape[0])]
    rows = slice(inner[1], bottom - top - inner[3])
    columns = slice(inner[0], right - left - inner[2])
    frame[top:bottom, left:right][rows, columns] = picture[rows, columns]
