from __future__ import annotations

import pytest
import torch

from calib.camera_motion import motion_by_step, world_motions
from calib.joint_bundle import fit_cameras, mixture, state_of
from calib.joints import Joints
from triangulate.geometry.robust import belonging
from triangulate.synthetic import DetectorNoise, moved_camera, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture(scope="module")
def scene():
    """A rig, and the joints that a perfect detector saw."""
    rig = ring_rig(seeded(7), 4, lens="mixed")
    motion = walk(seeded(8), 40)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, seeded(9), DetectorNoise.none())
    return rig, Joints.of(seen.points_px[:, :, 0], seen.confidence[:, :, 0], rig)


def test_the_weight_is_the_slope_of_the_loss() -> None:
    odds = torch.tensor([[0.01], [0.1], [0.5]], dtype=torch.float64)
    squared = torch.tensor([[0.0, 1.0, 9.0, 100.0, 1e4]] * 3, dtype=torch.float64)
    squared.requires_grad_()
    cost, weight = mixture(odds, 5.0)(squared)
    (slope,) = torch.autograd.grad(cost.sum(), squared)
    torch.testing.assert_close(slope, weight)
    torch.testing.assert_close(cost[:, 0], torch.zeros(3, dtype=torch.float64))
    assert bool((weight[:, 1:] < weight[:, :-1]).all())
    # Near by it is the honest part alone, as in triangulation.
    share = belonging(squared[:, 1], odds[:, 0], 5.0)
    torch.testing.assert_close(weight[:, 1], share * 7 / 6, atol=0.02, rtol=0)


def test_perfect_detections_bring_moved_cameras_back(scene) -> None:
    rig, joints = scene
    off = moved_camera(rig, "cam2", (0.2, -0.1, 0.1), (3.0, -4.0, 2.0))
    off = moved_camera(off, "cam4", (-0.1, 0.1, 0.0), (-2.0, 1.0, 5.0))
    moved = torch.tensor([False, True, False, True])
    fit = fit_cameras(joints, off.cameras, moved)
    apart = (fit.camera.centre_world - rig.cameras.centre_world).norm(dim=-1)
    assert float(apart.max()) < 1e-4
    assert float(fit.residual_px().max()) < 0.01
    assert fit.camera.cam_from_world.translation[0].equal(rig.cameras.cam_from_world.translation[0])


def test_nothing_moves_where_nothing_may(scene) -> None:
    rig, joints = scene
    fit = fit_cameras(joints, rig.cameras, torch.zeros(4, dtype=torch.bool))
    torch.testing.assert_close(fit.camera.centre_world, rig.cameras.centre_world)
    assert len(fit.index) == len(fit.points_world)
    assert float(fit.residual_px().max()) < 1e-6


def test_the_state_holds_the_same_cameras(scene) -> None:
    rig, _ = scene
    points = torch.rand(10, 3, generator=seeded(0), dtype=torch.float64)
    state = state_of(rig.cameras, points)
    torch.testing.assert_close(state.cameras().project(points), rig.cameras.project(points))
    assert bool(torch.isfinite(motion_by_step(state.cam_from_world)).all())
    assert world_motions(state.cam_from_world).shape == (24, 7)
