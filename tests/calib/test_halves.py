from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib.halves import WAYS, pooled_ratio, root_mean_square, split_halves
from calib.solving_again import BLOCKS, frame_blocks


def test_the_ways_have_nothing_in_common():
    signs = np.array(list(WAYS.values()))
    np.testing.assert_array_equal(signs @ signs.T, BLOCKS * np.eye(len(WAYS)))
    np.testing.assert_array_equal(signs.sum(1), 0)  # halves are halves
    assert next(iter(WAYS.values())) == tuple([1] * 4 + [-1] * 4)  # before and after


def test_neighbours_in_time_stay_together(faultless):
    blocks = frame_blocks(faultless.solution)
    assert (np.diff(blocks) >= 0).all()
    np.testing.assert_array_equal(np.bincount(blocks), 8)  # 64 frames


def test_frames_without_a_pose_belong_to_no_half(faultless):
    places = faultless.solution.world_from_target_translation_m.copy()
    places[[0, 30, 31, 63]] = np.nan
    blocks = frame_blocks(replace(faultless.solution, world_from_target_translation_m=places))
    np.testing.assert_array_equal(np.flatnonzero(blocks < 0), [0, 30, 31, 63])
    assert np.bincount(blocks[blocks >= 0]).tolist() in ([8, 7] * 4, [7, 8] * 4)


def test_root_mean_square_by_hand():
    values = np.array([[3.0, 4.0, np.nan], [np.nan, np.nan, np.nan]])
    found = root_mean_square(values)
    assert found[0] == pytest.approx(np.sqrt(12.5))
    assert np.isnan(found[1])


def test_each_comparison_counts_the_same():
    assert pooled_ratio([2.0, 30.0], [1.0, 10.0]) == pytest.approx(np.sqrt((4 + 9) / 2))
    assert np.isnan(pooled_ratio([], []))
    assert pooled_ratio([2.0, 0.0], [1.0, 0.0]) == pytest.approx(2.0)  # nothing to compare


def test_halves_of_a_faultless_recording_differ_as_predicted(faultless):
    assert [split.way for split in faultless.trust.splits] == list(WAYS)
    for split in faultless.trust.splits:
        assert 0.3 < split.observed_m / split.predicted_m < 1.8
        ratios = split.observed_px / split.predicted_px
        assert 0.4 < root_mean_square(ratios) < 1.5
        # Either half has twice the whole's variance or more, and both make up the difference.
        whole_m = root_mean_square(faultless.trust.predicted_m)
        assert 1.8 < split.predicted_m / whole_m < 4.0


def test_a_camera_that_moves_shows_in_before_and_after(bumped):
    first = bumped.trust.splits[0]
    assert first.observed_px.argmax() == 1
    assert (first.observed_px / first.noise_px)[1] > 4
    assert first.without_m[1] < 0.5 * np.delete(first.without_m, 1).min()


def test_too_few_frames_are_not_compared(faultless):
    places = faultless.solution.world_from_target_translation_m.copy()
    places[7:] = np.nan
    few = replace(faultless.solution, world_from_target_translation_m=places)
    splits, reasons = split_halves(few, few.target_m, np.zeros((1, 3)))
    assert splits == []
    assert reasons == [
        "the recording is too short to be checked against itself: 7 frames show the board, and it "
        "takes 8"
    ]


def test_halves_that_cannot_be_solved_are_named(faultless):
    points_px = faultless.solution.observations.points_px.copy()
    points_px[3, :34] = np.nan  # cam4 sees the board in the second half alone
    observations = replace(faultless.solution.observations, points_px=points_px)
    solution = replace(faultless.solution, observations=observations)
    splits, reasons = split_halves(solution, solution.target_m, faultless.trust.volume.points_world)
    assert "first and second half" not in [split.way for split in splits]
    assert reasons[0].startswith("first and second half could not be compared: camera 'cam4'")
