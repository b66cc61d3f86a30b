"""Whole frames of a made-up person in motion, as the cameras of a rig record them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.tensors import TensorFields
from triangulate.geometry.threads import one_thread
from triangulate.rig import Rig
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.motion import Motion
from triangulate.synthetic.occluders import NUM_OCCLUDERS, no_occluders
from triangulate.synthetic.people import Look, pose_crowd, random_look
from triangulate.synthetic.rendering import Backdrop, Light, Scene, empty_scene, render
from triangulate.synthetic.sensor import Sensor, expose

_MARGIN_M = 0.45  # hands, feet, clothes and shadow beyond the joints


@dataclass(frozen=True)
class Room(TensorFields):
    """What a rig's cameras film in, before anything is in it.

    Attributes:
        cameras: (V,).
        light: (V,).
        sensor: (V,).
        backdrop: (V,).
        empty: (V, H, W, 3) uint8 the pictures of it.
    """

    cameras: Camera
    light: Light
    sensor: Sensor
    backdrop: Backdrop
    empty: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        return self.empty.shape[2], self.empty.shape[1]


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
    size, positions = _size_of(rig), _positions_of(motion)
    look = _look(generator, positions, rig)
    return _frames(look, _room(look, rig, size), positions, rig)


def empty_room(generator: torch.Generator, motion: Motion, rig: Rig) -> Room:
    """The surroundings of `render_recording` with the same arguments, before the person comes."""
    size = _size_of(rig)
    return _room(_look(generator, _positions_of(motion), rig), rig, size)


def _size_of(rig: Rig) -> tuple[int, int]:
    if len(set(rig.sizes)) != 1 or rig.sizes[0] is None:
        raise ValueError(f"the rig's images must have one size, got {rig.sizes}")
    return rig.sizes[0]


def _positions_of(motion: Motion) -> Tensor:
    """(T, J, 3) in the order of h36m17."""
    order = h36m17().indices_in(motion.skeleton)
    if (order < 0).any():
        missing = [n for n, at in zip(h36m17().joint_names, order, strict=True) if at < 0]
        raise ValueError(f"the motion has no {', '.join(missing)}")
    return torch.from_numpy(motion.positions_m[:, order])


def _look(generator: torch.Generator, positions: Tensor, rig: Rig) -> Look:
    """How the person and everything else look; there is always a floor."""
    cameras = rig.cameras.map(lambda tensor: tensor[None])
    look = random_look(Dice([generator]), positions[:1], cameras)
    scenery = replace(look.scenery, has_floor=torch.ones_like(look.scenery.has_floor))
    return replace(look, scenery=scenery)


@one_thread()
def _room(look: Look, rig: Rig, size: tuple[int, int]) -> Room:
    light, scenery, sensor = look.light[0], look.scenery[0], look.sensor[0]
    one_by_one = [slice(v, v + 1) for v in range(len(rig))]
    backdrops = [empty_scene(rig.cameras[v], scenery[v], size) for v in one_by_one]
    pictures = [
        expose(backdrop.picture, sensor[v].to(torch.float32)).permute(0, 2, 3, 1)
        for v, backdrop in zip(one_by_one, backdrops, strict=True)
    ]
    backdrop = Backdrop(
        torch.cat([each.picture for each in backdrops]),
        torch.cat([each.floor_m for each in backdrops]),
    )
    return Room(rig.cameras, light, sensor, backdrop, torch.cat(pictures))


def _frames(look: Look, room: Room, positions: Tensor, rig: Rig) -> Iterator[np.ndarray]:
    cameras = rig.cameras.map(lambda tensor: tensor[None])
    nothing = no_occluders(1, len(rig))
    for moment in positions:
        with one_thread():
            scene = pose_crowd(look, moment[None], cameras, nothing)[0]
            frame = room.empty.numpy().copy()
            for v, box in enumerate(_boxes(scene, moment, room.size)):
                _renew(frame[v], scene[v : v + 1], room.backdrop[v : v + 1], box)
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
    put_in(frame, images[0].permute(1, 2, 0).numpy(), box)


def put_in(frame: np.ndarray, picture: np.ndarray, box: tuple[int, ...]) -> None:
    """Put the picture of a part (left, top, right, bottom) into a frame (H, W, 3).

    The outermost pixels are blurred with what they lack beyond the box: the frame has them right.
    """
    left, top, right, bottom = box
    inner = [int(left > 0), int(top > 0), int(right < frame.shape[1]), int(bottom < frame.shape[0])]
    rows = slice(inner[1], bottom - top - inner[3])
    columns = slice(inner[0], right - left - inner[2])
    frame[top:bottom, left:right][rows, columns] = picture[rows, columns]
