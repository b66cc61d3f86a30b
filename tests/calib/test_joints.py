from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.joints import MOST_POINTS, Joints
from triangulate.errors import InputError
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture(scope="module")
def rig():
    return ring_rig(seeded(1), 3, lens="mixed")


@pytest.fixture(scope="module")
def seen(rig):
    motion = walk(seeded(2), 40)
    found, _ = observe(motion.positions_m, rig, motion.skeleton, seeded(3), DetectorNoise.none())
    return found.points_px[:, :, 0], found.confidence[:, :, 0]


def said(*arguments) -> str:
    with pytest.raises(InputError) as caught:
        Joints.of(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_views_come_first_and_nothing_is_nan(rig, seen) -> None:
    points_px, confidence = seen
    points_px, confidence = points_px.copy(), confidence.copy()
    points_px[3, 1, 5] = np.nan
    confidence[4, 2, 6] = 0.05  # below what is used
    joints = Joints.of(points_px, confidence, rig)
    assert joints.points_px.shape == (3, 40, 17, 2)
    assert bool(torch.isfinite(joints.points_px).all())
    assert float(joints.confidence[1, 3, 5]) == 0
    assert float(joints.confidence[2, 4, 6]) == 0
    at = joints.points_px[2, 7, 4].numpy()
    np.testing.assert_array_equal(at, points_px[7, 2, 4])
    assert joints.flat_px.shape == (3, 680, 2)
    np.testing.assert_array_equal(joints.flat_px[2, 7 * 17 + 4].numpy(), at)


def test_frames_that_one_camera_saw_are_left_out(rig, seen) -> None:
    points_px, confidence = seen
    alone = points_px.copy()
    alone[10:15, 1:] = np.nan
    assert Joints.of(alone, confidence, rig).points_px.shape[1] == 35
    assert Joints.of(alone, None, rig).points_px.shape[1] == 35


def test_long_recordings_are_thinned_evenly(rig, seen) -> None:
    points_px, confidence = seen
    long_px, long = np.tile(points_px, (20, 1, 1, 1)), np.tile(confidence, (20, 1, 1))
    joints = Joints.of(long_px, long, rig)
    assert MOST_POINTS - 17 < joints.confidence[0].numel() <= MOST_POINTS
    few = joints.thinned(1000)
    assert 800 <= few.confidence[0].numel() <= 1300


def test_undistorted_points_are_where_the_lens_had_them(rig, seen) -> None:
    joints = Joints.of(*seen, rig)
    points_n, known = joints.undistorted_n(rig)
    cameras = rig.cameras
    again = cameras.lens.distort(points_n) @ cameras.K[:, :2, :2].mT + cameras.K[:, None, :2, 2]
    torch.testing.assert_close(again[known], joints.flat_px[known], atol=1e-6, rtol=0)
    assert bool((known <= joints.observed).all())


def test_arrays_of_another_shape_or_range_are_refused(rig, seen) -> None:
    points_px, confidence = seen
    assert "cam1, cam2, cam3" in said(points_px[:, :2], confidence[:, :2], rig)
    assert "confidence must have shape" in said(points_px, confidence[:, :2], rig)
    assert "[0, 1]" in said(points_px, 2 * confidence, rig)
    assert "[0, 1]" in said(points_px, -confidence, rig)


def test_cameras_that_share_nothing_are_named(rig, seen) -> None:
    points_px, confidence = seen
    blind = points_px.copy()
    blind[:, 1] = np.nan
    assert "'cam2' never sees a person" in said(blind, confidence, rig)
    apart = points_px.copy()
    apart[:20, 2], apart[20:, :2] = np.nan, np.nan
    assert "'cam3' shares 0 points" in said(apart, confidence, rig)
    assert "one camera (cam1)" in said(points_px[:, :1], confidence[:, :1], rig.select(["cam1"]))
