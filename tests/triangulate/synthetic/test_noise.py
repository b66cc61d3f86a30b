from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

QUIET = DetectorNoise.none()
STILL = np.tile(walk(seeded(0), num_frames=1).positions_m, (4000, 1, 1))
SKELETON = Skeleton.named("h36m17")


def watch(positions: np.ndarray, noise: DetectorNoise, seed: int = 0, rig: Rig | None = None):
    return observe(positions, rig or ring_rig(seeded(9)), SKELETON, seeded(seed), noise)


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye"])
def test_a_perfect_detector_sees_what_opencv_projects(lens: str) -> None:
    motion = walk(seeded(1), num_frames=20)
    rig = ring_rig(seeded(2), 3, lens=lens)
    keypoints, truth = watch(motion.positions_m, QUIET, rig=rig)
    arrays = rig.to_arrays()
    project = cv2.fisheye.projectPoints if lens == "fisheye" else cv2.projectPoints
    for v in range(3):
        points = motion.positions_m.reshape(-1, 1, 3)
        pose = (cv2.Rodrigues(arrays["rotation"][v])[0], arrays["translation_m"][v])
        expected = project(points, *pose, arrays["K"][v], arrays["dist"][v])[0].reshape(20, 17, 2)
        np.testing.assert_allclose(truth.points_px[:, v, 0], expected, atol=1e-9)
        np.testing.assert_allclose(keypoints.points_px[:, v, 0], expected, atol=1e-3)
    assert keypoints.names == rig.names
    assert keypoints.sizes == rig.sizes


def test_noise_has_the_stated_deviation_in_each_camera_and_joint() -> None:
    noise = dataclasses.replace(QUIET, sigma_px=(0.5, 2.5))
    keypoints, truth = watch(STILL, noise)
    error = keypoints.points_px - truth.points_px
    np.testing.assert_allclose(
        error.std(axis=0), truth.sigma_px[..., None].repeat(2, -1), rtol=0.06
    )
    assert np.abs(error.mean(axis=0)).max() < 0.2
    assert truth.sigma_px.min() >= 0.5
    assert truth.sigma_px.max() <= 2.5
    assert np.ptp(truth.sigma_px) > 1.5


def test_the_stated_part_is_missing_in_bursts() -> None:
    keypoints, truth = watch(STILL, dataclasses.replace(QUIET, missing=0.2))
    gone = np.isnan(keypoints.points_px).any(-1)
    np.testing.assert_array_equal(gone, truth.missing)
    np.testing.assert_array_equal(keypoints.confidence == 0, gone)
    assert gone.mean() == pytest.approx(0.2, abs=0.01)
    assert gone[:100].mean() == pytest.approx(0.2, abs=0.06)  # the start is like the rest
    series = gone.reshape(len(gone), -1).T
    starts = (series[:, 1:] & ~series[:, :-1]).sum()
    assert 3 < gone.sum() / starts < 60


def test_gross_errors_lie_as_far_off_as_stated() -> None:
    keypoints, truth = watch(STILL, dataclasses.replace(QUIET, gross=0.03))
    error = np.linalg.norm(keypoints.points_px - truth.points_px, axis=-1)
    assert truth.gross.mean() == pytest.approx(0.03, abs=0.002)
    assert 7.99 < error[truth.gross].min()
    assert error[truth.gross].max() < 60.01
    assert error[~truth.gross].max() < 1e-3


def test_swaps_exchange_all_left_and_right_joints_of_a_camera_in_bursts() -> None:
    keypoints, truth = watch(STILL, dataclasses.replace(QUIET, swapped=0.05))
    flip = SKELETON.flip_permutation()
    sides = flip != np.arange(17)
    bursts = truth.swapped.any(-1)
    assert bursts.mean() == pytest.approx(0.05, abs=0.02)
    np.testing.assert_array_equal(truth.swapped, bursts[..., None] & sides)
    expected = np.where(bursts[..., None, None], truth.points_px[..., flip, :], truth.points_px)
    np.testing.assert_allclose(keypoints.points_px, expected, atol=1e-3)
    assert not bursts.all(axis=1).any()  # cameras err independently


def test_confidence_follows_the_error_but_not_the_swap() -> None:
    keypoints, truth = watch(STILL, DetectorNoise(swapped=0.1))
    seen = keypoints.confidence > 0
    fine = seen & ~truth.outlier
    assert keypoints.confidence[truth.gross].mean() < keypoints.confidence[fine].mean() - 0.15
    assert keypoints.confidence[truth.swapped].mean() > 0.6
    assert keypoints.confidence[seen].min() >= 0.05
    assert keypoints.confidence.max() <= 1


def test_what_is_behind_a_camera_or_outside_the_image_is_not_seen() -> None:
    rig = ring_rig(seeded(0), 2, radius_m=3.0)
    positions = np.zeros((1, 17, 3)) + rig.cameras.centre_world[0].numpy() * 2
    positions[0, 0] = [0, 0, 1]
    keypoints, truth = watch(positions, QUIET, rig=rig)
    assert not np.isfinite(keypoints.points_px[0, 0, 0, 1:]).any()
    assert np.isfinite(keypoints.points_px[0, :, 0, 0]).all()
    assert truth.outside[0, 0, 0, 1:].all()
    assert not truth.missing.any()


def test_without_a_size_nothing_is_cut_off() -> None:
    rig = ring_rig(seeded(0), 2)
    positions = np.tile([0.0, 0.0, 4.0], (1, 17, 1))
    assert watch(positions, QUIET, rig=rig)[1].outside.all()
    sizeless = dataclasses.replace(rig, sizes=(None, None))
    assert not watch(positions, QUIET, rig=sizeless)[1].outside.any()


def test_several_people_have_bursts_of_their_own() -> None:
    positions = np.stack([STILL[:300], STILL[:300]], axis=1)
    keypoints, truth = watch(positions, DetectorNoise())
    assert keypoints.points_px.shape == (300, 4, 2, 17, 2)
    assert (truth.missing[:, :, 0] != truth.missing[:, :, 1]).any()


def test_a_seed_gives_the_same_observations_whatever_the_threads() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = watch(STILL[:200], DetectorNoise(), seed=5)[0]
        torch.set_num_threads(2)
        two = watch(STILL[:200], DetectorNoise(), seed=5)[0]
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(one.points_px, two.points_px)
    np.testing.assert_array_equal(one.confidence, two.confidence)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"missing": 1.0}, "missing must lie"),
        ({"gross_px": (9.0, 3.0)}, "gross_px must rise"),
        ({"swapped_frames": (0, 3)}, "swapped_frames must rise"),
    ],
)
def test_impossible_noise_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectorNoise(**wrong)


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="positions_m must have shape"):
        watch(STILL[:, :5], QUIET)
