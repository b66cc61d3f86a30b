from __future__ import annotations

import numpy as np
import pytest

from triangulate.sync import shift_points, velocities_px
from triangulate.sync.resampling import last_until

FAR_S = 1e9


def parabolas(times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two points' (*B, 2, 2) positions and velocities on parabolas."""
    t = times_s[..., None, None]
    start = np.array([[300.0, 20.0], [10.0, 400.0]])
    speed = np.array([[50.0, -70.0], [0.0, 200.0]])
    bend = np.array([[-500.0, 100.0], [30.0, 0.0]])
    return start + speed * t + bend * t**2, speed + 2 * bend * t


def uneven(count: int, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(0.02, 0.06, count))


# --- Velocities -----------------------------------------------------------------------------------


def test_velocities_by_hand() -> None:
    points_px = np.array([0.0, 1, 4, 9, 16])[:, None, None, None] * [1.0, -2.0]
    speeds = velocities_px(points_px, np.arange(5) / 10)
    # central differences inside, the slope to the one neighbour at the ends
    assert speeds[:, 0, 0, 0].tolist() == pytest.approx([10, 20, 40, 60, 70])
    np.testing.assert_allclose(speeds[..., 1], -2 * speeds[..., 0])


def test_velocities_of_parabolas_are_exact_at_uneven_times() -> None:
    times_s = uneven(12)
    late_s = np.array([0.0, 0.013, -0.3])
    own_s = times_s[:, None] + late_s
    points_px, truth = parabolas(own_s)
    speeds = velocities_px(points_px, own_s, FAR_S)
    np.testing.assert_allclose(speeds[1:-1], truth[1:-1], atol=1e-8)
    common = velocities_px(points_px[:, :1], times_s, FAR_S)
    np.testing.assert_allclose(common[1:-1], truth[1:-1, :1], atol=1e-8)


def test_velocities_at_gaps() -> None:
    times_s = np.arange(12) / 30
    points_px, truth = parabolas(np.repeat(times_s[:, None], 2, axis=1))
    points_px[4, 0, 0] = np.nan  # one frame, which is bridged
    points_px[7:9, 1, 1, 0] = np.nan  # half a point is none, and two frames are too long
    points_px[10, 1, 1] = np.nan
    speeds = velocities_px(points_px, times_s)
    assert np.isnan(speeds[4, 0, 0]).all() and np.isnan(speeds[7:9, 1, 1]).all()
    np.testing.assert_allclose(speeds[[3, 5], 0, 0], truth[[3, 5], 0, 0], atol=1e-8)
    one_sided = (points_px[6, 1, 1] - points_px[5, 1, 1]) * 30
    np.testing.assert_allclose(speeds[6, 1, 1], one_sided)
    # a lonely observation has no velocity
    points_px[:, 0, 1] = np.nan
    points_px[6, 0, 1] = 1.0
    assert np.isnan(velocities_px(points_px, times_s)[:, 0, 1]).all()


# --- Shifting -------------------------------------------------------------------------------------


def test_shifted_points_are_where_they_were_at_the_common_times() -> None:
    times_s, late_s = uneven(30), np.array([0.0, 0.03, -0.05])
    seen_px, _ = parabolas(times_s[:, None] + late_s)
    truth, _ = parabolas(np.repeat(times_s[:, None], 3, axis=1))
    moved_px = shift_points(seen_px, times_s, late_s, FAR_S)
    np.testing.assert_allclose(moved_px[3:-3], truth[3:-3], atol=1e-9)
    np.testing.assert_array_equal(moved_px[:, 0], seen_px[:, 0])
    # before the late camera's first frame, and after the early one's last, nothing is known
    assert np.isnan(moved_px[0, 1]).all() and np.isnan(moved_px[-1, 2]).all()
    np.testing.assert_allclose(
        shift_points(seen_px, times_s, np.tile(late_s, (30, 1)), FAR_S), moved_px
    )


def test_what_is_late_is_moved_back() -> None:
    """The sign: a camera that is 2 frames late sees at its frame 3 what others see at frame 5."""
    seen_px = np.arange(10.0)[:, None, None, None] + np.array([0.0, 2.0])[:, None, None]
    seen_px = np.repeat(seen_px, 2, axis=-1)
    moved_px = shift_points(seen_px, np.arange(10) / 50, np.array([0, 2 / 50]))
    np.testing.assert_allclose(moved_px[2:, 1], moved_px[2:, 0], atol=1e-9)
    assert np.isnan(moved_px[:2, 1]).all()


@pytest.mark.parametrize("late_frames", [0, 3, -2])
def test_whole_frames_bring_the_observations_themselves(late_frames: int) -> None:
    generator = np.random.default_rng(0)
    seen_px = generator.normal(size=(20, 2, 4, 2))
    seen_px[generator.uniform(size=(20, 2, 4)) < 0.3] = np.nan
    moved_px = shift_points(seen_px, np.arange(20) / 30, np.array([0, late_frames / 30]))
    expected = np.full((20, 4, 2), np.nan)
    for frame in range(20):
        if 0 <= frame - late_frames < 20:
            expected[frame] = seen_px[frame - late_frames, 1]
    np.testing.assert_array_equal(
        moved_px[:, 1][~np.isnan(expected)], expected[~np.isnan(expected)]
    )


def test_only_short_gaps_are_bridged() -> None:
    times_s = np.arange(12) / 30
    points_px, _ = parabolas(times_s[:, None])
    points_px[4] = points_px[7:9] = np.nan
    moved_px = shift_points(points_px, times_s, np.array([0.4 / 30]))
    missing = np.isnan(moved_px[:, 0, 0, 0])
    # time t lies between the frames before it and at it
    assert np.flatnonzero(missing).tolist() == [0, 7, 8, 9]
    wide = shift_points(points_px, times_s, np.array([0.4 / 30]), max_gap_s=3.2 / 30)
    assert not np.isnan(wide[1:]).any()


def test_views_are_independent_of_each_other() -> None:
    generator = np.random.default_rng(1)
    seen_px = generator.normal(size=(15, 3, 2, 2))
    late_s, order = np.array([0, 0.011, -0.02]), [2, 0, 1]
    times_s = np.arange(15) / 50
    moved_px = shift_points(seen_px, times_s, late_s)
    np.testing.assert_array_equal(
        shift_points(seen_px[:, order], times_s, late_s[order]), moved_px[:, order]
    )


@pytest.mark.parametrize(
    ("shape", "times_s", "said"),
    [
        ((5, 2, 2), np.arange(5), r"\(T, V, N, 2\)"),
        ((5, 2, 1, 2), np.arange(4), "times_s must have shape"),
        ((5, 2, 1, 2), np.array([0, 1, 1, 2, 3]), "must grow"),
    ],
)
def test_broken_contracts(shape: tuple[int, ...], times_s: np.ndarray, said: str) -> None:
    for function in (velocities_px, lambda p, t: shift_points(p, t, np.zeros(2))):
        with pytest.raises(ValueError, match=said):
            function(np.zeros(shape), times_s)


def test_one_frame_says_nothing_of_others() -> None:
    points_px = np.ones((1, 2, 1, 2))
    assert np.isnan(velocities_px(points_px, np.zeros(1))).all()
    moved_px = shift_points(points_px, np.zeros(1), np.array([0, 0.1]))
    assert moved_px[0, 0, 0].tolist() == [1, 1] and np.isnan(moved_px[0, 1]).all()


def test_last_until() -> None:
    times = np.array([[0.0, 10.0], [1.0, 11.0], [2.0, 13.0]])
    at = np.array([[-0.1, 12.9], [1.0, 13.0], [9.0, 9.0]])
    assert last_until(times, at).tolist() == [[-1, 1], [1, 2], [2, -1]]
