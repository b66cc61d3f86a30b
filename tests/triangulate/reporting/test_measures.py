from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.poses import Reason
from triangulate.reporting.measures import measure


def test_speed_is_metres_a_second(perfect) -> None:
    positions = np.zeros_like(perfect.positions_m) + np.arange(17)[:, None]
    positions[..., 0] += 0.03 * np.arange(len(positions))[:, None, None]
    moved = replace(perfect, positions_m=positions)
    speed = measure(moved).speed
    assert np.isnan(speed[0]).all()
    np.testing.assert_allclose(speed[1:], 0.03 * 50)
    np.testing.assert_allclose(measure(replace(moved, fps=None)).speed[1:], 0.03)
    np.testing.assert_allclose(measure(replace(moved, frames=2 * moved.frames)).speed[1:], 0.75)


def test_over_a_hole_in_the_recording_there_is_no_speed(perfect) -> None:
    frames = np.arange(60)
    frames[30:] += 10
    found = measure(replace(perfect, frames=frames))
    assert np.isnan(found.speed[30]).all() and np.isfinite(found.speed[31]).all()
    assert np.isnan(found.leap_m[[29, 30]]).all() and np.isfinite(found.leap_m[31]).all()


def test_sigma_lengths_and_size_by_hand(perfect) -> None:
    found = measure(perfect)
    np.testing.assert_allclose(found.sigma_m, 2e-3)
    a, b = perfect.skeleton.edges[0]
    apart = perfect.positions_m[:, 0, a] - perfect.positions_m[:, 0, b]
    np.testing.assert_allclose(found.lengths_m[:, 0, 0], np.linalg.norm(apart, axis=-1))
    assert found.bone_spread.max() < 1e-6
    box = np.ptp(perfect.positions_m[:, 0], axis=1)
    assert found.size_m[0] == pytest.approx(np.median(np.linalg.norm(box, axis=-1)))


def test_a_joint_that_leaps_is_seen_and_one_that_moves_is_not(perfect) -> None:
    assert not measure(perfect).jumps.any()
    positions = perfect.positions_m.copy()
    positions[20, 0, 3] += 0.5
    assert np.argwhere(measure(replace(perfect, positions_m=positions)).jumps).tolist() == [
        [20, 0, 3]
    ]


def test_a_person_is_there_from_the_first_to_the_last_point(perfect, without) -> None:
    late = without(perfect, (slice(0, 10),), Reason.too_few_views)
    late = without(late, (slice(30, 35),), Reason.too_few_views)
    present = measure(late).present[:, 0]
    assert np.flatnonzero(present).tolist() == list(range(10, 60))


def test_nothing_to_report_on_is_said(perfect, without) -> None:
    gone = without(perfect, (slice(None),), Reason.high_error)
    with pytest.raises(InputError, match=r"not a single joint has a position \(high_error 100%\)"):
        measure(gone)
    empty = replace(
        perfect,
        **{
            name: getattr(perfect, name)[:0]
            for name in "positions_m covariance_m2 reprojection_px views_used reason "
            "sides_swapped frames".split()
        },
    )
    with pytest.raises(InputError, match=r"are empty \(0 x 1 x 17 frames x people x joints\)"):
        measure(empty)


def test_one_frame_and_one_joint_are_enough(perfect) -> None:
    one = replace(
        perfect,
        **{
            name: getattr(perfect, name)[:1]
            for name in "positions_m covariance_m2 reprojection_px views_used reason "
            "sides_swapped frames".split()
        },
    )
    found = measure(one)
    assert np.isnan(found.speed).all() and not found.is_dense
    assert found.size_m[0] > 1
