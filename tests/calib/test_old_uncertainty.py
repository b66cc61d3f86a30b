from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from calib.camera_motion import motions, world_motions
from calib.congruence import invariant_information
from calib.old_uncertainty import lens_parameters, lens_slope, old_covariance, pose_covariance
from calib.solver import solve


@pytest.fixture(scope="module")
def made():
    """A rig of five, its board observations, and the solution with free lenses."""
    from calib.observations import Observations
    from triangulate.synthetic import board_grid, board_scene, ring_rig
    from triangulate.synthetic.draws import seeded

    generator = seeded(3)
    rig = ring_rig(generator, 5, radius_m=2.5, height_m=1.8)
    board = board_grid(9, 6, 0.08)
    near = {"volume": ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4)), "max_tilt_deg": 75.0}
    scene = board_scene(generator, rig, board, 50, outliers=0.0, **near)
    seen = Observations.from_arrays(scene.points_px, rig.names, rig.sizes)
    return rig, seen, board, solve(seen, board, start=rig)


def test_the_reference_has_no_variance_and_the_others_have(made) -> None:
    rig, _, _, free = made
    covariance = pose_covariance(free, rig.names)
    blocks = covariance.reshape(5, 6, 5, 6)
    at = rig.names.index(free.reference)
    assert float(blocks[at].abs().max()) == 0
    others = [v for v in range(5) if v != at]
    assert all(float(blocks[v, :, v].diagonal().min()) > 0 for v in others)
    assert float(torch.linalg.eigvalsh(covariance)[0]) > -1e-12
    torch.testing.assert_close(
        pose_covariance(free, ["cam4", "cam2"])[:6, :6], blocks[3, :, 3], atol=0, rtol=1e-9
    )


def test_the_covariance_is_that_of_the_errors(made) -> None:
    """Distance of the poses, lenses held at the truth, in sigmas."""
    rig, seen, board, _ = made
    held = solve(seen, board, start=rig, fix="intrinsics")
    pose = rig.cameras.cam_from_world
    off = motions(pose, held.rig.cameras.cam_from_world).flatten()
    free_world = world_motions(pose)[:, :6]
    information = invariant_information(pose_covariance(held, rig.names), free_world)
    assert 0.3 < float(off @ information @ off) / 24 < 2.5


def test_poses_follow_held_lenses_by_the_slope(made) -> None:
    """Solved with a principal point that is 2 px off, poses move as the slope says."""
    rig, seen, board, free = made
    lens = lens_parameters(free, rig.names)
    assert ("cam1", "fx") in lens
    assert ("cam2", "rx") not in lens
    slope = lens_slope(free, rig.names, lens)
    K = rig.cameras.K.clone()
    K[2, 0, 2] += 2.0
    off = replace(rig, cameras=replace(rig.cameras, K=K))
    one = solve(seen, board, start=rig, fix="intrinsics").rig.cameras.cam_from_world
    other = solve(seen, board, start=off, fix="intrinsics").rig.cameras.cam_from_world
    moved = motions(one, other).flatten()
    expected = 2.0 * slope[:, lens.index(("cam3", "cx"))]
    # But for a motion of the world, which both leave open.
    whole, _, _ = torch.linalg.svd(world_motions(one)[:, :6], full_matrices=True)
    kept = whole[:, 6:].mT
    difference = float((kept @ (moved - expected)).norm())
    assert difference < 0.15 * float((kept @ moved).norm())


def test_errors_that_old_and_new_share_cancel(made) -> None:
    """With the slope the old rig's part is far smaller than without."""
    rig, _, _, free = made
    lens = lens_parameters(free, rig.names)
    slope = lens_slope(free, rig.names, lens)
    free_world = world_motions(rig.cameras.cam_from_world)[:, :6]
    whole, _, _ = torch.linalg.svd(free_world, full_matrices=True)
    kept = whole[:, 6:]
    plain = kept.mT @ pose_covariance(free, rig.names) @ kept
    shared = kept.mT @ old_covariance(free, rig.names, lens, slope) @ kept
    assert float(shared.trace()) < 0.2 * float(plain.trace())
    assert np.linalg.eigvalsh(shared.numpy())[0] > -1e-12
