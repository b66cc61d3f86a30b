from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from calib.camera_motion import in_world, motions
from calib.rig_difference import Difference
from triangulate.geometry.rigid import Rigid
from triangulate.synthetic import moved_camera, ring_rig
from triangulate.synthetic.draws import seeded, uniform

MOVED = (0.02, -0.01, 0.015), (0.0, 0.3, 0.0)


def difference(scale_free: bool = False) -> Difference:
    """Five cameras of which the third moved, and exact detections of 40 points."""
    old = ring_rig(seeded(1), 5)
    now = moved_camera(old, "cam3", *MOVED)
    points = torch.from_numpy(uniform(seeded(2), -0.6, 0.6, (40, 3))) + torch.tensor([0, 0, 1.0])
    pixels, _ = now.cameras.project(points)
    elsewhere = Rigid(
        torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).double(),
        torch.tensor([1.0, 2.0, 0.5]).double(),
    )
    nothing = torch.zeros(30, 30, dtype=torch.float64)
    made = Difference(
        names=old.names,
        old=old,
        rig=replace(now, cameras=in_world(now.cameras, elsewhere)),
        new_covariance=nothing + torch.eye(30) * 1e-8,
        old_covariance=nothing,
        scale_free=scale_free,
        away_m=4.5,
        view=torch.arange(5).repeat_interleave(40),
        points_px=pixels.flatten(0, 1),
        points_world=elsewhere.apply(points).repeat(5, 1),
        sigma_px=torch.full((5,), 0.5, dtype=torch.float64),
        harmless=2.0,
        zoom=np.zeros(5),
        zoom_sigma=np.zeros(5),
    )
    return made._scaled(0.25) if scale_free else made


@pytest.mark.parametrize("scale_free", [False, True])
def test_it_is_put_where_the_others_stand_as_they_did(scale_free) -> None:
    made = difference(scale_free)
    found = made.aligned([0, 1, 3, 4])
    moved = motions(made.old.cameras.cam_from_world, found.rig.cameras.cam_from_world)
    standing = [0, 1, 3, 4]
    assert float(moved[standing].abs().max()) < 1e-9
    assert float(moved[2, 3:].norm()) == pytest.approx(np.linalg.norm(MOVED[0]))
    assert np.rad2deg(float(moved[2, :3].norm())) == pytest.approx(0.3)
    # The points went along, so that the detections still fit.
    assert found.distances_px(found.rig).max() < 1e-6
    off_px = found.distances_px(made.old)
    assert off_px[standing].max() < 1e-6
    assert off_px[2] > 1


def test_the_shift_in_the_image_is_what_moving_the_camera_does() -> None:
    made = difference().aligned([0, 1, 3, 4])
    moved = motions(made.old.cameras.cam_from_world, made.rig.cameras.cam_from_world)
    there, _ = made.rig.cameras[2].project(made.points_world[:40])
    before, _ = made.old.cameras[2].project(made.points_world[:40])
    expected = float((there - before).square().sum(-1).mean().sqrt())
    shifts = made.shifts_px(moved)
    assert float(shifts[2]) == pytest.approx(expected, rel=0.03)
    assert float(shifts[0]) < 1e-6


def test_what_is_harmless_shifts_images_by_so_many_sigmas() -> None:
    made = difference().aligned([0, 1, 3, 4])
    covariance = made.harmless_covariance()
    draws = torch.linalg.cholesky(covariance) @ torch.randn(
        30, 400, generator=seeded(5), dtype=torch.float64
    )
    shifts = torch.stack([made.shifts_px(draw.reshape(5, 6)) for draw in draws.mT])
    torch.testing.assert_close(
        shifts.square().mean(0).sqrt(), torch.ones(5).double(), atol=0.15, rtol=0
    )  # 2 sigmas of 0.5 px
    blocks = covariance.reshape(5, 6, 5, 6)
    assert float(blocks[0, :, 1].abs().max()) == 0


def test_the_covariance_is_the_sum_of_both_rigs() -> None:
    made = difference()
    both = replace(made, old_covariance=3 * made.new_covariance)
    torch.testing.assert_close(both.covariance(), 4 * made.new_covariance)
