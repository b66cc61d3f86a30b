from __future__ import annotations

import numpy as np
import torch

from triangulate.synthetic import random_crowd, random_pose, take_pictures
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.people import Crowd, Pictures
from triangulate.synthetic.stages import person_boxes, random_cameras, random_crops

SIZE, VIEWS, SCENES = (48, 64), 3, 3


def made(occlusion: str) -> tuple[Crowd, Pictures]:
    generators = [seeded(k) for k in range(SCENES)]
    positions = torch.from_numpy(np.concatenate([random_pose(g) for g in generators]))
    dice = Dice(generators)
    cameras = random_cameras(dice, positions, VIEWS)
    crops = random_crops(dice, cameras, person_boxes(cameras, positions), SIZE)
    crowd = random_crowd(dice, positions, crops, occlusion).map(lambda t: t.flatten(0, 1))
    return crowd, take_pictures(crowd, SIZE)


def test_visible_joints_project_into_the_person() -> None:
    crowd, pictures = made("none")
    assert pictures.images.shape == (SCENES * VIEWS, 3, SIZE[1], SIZE[0])
    assert pictures.images.dtype == torch.uint8
    points_px, _ = crowd.scene.cameras.project(crowd.points_world)
    at = points_px.round().long()
    on_person = []
    for n, j in pictures.visible.nonzero().tolist():
        x, y = (int(value.clamp(0, last - 1)) for value, last in zip(at[n, j], SIZE, strict=True))
        on_person.append(bool(pictures.person[n, y, x]))
    assert np.mean(on_person) > 0.98  # but for a wrist thinner than a pixel


def test_occluders_hide_joints_and_change_nothing_else() -> None:
    clean, seen = made("none")
    heavy, covered = made("heavy")
    assert torch.equal(clean.points_world, heavy.points_world)
    assert torch.equal(clean.scene.cloth.colour, heavy.scene.cloth.colour)
    assert torch.equal(clean.scene.scenery.wall, heavy.scene.scenery.wall)
    assert torch.equal(clean.scene.sensor.gain, heavy.scene.sensor.gain)
    assert not (covered.visible & ~seen.visible).any()
    assert not (covered.person & ~seen.person).any()
    lost = (seen.visible & ~covered.visible).double().sum(-1)
    assert (lost[heavy.covered] >= 3).double().mean() > 0.7
    free = (heavy.scene.shapes.half[:, -4:, 0] == 0).all(-1)
    assert torch.equal(seen.images[free], covered.images[free])


def test_light_comes_from_one_place_for_all_cameras() -> None:
    crowd, _ = made("none")
    rotation = crowd.scene.cameras.cam_from_world.rotation
    world = (rotation.mT @ crowd.scene.light.towards[..., None])[..., 0].unflatten(0, (-1, VIEWS))
    assert torch.allclose(world, world[:, :1].expand_as(world))
    assert (world[..., 2] > 0).all()
