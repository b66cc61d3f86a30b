from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calib.camera_motion import (
    fitting_world,
    held_covariance,
    held_in_place,
    in_world,
    motion_by_step,
    motions,
    world_motions,
)
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.synthetic import moved_camera, ring_rig
from triangulate.synthetic.draws import seeded


@pytest.fixture
def rig():
    return ring_rig(seeded(2), 5)


def turned_world(vector, shift) -> Rigid:
    rotation = Rotation.from_rotvec(vector).as_matrix()
    return Rigid(torch.from_numpy(rotation), torch.tensor(shift, dtype=torch.float64))


def test_a_camera_that_was_moved_has_that_motion(rig) -> None:
    now = moved_camera(rig, "cam2", (0.01, -0.02, 0.03), (0.0, 0.5, 0.0))
    motion = motions(rig.cameras.cam_from_world, now.cameras.cam_from_world)
    expected = torch.zeros(5, 6, dtype=torch.float64)
    # What turns to its right sees the world turn to its left about its own y.
    expected[1] = torch.tensor([0.0, -np.deg2rad(0.5), 0.0, 0.01, -0.02, 0.03])
    torch.testing.assert_close(motion, expected, atol=1e-12, rtol=0)


def test_the_derivative_by_the_adjusters_steps(rig) -> None:
    pose = rig.cameras.cam_from_world
    step = 1e-6 * torch.randn(5, 6, generator=seeded(0), dtype=torch.float64)
    moved = Rigid(rotation_from_vector(step[:, :3]) @ pose.rotation, pose.translation + step[:, 3:])
    expected = (motion_by_step(pose) @ step[..., None])[..., 0]
    torch.testing.assert_close(motions(pose, moved), expected, atol=1e-10, rtol=0)


def test_motions_of_the_world_are_those_that_mean_nothing(rig) -> None:
    pose, centre = rig.cameras.cam_from_world, rig.cameras.centre_world
    free = world_motions(pose)
    size = 1e-6
    shifted = in_world(rig.cameras, turned_world([0, 0, 0], [size, 0, 0])).cam_from_world
    torch.testing.assert_close(motions(pose, shifted).flatten(), size * free[:, 3])
    turn = turned_world([0, 0, size], [0, 0, 0])
    middle = centre.mean(0)
    about = Rigid(turn.rotation, middle - turn.rotation @ middle)
    turned = motions(pose, in_world(rig.cameras, about).cam_from_world).flatten()
    torch.testing.assert_close(turned, size * free[:, 2], atol=1e-11, rtol=0)
    grown = Rigid(
        pose.rotation, -(pose.rotation @ (centre + size * (centre - middle))[..., None])[..., 0]
    )
    torch.testing.assert_close(
        motions(pose, grown).flatten(), size * free[:, 6], atol=1e-11, rtol=0
    )


def test_what_is_held_has_no_variance() -> None:
    # Only the difference is measured, to 1: with the sum held each is half of it.
    information = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    found = held_covariance(information, torch.tensor([[1.0, 1.0]], dtype=torch.float64))
    expected = torch.tensor([[0.25, -0.25], [-0.25, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_cameras_that_stand_hold_the_world(rig) -> None:
    now = moved_camera(rig, "cam4", (0.3, 0.2, -0.1), (5.0, 10.0, 0.0))
    elsewhere = turned_world([0.3, -0.2, 0.5], [1.0, 2.0, -0.5])
    moved = in_world(now.cameras, elsewhere)
    back = fitting_world(moved, rig.cameras, 4.5)
    again = motions(rig.cameras.cam_from_world, in_world(moved, back).cam_from_world)
    standing = [0, 1, 2, 4]
    assert float(again[standing].abs().max()) < 1e-4
    assert float(again[3, 3:].norm()) == pytest.approx(np.linalg.norm([0.3, 0.2, -0.1]), abs=1e-3)


def test_two_cameras_are_enough_to_hold_a_world(rig) -> None:
    pair = rig.select(["cam1", "cam3"]).cameras
    elsewhere = turned_world([0.3, -0.2, 0.5], [1.0, 2.0, -0.5])
    back = fitting_world(in_world(pair, elsewhere), pair, 4.5)
    torch.testing.assert_close(back.rotation, elsewhere.rotation.mT)


def test_what_the_fit_keeps_at_zero(rig) -> None:
    """Motions of the world are seen by it, six kinds of them, independently."""
    pose = rig.cameras.cam_from_world
    held = held_in_place(pose, 4.5)
    assert held.shape == (6, 30)
    seen = held @ world_motions(pose)[:, :6]
    assert int(torch.linalg.matrix_rank(seen)) == 6
