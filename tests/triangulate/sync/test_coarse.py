from __future__ import annotations

import numpy as np
import pytest

from triangulate.rig import Rig
from triangulate.sync import Doubt, coarse_offsets
from triangulate.synthetic import (
    DetectorNoise,
    board_grid,
    board_scene,
    observe,
    ring_rig,
    walk,
    walk_seen_late,
)
from triangulate.synthetic.draws import seeded

FPS = 30.0
CALIBRATED = [True, False]


def walker(
    late_frames: list[float], seed: int = 0, num_frames: int = 240
) -> tuple[Rig, np.ndarray, np.ndarray]:
    """A rig, points (T, V, J, 2) of a hard detector, and times (T,)."""
    generator = seeded(seed)
    rig = ring_rig(generator, len(late_frames), radius_m=3.6)
    late_s = np.array(late_frames) / FPS
    keypoints, _ = walk_seen_late(generator, rig, late_s, num_frames, FPS, half_length_m=1.5)
    return rig, keypoints.points_px[:, :, 0], np.arange(num_frames) / FPS


@pytest.mark.parametrize("calibrated", CALIBRATED)
def test_whole_frames_are_found(calibrated: bool) -> None:
    late = [0, 15, -30, 6.4]
    rig, points_px, times_s = walker(late)
    found = coarse_offsets(points_px, times_s, rig.cameras if calibrated else None, max_offset_s=2)
    assert found.doubts == (None,) * 4
    assert np.abs(found.late_s * FPS - late).max() < 0.6
    assert (found.margin > 1).all()


@pytest.mark.parametrize("calibrated", CALIBRATED)
def test_another_reference_and_order_say_the_same(calibrated: bool) -> None:
    late = np.array([0, 7, -4, 12])
    rig, points_px, times_s = walker(late.tolist(), seed=1)
    order = [2, 0, 3, 1]
    camera = rig.select([rig.names[v] for v in order]).cameras if calibrated else None
    found = coarse_offsets(points_px[:, order], times_s, camera, reference=3, max_offset_s=1)
    assert found.doubts == (None,) * 4
    np.testing.assert_allclose(found.late_s * FPS, late[order] - late[1], atol=0.6)


@pytest.mark.parametrize("calibrated", CALIBRATED)
def test_nobody_moves(calibrated: bool) -> None:
    generator = seeded(3)
    rig = ring_rig(generator, 3, radius_m=3.6)
    still = np.repeat(walk(generator, 1, FPS).positions_m, 120, axis=0)
    seen, _ = observe(still, rig, walk(seeded(0), 1).skeleton, generator)
    found = coarse_offsets(
        seen.points_px[:, :, 0], np.arange(120) / FPS, rig.cameras if calibrated else None
    )
    assert found.doubts == (None, Doubt.still, Doubt.still)
    assert (found.late_s == 0).all()


def test_a_motion_that_repeats_itself_fits_at_every_period() -> None:
    rig, points_px, _ = walker([0, 0, 0], num_frames=40)
    rounds = np.tile(points_px, (6, 1, 1, 1))
    times_s = np.arange(len(rounds)) / FPS
    found = coarse_offsets(rounds, times_s, rig.cameras, max_offset_s=3)
    assert found.doubts == (None, Doubt.repeats, Doubt.repeats)
    # less far than a period, nothing is repeated
    near = coarse_offsets(rounds, times_s, rig.cameras, max_offset_s=0.8)
    assert near.doubts == (None,) * 3 and np.abs(near.late_s).max() < 0.5 / FPS


def test_an_offset_beyond_the_search_is_named() -> None:
    rig, points_px, times_s = walker([0, 45, 3])
    found = coarse_offsets(points_px, times_s, rig.cameras, max_offset_s=1)
    assert found.doubts == (None, Doubt.beyond, None)
    assert found.late_s[2] * FPS == pytest.approx(3, abs=0.6)


def test_a_view_that_sees_nothing_is_named() -> None:
    rig, points_px, times_s = walker([0, 5, 3, -2])
    points_px[:, 2] = np.nan
    for camera in (rig.cameras, None):
        found = coarse_offsets(points_px, times_s, camera, max_offset_s=1)
        assert found.doubts == (None, None, Doubt.unseen, None)
        np.testing.assert_allclose(found.late_s[[1, 3]] * FPS, [5, -2], atol=0.6)
    # without the reference, nothing can be told of the others
    points_px[:, 0] = np.nan
    found = coarse_offsets(points_px, times_s, rig.cameras, max_offset_s=1)
    assert found.doubts[1:] == (Doubt.unseen,) * 3


def test_frames_may_be_missing_altogether() -> None:
    rig, points_px, times_s = walker([0, 5, -3], seed=2)
    kept = np.random.default_rng(0).uniform(size=len(times_s)) > 0.2
    found = coarse_offsets(points_px[kept], times_s[kept], rig.cameras, max_offset_s=1)
    assert found.doubts == (None,) * 3
    np.testing.assert_allclose(found.late_s * FPS, [0, 5, -3], atol=0.6)


def test_a_board_that_is_waved() -> None:
    generator = seeded(0)
    rig = ring_rig(generator, 4)
    late_s = np.array([0, 0.01, -0.35, 0.0033])
    scene = board_scene(generator, rig, board_grid(5, 4, 0.1), 600, late_s=late_s, motion="smooth")
    found = coarse_offsets(scene.points_px.swapaxes(0, 1), scene.times_s, rig.cameras, 0, 1.0)
    assert found.doubts == (None,) * 4
    np.testing.assert_allclose(found.late_s, late_s, atol=0.6 / FPS)


def test_perfect_data_and_too_few_frames() -> None:
    generator = seeded(5)
    rig = ring_rig(generator, 3, radius_m=3.6)
    keypoints, _ = walk_seen_late(
        generator, rig, [0, 4 / FPS, 0], 60, FPS, DetectorNoise.none(), half_length_m=1.5
    )
    points_px, times_s = keypoints.points_px[:, :, 0], np.arange(60) / FPS
    found = coarse_offsets(points_px, times_s, rig.cameras, max_offset_s=0.5)
    np.testing.assert_allclose(found.late_s * FPS, [0, 4, 0], atol=0.01)
    few = coarse_offsets(points_px[:5], times_s[:5], rig.cameras)
    assert few.doubts == (None, Doubt.unseen, Doubt.unseen)
