from __future__ import annotations

import pytest
import torch

from triangulate.synthetic import random_pose
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.stages import person_boxes, random_cameras, random_crops

SCENES = 60


def people() -> torch.Tensor:
    return torch.from_numpy(random_pose(seeded(0), SCENES))


def dice() -> Dice:
    return Dice([seeded(k) for k in range(SCENES)])


@pytest.mark.parametrize("views", [1, 4, 7])
def test_cameras_stand_around_the_person_and_see_it_whole(views: int) -> None:
    positions = people()
    cameras = random_cameras(dice(), positions, views)
    middle = (positions.amin(1) + positions.amax(1)) / 2
    away = (cameras.centre_world - middle[:, None]).norm(dim=-1)
    assert cameras.K.shape == (SCENES, views, 3, 3)
    assert away.min() >= 2.5
    assert away.max() <= 6.0
    assert cameras.centre_world[..., 2].min() > 0.2
    assert cameras.centre_world[..., 2].max() < 3.5
    points_px, in_front = cameras.project(positions[:, None].expand(-1, views, -1, -1))
    assert in_front.all()
    _, _, valid = cameras.rays(points_px)
    assert valid.all()
    if views > 1:
        around = (cameras.centre_world - middle[:, None])[..., :2]
        angle = torch.atan2(around[..., 1], around[..., 0]).sort(-1).values
        gaps = (angle[:, 1:] - angle[:, :-1]) * views / (2 * torch.pi)
        assert gaps.min() > 0.29


def test_crops_hold_most_of_the_person_and_are_the_asked_size() -> None:
    size = (96, 160)
    positions = people()
    draws = dice()
    cameras = random_cameras(draws, positions, 4)
    crops = random_crops(draws, cameras, person_boxes(cameras, positions), size)
    points_px, _ = crops.project(positions[:, None].expand(-1, 4, -1, -1))
    last = torch.tensor(size) - 0.5
    inside = ((points_px > -0.5) & (points_px < last)).all(-1)
    assert float(inside.double().mean()) > 0.97
    extent = (points_px.amax(-2) - points_px.amin(-2)) / torch.tensor(size)
    assert float(extent.amax(-1).median()) > 0.5
    aspect = crops.K[..., 0, 0] / crops.K[..., 1, 1]
    assert 0.75 < float(aspect.min()) < float(aspect.max()) < 1.35
    assert torch.equal(crops.lens.coefficients, cameras.lens.coefficients)


def test_boxes_contain_the_joints() -> None:
    positions = people()
    cameras = random_cameras(dice(), positions, 2)
    boxes = person_boxes(cameras, positions)
    points_px, _ = cameras.project(positions[:, None].expand(-1, 2, -1, -1))
    assert (points_px > boxes[..., None, :2]).all()
    assert (points_px < boxes[..., None, 2:]).all()
