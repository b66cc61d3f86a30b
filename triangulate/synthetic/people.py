"""Pictures of made-up people: poses and cameras in, images with exact truth out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.tensors import TensorFields
from triangulate.geometry.threads import one_thread
from triangulate.synthetic.body import BODY_MATERIALS, HAIR, SKIN, body
from triangulate.synthetic.build import Build, random_build, thickness
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.cloth import Cloth, random_cloth
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.occluders import NUM_OCCLUDERS, OCCLUDER_MATERIALS, random_occluders
from triangulate.synthetic.rendering import Light, Scene, render, visible_joints
from triangulate.synthetic.scenery import Scenery, random_scenery
from triangulate.synthetic.sensor import Sensor, random_sensor
from triangulate.synthetic.shapes import Shapes, joined, unit


@dataclass(frozen=True)
class Crowd(TensorFields):
    """B people, each seen by V cameras, ready to be rendered.

    Attributes:
        scene: (B, V).
        points_world: (B, V, J, 3) the joints.
        thickness_m: (B, V, J) see `rendering.visible_joints`.
        covered: (B, V) views whose occluder is meant to cover most of the person.
    """

    scene: Scene
    points_world: Tensor
    thickness_m: Tensor
    covered: Tensor


@dataclass(frozen=True)
class Pictures:
    """What N cameras saw.

    Attributes:
        images: (N, 3, H, W) uint8 RGB.
        person: (N, H, W) bool, the person's pixels.
        visible: (N, J) the joint is in the image, and nothing but its own limb is before it.
    """

    images: Tensor
    person: Tensor
    visible: Tensor


@dataclass(frozen=True)
class Look(TensorFields):
    """How B people and what is around them look to V cameras.

    Attributes:
        build: (B,).
        cloth: (B, G).
        light: (B, V).
        scenery: (B, V).
        sensor: (B, V).
    """

    build: Build
    cloth: Cloth
    light: Light
    scenery: Scenery
    sensor: Sensor


def random_look(dice: Dice, positions_m: Tensor, cameras: Camera) -> Look:
    """Dress people (B, J, 3), light them and put them somewhere before cameras (B, V)."""
    views = cameras.K.shape[1]
    return Look(
        random_build(dice, positions_m),
        random_cloth(dice, BODY_MATERIALS + OCCLUDER_MATERIALS, SKIN, HAIR),
        _random_light(dice, cameras),
        random_scenery(dice, views),
        random_sensor(dice, views),
    )


def pose_crowd(look: Look, positions_m: Tensor, cameras: Camera, occluders: Shapes) -> Scene:
    """The scenes (B, V) of people that look so and stand so.

    Args:
        look: (B,), with V views.
        positions_m: (B, J, 3) joints of h36m17, metres, z up.
        cameras: (B, V).
        occluders: (B, V, K) in the cameras' frames.
    """
    views = cameras.K.shape[1]
    person = _for_views(body(positions_m, look.build), views).moved(cameras.cam_from_world)
    feet = [h36m17().index(name) for name in ("left_ankle", "right_ankle", "pelvis")]
    return Scene(
        cameras,
        joined([person, occluders]),
        _for_views(look.cloth, views),
        look.light,
        look.scenery,
        look.sensor,
        positions_m[:, None, feet].expand(-1, views, -1, -1),
    )


@one_thread()
def random_crowd(
    dice: Dice, positions_m: Tensor, cameras: Camera, occlusion: str = "none"
) -> Crowd:
    """People, dressed, lit and put somewhere at random.

    Args:
        dice: of B scenes.
        positions_m: (B, J, 3) joints of h36m17, metres, z up, float64.
        cameras: (B, V) float64.
        occlusion: see `occluders.random_occluders`; all else is the same at every level.
    """
    views = cameras.K.shape[1]
    look = random_look(dice, positions_m, cameras)
    points = positions_m[:, None].expand(-1, views, -1, -1)
    points_cam = cameras.cam_from_world.apply(points)
    occluders, covered = random_occluders(dice, points_cam, occlusion, BODY_MATERIALS)
    scene = pose_crowd(look, positions_m, cameras, occluders)
    own = thickness(h36m17(), look.build)[:, None].expand(-1, views, -1)
    return Crowd(scene, points, own, covered)


def take_pictures(crowd: Crowd, size: tuple[int, int]) -> Pictures:
    """Render a crowd with leading dim (N,), on its device; `size` is (width, height)."""
    solids = crowd.scene.shapes.kind.shape[-1] - NUM_OCCLUDERS
    images, person = render(crowd.scene, size, solids)
    visible = visible_joints(crowd.scene, crowd.points_world, crowd.thickness_m, size)
    return Pictures(images, person, visible)


def _for_views(value: Any, views: int) -> Any:
    """A value of people (B, ...) for each of their views, (B, V, ...)."""
    return value.map(lambda tensor: tensor[:, None].expand(-1, views, *tensor.shape[1:]))


def _random_light(dice: Dice, cameras: Camera) -> Light:
    """(B, V): one light a scene, seen from every camera's frame."""
    views = cameras.K.shape[1]
    towards = dice.direction()
    towards = unit(torch.cat([towards[:, :2], towards[:, 2:].abs() + 0.2], dim=-1))
    rotation = cameras.cam_from_world.rotation
    ambient, strength = dice.uniform(0.42, 0.8), dice.uniform(0.1, 0.75)

    def wide(values: Tensor) -> Tensor:
        return values[:, None].expand(-1, views, *values.shape[1:])

    return Light(
        (rotation @ towards[:, None, :, None])[..., 0],
        rotation[..., 2],
        wide(ambient),
        wide(strength),
        wide(1 + dice.normal(0.08, 3)),
        wide(dice.uniform(0.0, 1.0)),
    )
