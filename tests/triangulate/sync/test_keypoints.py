from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import triangulate
from triangulate.config import ReconstructConfig
from triangulate.errors import InputError
from triangulate.inputs import read_keypoints
from triangulate.keypoints import Keypoints2D
from triangulate.pipeline import reconstruct_files
from triangulate.recording import load_offsets
from triangulate.rig import Rig
from triangulate.sync import Doubt
from triangulate.sync.keypoints import at_frame_times, estimate_offsets, pair_keypoints
from triangulate.synthetic import Motion, observe, ring_rig, walk, walk_seen_late
from triangulate.synthetic.draws import seeded

FPS = 30.0
LATE_S = np.array([0, 0.010, -0.25, 0.4 + 0.3 / FPS])


def made_up(
    seed: int = 0, num_frames: int = 150, late_s: np.ndarray = LATE_S
) -> tuple[Rig, Keypoints2D, Motion]:
    generator = seeded(seed)
    rig = ring_rig(generator, len(late_s), radius_m=3.6)
    return rig, *walk_seen_late(generator, rig, late_s, num_frames, FPS, half_length_m=1.5)


# --- Estimates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_whole_and_parts_of_frames_are_found(seed: int) -> None:
    rig, keypoints, _ = made_up(seed)
    found = estimate_offsets(keypoints, rig, max_offset_s=1)
    assert (found.names, found.reference, found.num_frames) == (rig.names, "cam1", 150)
    assert found.doubts == (None,) * 4
    assert np.abs(found.late_s - LATE_S).max() < 0.0015
    assert (found.sigma_s[1:] < 0.002).all() and found.sigma_s[0] == 0


def test_another_reference() -> None:
    rig, keypoints, _ = made_up(2)
    found = estimate_offsets(keypoints, rig, "cam3", max_offset_s=1)
    assert np.abs(found.late_s - (LATE_S - LATE_S[2])).max() < 0.0015
    with pytest.raises(InputError, match="--reference nobody: there is no such camera; there are"):
        estimate_offsets(keypoints, rig, "nobody")


def test_cameras_are_found_by_name() -> None:
    rig, keypoints, _ = made_up()
    names = ["cam4", "cam1", "cam3"]
    found = estimate_offsets(keypoints, rig.select(names), max_offset_s=1)
    expected_s = LATE_S[[3, 0, 2]] - LATE_S[3]
    assert found.names == tuple(names) and np.abs(found.late_s - expected_s).max() < 0.002


def test_a_second_person_in_some_views() -> None:
    """In two views a bystander is found too, in another place of the list every time."""
    rig, keypoints, _ = made_up()
    generator = seeded(9)
    stands = walk(generator, 1).positions_m.repeat(150, axis=0) + np.array([1.0, 0.4, 0])
    other, _ = observe(stands, rig, keypoints.skeleton, generator, fps=FPS)
    points_px = np.concatenate([keypoints.points_px, other.points_px], axis=2)
    confidence = np.concatenate([keypoints.confidence, 0.9 * other.confidence], axis=2)
    confidence[:, 2:, 1] = 0
    swapped = np.random.default_rng(0).uniform(size=150) < 0.5
    points_px[swapped], confidence[swapped] = (
        points_px[swapped, :, ::-1],
        confidence[swapped, :, ::-1],
    )
    both = replace(keypoints, points_px=points_px, confidence=confidence)
    found = estimate_offsets(both, rig, max_offset_s=1)
    assert found.doubts == (None,) * 4
    assert np.abs(found.late_s - LATE_S).max() < 0.003


def test_a_person_who_stands_still_tells_nothing() -> None:
    rig, keypoints, _ = made_up()
    generator = seeded(4)
    still = walk(generator, 1).positions_m.repeat(150, axis=0)
    seen, _ = observe(still, rig, keypoints.skeleton, generator, fps=FPS)
    found = estimate_offsets(seen, rig, max_offset_s=1)
    assert found.doubts == (None, *[Doubt.still] * 3)
    assert np.isnan(found.sigma_s).all()


def test_a_view_at_another_time_altogether_is_not_believed() -> None:
    """No offset of these recordings is right: they do not overlap."""
    late_s = np.array([0, 0.01, 0.02, 5.0])
    for seed in range(3):
        rig, keypoints, _ = made_up(seed, 60, late_s)
        found = estimate_offsets(keypoints, rig, max_offset_s=2)
        assert found.doubts[:3] == (None,) * 3
        assert found.doubts[3] is not None


def test_long_recordings_are_looked_at_where_most_happens() -> None:
    rig, moving, _ = made_up(0, 120, np.array([0, 0.05, -0.08]))
    generator = seeded(5)
    still = walk(generator, 1).positions_m.repeat(3600, axis=0)
    seen, _ = observe(still, rig, moving.skeleton, generator, fps=FPS)
    points_px, confidence = seen.points_px.copy(), seen.confidence.copy()
    points_px[3400:3520], confidence[3400:3520] = moving.points_px, moving.confidence
    found = estimate_offsets(
        replace(seen, points_px=points_px, confidence=confidence), rig, max_offset_s=0.2
    )
    assert found.num_frames <= 3000 and found.doubts == (None,) * 3
    assert np.abs(found.late_s - [0, 0.05, -0.08]).max() < 0.006


def test_a_rate_is_needed() -> None:
    rig, keypoints, _ = made_up(num_frames=10)
    with pytest.raises(InputError, match=r"no frame rate, .* --fps"):
        estimate_offsets(replace(keypoints, fps=None), rig)


def test_too_few_frames() -> None:
    rig, keypoints, _ = made_up(num_frames=12)
    few = keypoints.select_frames(np.arange(5))
    assert estimate_offsets(few, rig).doubts == (None, *[Doubt.unseen] * 3)
    with pytest.raises(InputError, match="some dozens of frames"):
        estimate_offsets(keypoints.select_frames(np.arange(1)), rig)


# --- Pairing --------------------------------------------------------------------------------------


def test_frames_are_paired_by_whole_frames_and_the_rest_is_kept() -> None:
    _, keypoints, _ = made_up()
    paired = pair_keypoints(keypoints, LATE_S)
    shift = [0, 0, -8, 12]  # frame t of camera 3 is its frame t + 8; a half is rounded either way
    assert paired.late_s is not None and paired.offsets_s is not None
    for view, frames in enumerate(shift):
        rest_s = LATE_S[view] - frames / FPS
        some = paired.late_s[20:100, view]
        np.testing.assert_allclose(some, some[0])
        assert abs(some[0]) <= 0.5 / FPS + 1e-9
        frames = round((LATE_S[view] - some[0]) * FPS)
        np.testing.assert_array_equal(
            paired.points_px[20:100, view], keypoints.points_px[20 - frames : 100 - frames, view]
        )
        assert view == 2 or some[0] == pytest.approx(rest_s)
    assert (paired.confidence[:12, 3] == 0).all() and (paired.confidence[-7:, 2] == 0).all()
    np.testing.assert_array_equal(paired.offsets_s, LATE_S)


def test_paired_twice_is_paired_by_both() -> None:
    _, keypoints, _ = made_up()
    once = pair_keypoints(keypoints, LATE_S)
    half = pair_keypoints(pair_keypoints(keypoints, LATE_S / 2), LATE_S / 2)
    np.testing.assert_allclose(half.offsets_s, once.offsets_s)
    together = slice(20, 100)
    np.testing.assert_allclose(half.points_px[together, :2], once.points_px[together, :2])


def test_what_was_counted_in_is_counted_once(tmp_path) -> None:
    """Offsets of keypoints that were paired by some already come out whole."""
    rig, keypoints, _ = made_up(1)
    paired = pair_keypoints(keypoints, np.array([0, 0.02, -0.2, 0.38]))
    paired.save(tmp_path / "keypoints.npz")
    again = triangulate.load_keypoints(tmp_path / "keypoints.npz")
    np.testing.assert_array_equal(again.late_s, paired.late_s)
    found = estimate_offsets(again, rig, max_offset_s=1)
    assert np.abs(found.late_s - LATE_S).max() < 0.0015


def test_an_offset_longer_than_the_keypoints() -> None:
    _, keypoints, _ = made_up(num_frames=10)
    with pytest.raises(InputError, match=r"camera 'cam2' is \+9.000 s late .* \(0.300 s\)"):
        pair_keypoints(keypoints, np.array([0, 9.0, 0, 0]))


def test_points_move_to_the_times_of_the_frames() -> None:
    late_s = np.array([0, 0.4, -0.3, 0.5]) / FPS
    rig, keypoints, motion = made_up(3, 60, late_s)
    paired = pair_keypoints(keypoints, late_s)
    moved = at_frame_times(paired)
    truth, _ = walk_truth(motion, rig)
    before = np.nanmedian(np.linalg.norm(keypoints.points_px[:, 1:, 0] - truth[:, 1:], axis=-1))
    after = np.nanmedian(np.linalg.norm(moved.points_px[:, 1:, 0] - truth[:, 1:], axis=-1))
    assert after < 0.8 * before
    # no point comes or goes
    np.testing.assert_array_equal(
        np.isfinite(moved.points_px), np.isfinite(pair_keypoints(keypoints, late_s).points_px)
    )
    assert not np.any(moved.late_s)
    assert at_frame_times(keypoints) is keypoints


def walk_truth(motion: Motion, rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    _, truth = observe(motion.positions_m, rig, motion.skeleton, seeded(0))
    return truth.points_px[:, :, 0], truth.outside


# --- The way to poses -----------------------------------------------------------------------------


def test_offsets_make_poses_better(tmp_path) -> None:
    late_s = np.array([0, 0.37, -0.15, 0.0]) + np.array([0, 0.5, 0.4, -0.4]) / FPS
    rig, keypoints, motion = made_up(6, 120, late_s)
    keypoints.save(tmp_path / "keypoints.npz")
    estimate_offsets(keypoints, rig, max_offset_s=1).as_offsets("").save(tmp_path / "sync.yaml")
    assert np.abs(load_offsets(tmp_path / "sync.yaml").late_s - late_s).max() < 0.002

    def error_mm(sync: str) -> float:
        settings = ReconstructConfig(sync=sync, frames="20:100")
        poses = reconstruct_files(tmp_path / "keypoints.npz", rig, settings=settings)
        assert poses.frames.tolist() == list(range(20, 100))
        away = poses.positions_m[:, 0] - motion.positions_m[20:100]
        return float(1000 * np.nanmedian(np.linalg.norm(away, axis=-1)))

    by_motion_mm = error_mm(str(tmp_path / "sync.yaml"))
    assert by_motion_mm < 9  # 7.5 where nobody is late
    assert error_mm("none") > 20
    # to whole frames only
    whole = load_offsets(tmp_path / "sync.yaml")
    replace(whole, late_s=np.rint(whole.late_s * FPS) / FPS).save(tmp_path / "whole.yaml")
    assert by_motion_mm < 0.8 * error_mm(str(tmp_path / "whole.yaml"))


# --- A real recording -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def balancing(shared) -> tuple[Keypoints2D, Rig]:
    """100 frames of slow motion by synchronized cameras; two of them see a bystander too."""
    folder = shared / "pose2sim_balancing"
    rig = triangulate.load_rig(folder / "calibration" / "Calib.qca.txt")
    files = folder / "pose_openpose_body25b"
    keypoints, rig, _ = read_keypoints(files, rig, ReconstructConfig(), fps=60)
    return keypoints, rig


def test_synchronized_cameras_are_not_late(balancing) -> None:
    found = estimate_offsets(*balancing, max_offset_s=0.5)
    assert found.doubts == (None,) * 4
    assert np.abs(found.late_s[1:] / found.sigma_s[1:]).max() < 2.5
    assert np.abs(found.late_s).max() < 0.005 and found.sigma_s.max() < 0.004


def test_a_camera_that_starts_seven_frames_late(balancing) -> None:
    keypoints, rig = balancing
    points_px, confidence = keypoints.points_px.copy(), keypoints.confidence.copy()
    points_px[:-7, 1], confidence[:-7, 1] = points_px[7:, 1], confidence[7:, 1]
    points_px[-7:, 1], confidence[-7:, 1] = np.nan, 0
    late = replace(keypoints, points_px=points_px, confidence=confidence)
    found = estimate_offsets(late, rig, max_offset_s=0.5)
    assert found.doubts == (None,) * 4
    away_s = found.late_s - [0, 7 / 60, 0, 0]
    assert np.abs(away_s[1:] / found.sigma_s[1:]).max() < 2.5
    assert np.abs(away_s).max() < 0.005
