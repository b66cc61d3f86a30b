from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.synthetic import random_pose
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.occluders import NUM_OCCLUDERS
from triangulate.synthetic.people import Crowd, random_crowd
from triangulate.synthetic.raycast import FAR_M
from triangulate.synthetic.rendering import (
    Scene,
    empty_scene,
    plane_rays,
    render,
    visible_joints,
)
from triangulate.synthetic.shapes import BOX, frames_along
from triangulate.synthetic.stages import person_boxes, random_cameras, random_crops

SIZE = (34, 46)  # neither square nor whole cells


def crowd(scenes: int = 2, views: int = 2, occlusion: str = "none", seed: int = 0) -> Crowd:
    generators = [seeded(seed + k) for k in range(scenes)]
    positions = torch.from_numpy(np.concatenate([random_pose(g) for g in generators]))
    dice = Dice(generators)
    cameras = random_cameras(dice, positions, views)
    crops = random_crops(dice, cameras, person_boxes(cameras, positions), SIZE)
    return random_crowd(dice, positions, crops, occlusion).map(lambda t: t.flatten(0, 1))


def num_people(scene: Scene) -> int:
    return scene.shapes.kind.shape[1] - NUM_OCCLUDERS


def test_rays_are_the_cameras_own() -> None:
    scene = crowd().scene
    rays = plane_rays(scene.cameras, SIZE)
    assert rays.shape == (4, 2, 48, 36)
    x, y = torch.tensor([0, 33, 5, 18]), torch.tensor([0, 45, 30, 7])
    pixels = torch.stack([x, y], dim=-1).double().expand(4, -1, -1)
    _, world, _ = scene.cameras.rays(pixels)
    expected = world @ scene.cameras.cam_from_world.rotation.mT
    expected = expected[..., :2] / expected[..., 2:]
    # A fiftieth of a pixel, where the lens is interpolated.
    pixel = float(1 / scene.cameras.K[:, 0, 0].amax())
    assert (rays[:, :, y, x].mT - expected).abs().max() < 0.02 * pixel


@pytest.mark.parametrize("occlusion", ["none", "heavy"])
def test_the_person_is_where_a_slow_twin_sees_it(
    occlusion: str, slow_entry: Callable[..., float]
) -> None:
    scene = crowd(1, 2, occlusion, seed=5).scene
    people = num_people(scene)
    _, mask = render(scene, SIZE, people)
    width, height = SIZE
    different = 0
    for n in range(2):
        shapes, camera = scene.shapes[n], scene.cameras[n]
        rotation = camera.cam_from_world.rotation
        for y in range(0, height, 5):
            row = torch.tensor([[float(x), float(y)] for x in range(width)], dtype=torch.float64)
            _, world, _ = camera.rays(row)
            for x, way in enumerate((world @ rotation.T).numpy()):
                found = [slow_entry(shapes, p, np.zeros(3), way) for p in range(len(shapes.kind))]
                nearest = int(np.argmin(found))
                is_person = nearest < people and found[nearest] < FAR_M
                different += is_person != bool(mask[n, y, x])
    assert mask.any()
    assert different <= 1


def before_a_joint(scene: Scene, joint_cam: Tensor, half_m: float) -> Scene:
    """A box half way to a joint (N, 3) of each camera's frame, as the last solid."""
    shapes = scene.shapes
    kind, centre, half = shapes.kind.clone(), shapes.centre.clone(), shapes.half.clone()
    axes = shapes.axes.clone()
    kind[:, -1], half[:, -1], centre[:, -1] = BOX, half_m, joint_cam / 2
    axes[:, -1] = frames_along(joint_cam, joint_cam.roll(1, -1))
    return replace(scene, shapes=replace(shapes, kind=kind, centre=centre, half=half, axes=axes))


def test_a_box_before_a_joint_hides_it_and_no_other() -> None:
    whole = crowd(3, 2)
    size = (2000, 2000)
    scene = replace(whole.scene, cameras=whole.scene.cameras.warped(torch.eye(3).double()))
    clear = visible_joints(scene, whole.points_world, whole.thickness_m, size)
    head = h36m17().index("head")
    points_cam = scene.cameras.cam_from_world.apply(whole.points_world)
    covered = before_a_joint(scene, points_cam[:, head], 0.02)
    seen = visible_joints(covered, whole.points_world, whole.thickness_m, size)
    assert not seen[:, head].any()
    # What is half a metre away from the head, as the camera sees it, stays as it was.
    flat = points_cam[..., :2] / points_cam[..., 2:]
    apart = (flat - flat[:, head : head + 1]).norm(dim=-1) * points_cam[..., 2] > 0.15
    assert torch.equal(seen[apart], clear[apart])
    assert clear.double().mean() > 0.4


def test_joints_outside_the_image_are_not_visible() -> None:
    whole = crowd()
    away = whole.scene.cameras.cropped(torch.tensor([10_000.0, 0.0]))
    seen = visible_joints(
        replace(whole.scene, cameras=away), whole.points_world, whole.thickness_m, SIZE
    )
    assert not seen.any()


def test_an_occluder_is_drawn_over_the_person_and_the_rest_stays() -> None:
    whole = crowd()
    people = num_people(whole.scene)
    plain, mask = render(whole.scene, SIZE, people)
    chest = whole.points_world[:, h36m17().index("thorax")]
    chest_cam = whole.scene.cameras.cam_from_world.apply(chest[:, None])[:, 0]
    covered, less = render(before_a_joint(whole.scene, chest_cam, 0.1), SIZE, people)
    assert (less & ~mask).sum() == 0
    assert less.sum() < mask.sum()
    assert plain.shape == covered.shape == (4, 3, SIZE[1], SIZE[0])
    same = (plain == covered).all(1).double().mean()
    assert 0.3 < same < 0.99


def test_the_person_stands_out_from_the_empty_scene() -> None:
    scene = crowd(4, 1).scene
    backdrop = empty_scene(scene.cameras, scene.scenery, SIZE)
    image, mask = render(scene, SIZE, num_people(scene))
    again, _ = render(scene, SIZE, num_people(scene), backdrop)
    assert torch.equal(image, again)
    assert 0.02 < float(mask.double().mean()) < 0.6
