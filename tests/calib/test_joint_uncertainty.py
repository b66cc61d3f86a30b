from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.bundle import normal_equations
from calib.camera_motion import motion_by_step, motions, world_motions
from calib.congruence import invariant_information
from calib.joint_bundle import POINT, fit_cameras, free_of
from calib.joint_uncertainty import known_from
from calib.joints import Joints
from calib.losses import least_squares
from calib.unknowns import Prior
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import normal, seeded


def fitted(seed: int, offset_px: float = 0.0):
    """A rig, the fit to a walk in front of it, and the number of joints.

    Args:
        seed: of everything.
        offset_px: by how much each camera puts each joint elsewhere all along.
    """
    generator = seeded(seed)
    rig = ring_rig(generator, 4)
    motion = walk(generator, 60)
    seen, _ = observe(
        motion.positions_m, rig, motion.skeleton, generator, DetectorNoise(missing=0, swapped=0)
    )
    points_px = seen.points_px[:, :, 0] + normal(generator, offset_px, (1, 4, 17, 2))
    joints = Joints.of(points_px, seen.confidence[:, :, 0], rig)
    return rig, fit_cameras(joints, rig.cameras), joints.num_joints


def test_it_is_the_adjusters_own_information() -> None:
    _, fit, count = fitted(0)
    known = known_from(fit, count)
    free = free_of(torch.ones(4, dtype=torch.bool), len(fit.index))
    prior = Prior.none(fit.state.intrinsics)
    unit = torch.ones(4, dtype=torch.float64)
    normal_ = normal_equations(fit.state, POINT, fit.views, free, unit, prior, least_squares)
    back = torch.block_diag(*torch.linalg.inv(motion_by_step(fit.camera.cam_from_world)))
    expected = back.mT @ normal_.reduced()[0] @ back
    scale = float(expected.abs().max())
    torch.testing.assert_close(known.information, expected, atol=1e-6 * scale, rtol=1e-6)
    free_world = world_motions(fit.camera.cam_from_world)
    assert float((known.information @ free_world).abs().max()) < 1e-6 * scale


def test_points_follow_the_cameras() -> None:
    """A motion of the world carries the points along."""
    _, fit, count = fitted(1)
    known = known_from(fit, count)
    shift = world_motions(fit.camera.cam_from_world)[:, 3:6]
    moved = known.point_gain @ shift
    torch.testing.assert_close(
        moved, torch.eye(3, dtype=torch.float64).expand_as(moved), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("offset_px", [0.0, 1.0])
def test_the_covariance_is_that_of_the_errors(offset_px) -> None:
    """Mahalanobis distances to the truth over their degrees of freedom: one on average."""
    ratios = []
    for seed in range(5):
        rig, fit, count = fitted(10 + seed, offset_px)
        known = known_from(fit, count)
        pose = rig.cameras.cam_from_world
        off = motions(pose, fit.camera.cam_from_world).flatten()
        held = torch.zeros(7, 24, dtype=torch.float64)
        held[:6, :6] = torch.eye(6)
        held[6, 9:12] = rig.cameras.centre_world[1] - rig.cameras.centre_world[0]
        information = invariant_information(known.covariance(held), world_motions(pose))
        ratios.append(float(off @ information @ off) / 17)
    assert 0.3 < np.mean(ratios) < 2.5, ratios
