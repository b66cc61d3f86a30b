from __future__ import annotations

import numpy as np
import pytest

from triangulate.geometry.camera import Camera
from triangulate.people.sides import exchange_sides, find_swapped
from triangulate.pipeline import reconstruct
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

FLIP = Skeleton.named("h36m17").flip_permutation()
PLAIN = DetectorNoise(sigma_px=(1.0, 3.0), missing=0.1, gross=0.02, swapped=0.0)


class Scene:
    """A walker, the cameras' clean or noisy views (V, T, J, 2), and the true positions."""

    def __init__(self, num_frames: int = 60, num_cameras: int = 4, noise=PLAIN, seed=0) -> None:
        generator = seeded(seed)
        self.rig: Rig = ring_rig(generator, num_cameras)
        self.motion = walk(generator, num_frames)
        self.keypoints, self.truth = observe(
            self.motion.positions_m, self.rig, self.motion.skeleton, generator, noise
        )

    @property
    def camera(self) -> Camera:
        return self.rig.cameras

    @property
    def points_px(self) -> np.ndarray:
        return self.keypoints.points_px[:, :, 0].swapaxes(0, 1)

    @property
    def none(self) -> np.ndarray:
        return np.zeros(self.points_px.shape[:2], dtype=bool)

    def found(self, swapped: np.ndarray) -> np.ndarray:
        """What is found where these views (V, T) have their sides exchanged."""
        points_px = exchange_sides(self.points_px, swapped, FLIP)
        return find_swapped(points_px, self.motion.positions_m, self.camera, FLIP)


def test_exchange_by_hand() -> None:
    values = np.arange(6.0).reshape(1, 2, 3)  # one view, two frames; left, middle, right
    exchanged = exchange_sides(values, np.array([[False, True]]), np.array([2, 1, 0]))
    assert exchanged.tolist() == [[[0, 1, 2], [5, 4, 3]]]


def test_exchanging_twice_changes_nothing_and_pairless_joints_stay() -> None:
    scene = Scene()
    swapped = np.random.default_rng(0).random(scene.none.shape) < 0.5
    once = exchange_sides(scene.points_px, swapped, FLIP)
    np.testing.assert_array_equal(exchange_sides(once, swapped, FLIP), scene.points_px)
    alone = FLIP == np.arange(len(FLIP))
    assert 0 < alone.sum() < len(FLIP)
    np.testing.assert_array_equal(once[:, :, alone], scene.points_px[:, :, alone])
    np.testing.assert_array_equal(once[~swapped], scene.points_px[~swapped])
    confidence = scene.keypoints.confidence[:, :, 0].swapaxes(0, 1)
    assert exchange_sides(confidence, swapped, FLIP).shape == confidence.shape


@pytest.mark.parametrize("noise", [DetectorNoise.none(), PLAIN], ids=["perfect", "noisy"])
@pytest.mark.parametrize("num_cameras", [2, 4])
def test_nothing_is_found_where_nothing_is_wrong(noise: DetectorNoise, num_cameras: int) -> None:
    scene = Scene(100, num_cameras, noise)
    assert not scene.found(scene.none).any()


@pytest.mark.parametrize("num_frames", [1, 2, 30])
def test_single_frames_and_all_frames_of_a_view(num_frames: int) -> None:
    scene = Scene(num_frames)
    first, whole = scene.none, scene.none
    first[2, 0] = True
    whole[1] = True
    np.testing.assert_array_equal(scene.found(first), first)
    np.testing.assert_array_equal(scene.found(whole), whole)


@pytest.mark.parametrize("seed", range(3))
def test_bursts_in_several_views_at_once(seed: int) -> None:
    scene = Scene(120, seed=seed)
    rng = np.random.default_rng(seed)
    swapped = scene.none
    for view in range(4):
        for start in rng.integers(0, 110, 3):
            swapped[view, start : start + rng.integers(1, 20)] = True
    np.testing.assert_array_equal(scene.found(swapped), swapped)


def test_views_that_see_nobody_say_nothing() -> None:
    scene = Scene()
    points_px = scene.points_px.copy()
    points_px[[0, 3]] = np.nan
    swapped = scene.none
    swapped[1, 20:40] = True
    exchanged = exchange_sides(points_px, swapped, FLIP)
    found = find_swapped(exchanged, scene.motion.positions_m, scene.camera, FLIP)
    np.testing.assert_array_equal(found, swapped)


def test_where_the_pose_is_not_known_the_motion_tells() -> None:
    scene = Scene(noise=DetectorNoise.none())
    positions_m = scene.motion.positions_m.copy()
    positions_m[25:35] = np.nan
    swapped = scene.none
    swapped[0, 20:45] = True
    exchanged = exchange_sides(scene.points_px, swapped, FLIP)
    np.testing.assert_array_equal(find_swapped(exchanged, positions_m, scene.camera, FLIP), swapped)


def test_a_pose_that_is_mirrored_for_a_frame_turns_no_view() -> None:
    scene = Scene()
    positions_m = scene.motion.positions_m.copy()
    positions_m[[20, 40]] = positions_m[[20, 40]][:, FLIP]
    assert not find_swapped(scene.points_px, positions_m, scene.camera, FLIP).any()


def test_the_order_of_the_views_does_not_matter() -> None:
    scene = Scene()
    swapped = scene.none
    swapped[2, 10:30] = True
    order = [3, 1, 0, 2]
    points_px = exchange_sides(scene.points_px, swapped, FLIP)[order]
    found = find_swapped(points_px, scene.motion.positions_m, scene.camera[order], FLIP)
    np.testing.assert_array_equal(found, swapped[order])


def test_the_whole_way_finds_them_without_knowing_the_pose() -> None:
    noise = DetectorNoise(sigma_px=(1.0, 3.0), missing=0.1, gross=0.02, swapped=0.06)
    scene = Scene(200, noise=noise)
    keypoints = scene.keypoints
    poses = reconstruct(
        keypoints.points_px[:, :, 0],
        keypoints.confidence[:, :, 0],
        scene.rig,
        skeleton=keypoints.skeleton,
    )
    # A frame of which a limb at most is seen may stay as it is.
    swapped = scene.truth.swapped[:, :, 0]  # (T, V, J)
    found = poses.sides_swapped[:, 0]
    assert swapped.any(-1).sum() > 20
    assert not found[~swapped.any(-1)].any()
    assert found[swapped.sum(-1) > 4].all()
    error_mm = 1000 * np.linalg.norm(poses.positions_m[:, 0] - scene.motion.positions_m, axis=-1)
    assert np.nanmedian(error_mm[swapped.any((1, 2))]) < 15


def test_without_flip_pairs_nothing_is_exchanged() -> None:
    scene = Scene(20)
    swapped = scene.none
    swapped[1] = True
    points_px = exchange_sides(scene.points_px, swapped, FLIP).swapaxes(0, 1)
    confidence = np.isfinite(points_px).all(-1).astype(float)
    assert not reconstruct(points_px, confidence, scene.rig).sides_swapped.any()
    named = Skeleton.named("h36m17")
    linear = reconstruct(points_px, confidence, scene.rig, "dlt", skeleton=named)
    assert not linear.sides_swapped.any()
    robust = reconstruct(points_px, confidence, scene.rig, skeleton=named)
    assert robust.sides_swapped[:, 0, 1].all()
