from __future__ import annotations

import numpy as np
import pytest

from triangulate.rig import Rig
from triangulate.sync import refine_offsets
from triangulate.sync.local_fit import smooth_at, without_spikes
from triangulate.synthetic import DetectorNoise, board_grid, board_scene, ring_rig, walk_seen_late
from triangulate.synthetic.draws import seeded

LATE_S = np.array([0, 0.010, -0.005, 0.0033])


def walker(
    seed: int,
    fps: float,
    num_frames: int,
    noise: DetectorNoise | None = None,
    late_s: np.ndarray = LATE_S,
) -> tuple[Rig, np.ndarray, np.ndarray]:
    generator = seeded(seed)
    rig = ring_rig(generator, len(late_s), radius_m=3.6)
    keypoints, _ = walk_seen_late(generator, rig, late_s, num_frames, fps, noise, half_length_m=1.5)
    return rig, keypoints.points_px[:, :, 0], np.arange(num_frames) / fps


# --- Smoothing ------------------------------------------------------------------------------------


def test_smoothing_follows_parabolas_at_any_time() -> None:
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 60))[:, None]
    points_px = path_px(times_s)[:, :, None]
    points_px[30] = np.nan
    at_s = np.linspace(times_s[5, 0], times_s[-5, 0], 37)
    position, velocity = smooth_at(points_px, times_s, at_s, 0.15)
    np.testing.assert_allclose(position[:, 0, 0], path_px(at_s), atol=1e-9)
    slope = np.stack([80 - 80 * at_s, -10 + 140 * at_s], axis=-1)
    np.testing.assert_allclose(velocity[:, 0, 0], slope, atol=1e-8)


def path_px(times_s: np.ndarray) -> np.ndarray:
    t = times_s
    return np.stack([3 + 80 * t - 40 * t**2, 200 - 10 * t + 70 * t**2], axis=-1)


def test_lone_spikes_are_taken_out_and_little_else() -> None:
    times_s = np.arange(90)[:, None] / 30
    noise_px = np.random.default_rng(0).normal(size=(90, 1, 3, 2))
    points_px = path_px(times_s)[:, :, None] + noise_px
    spikes = np.zeros((90, 1, 3), dtype=bool)
    spikes[[20, 40, 60, 65], 0, 1] = True
    points_px[spikes] += [60, -90]
    before = points_px.copy()
    kept = np.isfinite(without_spikes(points_px, times_s)).all(-1)
    assert not kept[spikes].any()
    assert kept[~spikes].mean() > 0.97 and kept[:, 0, [0, 2]].all()
    np.testing.assert_array_equal(points_px, before)


def test_nothing_is_extrapolated() -> None:
    times_s = np.arange(20)[:, None] / 30
    points_px = np.ones((20, 1, 1, 2))
    points_px[8:12] = np.nan
    position, _ = smooth_at(points_px, times_s, np.arange(20) / 30, 0.13)
    known = np.isfinite(position[:, 0, 0, 0])
    assert not known[0] and not known[8:12].any() and not known[-1]
    assert known[3:6].all() and known[14:17].all()


# --- Offsets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fps", "num_frames"), [(30.0, 150), (60.0, 150)])
def test_parts_of_a_frame_are_found_and_their_error_is_known(fps: float, num_frames: int) -> None:
    found = [
        refine_offsets(*of, rig.cameras)
        for rig, *of in (walker(s, fps, num_frames) for s in range(5))
    ]
    errors_ms = 1000 * np.array([one.late_s[1:] - LATE_S[1:] for one in found])
    sigmas_ms = 1000 * np.array([one.sigma_s[1:] for one in found])
    assert np.abs(errors_ms).max() < 1.5
    assert np.sqrt(np.square(errors_ms).mean()) < 0.8
    # neither is the error understated, nor told to be several times as large
    assert 0.3 < np.sqrt(np.square(errors_ms / sigmas_ms).mean()) < 1.4
    assert all(one.late_s[0] == 0 and one.sigma_s[0] == 0 for one in found)
    assert all((one.agreement > 0.9).all() for one in found)


def test_perfect_data() -> None:
    rig, points_px, times_s = walker(0, 30, 90, DetectorNoise.none())
    found = refine_offsets(points_px, times_s, rig.cameras)
    np.testing.assert_allclose(found.late_s, LATE_S, atol=1e-4)


def test_tens_of_frames_are_enough() -> None:
    for seed in range(3):
        rig, points_px, times_s = walker(seed, 30, 36, DetectorNoise(swapped=0))
        found = refine_offsets(points_px, times_s, rig.cameras)
        assert np.abs(found.late_s - LATE_S).max() < 0.003
        assert np.abs((found.late_s - LATE_S)[1:] / found.sigma_s[1:]).max() < 2.5


def test_two_frames_off_to_begin_with() -> None:
    rig, points_px, times_s = walker(2, 30, 120)
    start_s = np.array([0, 0.06, 0.05, -0.06])
    near = refine_offsets(points_px, times_s, rig.cameras)
    far = refine_offsets(points_px, times_s, rig.cameras, start_s)
    np.testing.assert_allclose(far.late_s, near.late_s, atol=4e-4)


def test_another_order_and_reference_say_the_same() -> None:
    rig, points_px, times_s = walker(3, 30, 120)
    order = [3, 1, 0, 2]
    turned = rig.select([rig.names[v] for v in order])
    one = refine_offsets(points_px, times_s, rig.cameras)
    other = refine_offsets(points_px[:, order], times_s, turned.cameras, reference=1)
    expected_s = one.late_s[order] - one.late_s[1]
    np.testing.assert_allclose(other.late_s, expected_s, atol=5e-4)
    assert other.sigma_s[1] == 0


def test_clocks_of_their_own_are_no_offsets() -> None:
    """Frames that are known to be late are not late any more."""
    rig, points_px, times_s = walker(4, 30, 100)
    found = refine_offsets(points_px, times_s[:, None] + LATE_S, rig.cameras)
    assert np.abs(found.late_s).max() < 0.0015


def test_a_wrong_calibration_does_not_look_like_a_delay() -> None:
    """Everything in one view lies elsewhere by 12 px, while the walker goes one way."""
    rig, points_px, times_s = walker(5, 30, 60)
    points_px[:, 2] += np.array([12.0, -6.0])
    found = refine_offsets(points_px, times_s, rig.cameras)
    assert np.abs(found.late_s - LATE_S).max() < 0.004


def test_a_view_at_another_time_altogether_does_not_agree() -> None:
    rig, points_px, times_s = walker(6, 30, 120)
    points_px[:, 1] = points_px[::-1, 1]
    found = refine_offsets(points_px, times_s, rig.cameras)
    assert found.agreement[1] < 0.5 < found.agreement[[0, 2, 3]].min()


def test_a_view_without_points_is_left_open() -> None:
    rig, points_px, times_s = walker(7, 30, 60)
    points_px[:, 3] = np.nan
    found = refine_offsets(points_px, times_s, rig.cameras)
    assert found.sigma_s[3] > 0.5 > 0.005 > found.sigma_s[1]
    assert np.abs(found.late_s - LATE_S)[1:3].max() < 0.002
    nothing = refine_offsets(np.full_like(points_px, np.nan), times_s, rig.cameras)
    assert (nothing.sigma_s[1:] > 0.5).all()


def test_a_board_that_is_waved() -> None:
    """Never more than two cameras see it."""
    generator = seeded(0)
    rig = ring_rig(generator, 4)
    late_s = np.array([0, 0.01, -0.004, 0])
    scene = board_scene(generator, rig, board_grid(4, 3, 0.12), 600, late_s=late_s, motion="smooth")
    found = refine_offsets(scene.points_px.swapaxes(0, 1), scene.times_s, rig.cameras)
    assert np.abs(found.late_s - late_s).max() < 0.0015
    assert np.abs((found.late_s - late_s)[1:] / found.sigma_s[1:]).max() < 3
