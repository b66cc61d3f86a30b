from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.models.view_evidence import (
    NUM_CURRENT,
    NUM_STATIC,
    _rank,
    current_features,
    gather_evidence,
)
from triangulate.models.view_rays import Views
from triangulate.skeleton import Skeleton
from triangulate.synthetic.detections import Detections, Sides, detect
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.habits import Habits
from triangulate.synthetic.motion import walk
from triangulate.synthetic.viewpoints import random_cameras

BATCH, VIEWS = 6, 4


@pytest.fixture(scope="module")
def scenes() -> Detections:
    points = torch.from_numpy(walk(seeded(0), BATCH).positions_m)
    cameras = random_cameras(points, VIEWS, seeded(1))
    habits = Habits.constant(BATCH, sigma=0.02, wrong_joints=0.1, wrong_views=0.2, missing=0.1)
    return detect(points, cameras, Sides.of(Skeleton.named("h36m17")), seeded(2), habits)


def static_of(scenes: Detections, with_maps: bool = True) -> torch.Tensor:
    views = Views.of(scenes.points_px, scenes.observed, scenes.cameras)
    return gather_evidence(views, scenes.score, scenes.map_features if with_maps else None).static


def test_features_are_finite_bounded_and_zero_where_nothing_is_seen(scenes) -> None:
    static = static_of(scenes)
    assert static.shape == (BATCH, VIEWS, 17, NUM_STATIC)
    assert torch.isfinite(static).all() and static.abs().amax() <= 7
    assert (static[~scenes.observed] == 0).all()
    assert (static_of(scenes, with_maps=False)[..., -6:] == 0).all()
    views = Views.of(scenes.points_px, scenes.observed, scenes.cameras)
    scale = torch.full((BATCH,), 0.01, dtype=torch.float64)
    current = current_features(views, scenes.points_world, views.seen, scale)
    assert current.shape == (BATCH, VIEWS, 17, NUM_CURRENT)
    assert torch.isfinite(current).all()


def test_every_feature_varies(scenes) -> None:
    """But for those of joints that few views see, and of points behind cameras."""
    static = static_of(scenes)[scenes.observed]
    assert int((static.std(0) > 1e-3).sum()) >= NUM_STATIC - 4


def test_neither_the_frame_nor_the_unit_nor_the_image_size_matters(scenes) -> None:
    plain = static_of(scenes)
    turn = rotation_from_vector(torch.tensor([0.4, -2.0, 1.1], dtype=torch.float64))
    moved_from_world = Rigid(turn, torch.tensor([100.0, -40.0, 7.0], dtype=torch.float64))
    posed = scenes.cameras.cam_from_world @ moved_from_world.inverse()
    small = Rigid(posed.rotation, 0.03 * posed.translation)
    cameras = replace(scenes.cameras, cam_from_world=small).resized(11.0)
    points_px = 11 * (scenes.points_px + 0.5) - 0.5
    maps = scenes.map_features * torch.tensor([11.0, 1.0, 1.0])
    again = static_of(replace(scenes, cameras=cameras, points_px=points_px, map_features=maps))
    torch.testing.assert_close(again, plain, rtol=1e-4, atol=1e-4)


def test_views_and_joints_have_no_order(scenes) -> None:
    views, joints = torch.tensor([2, 0, 3, 1]), torch.randperm(17, generator=seeded(0))
    shuffled = replace(
        scenes,
        points_px=scenes.points_px[:, views][:, :, joints],
        score=scenes.score[:, views][:, :, joints],
        observed=scenes.observed[:, views][:, :, joints],
        map_features=scenes.map_features[:, views][:, :, joints],
        cameras=scenes.cameras[:, views],
    )
    expected = static_of(scenes)[:, views][:, :, joints]
    torch.testing.assert_close(static_of(shuffled), expected, rtol=1e-4, atol=1e-4)


def test_the_rank_knows_no_calibration() -> None:
    score = torch.tensor([[[0.1, 0.9], [0.5, 0.5]]], dtype=torch.float64)
    seen = torch.ones_like(score)
    expected = torch.tensor([[[-0.75, 0.75], [0.0, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(_rank(score, seen), expected)
    torch.testing.assert_close(_rank(score**5, seen), expected)
    constant = torch.full_like(score, 0.3)
    assert (_rank(constant, seen) == 0).all()
    hidden = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    assert _rank(score, hidden)[0, 0, 1] == 0
    assert _rank(score, hidden).sum() == pytest.approx(0)
