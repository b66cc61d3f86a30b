from __future__ import annotations

import numpy as np
import pytest

from triangulate.adaptation.judgement import (
    Interval,
    Measured,
    Verdict,
    bone_spread,
    compare,
    frame_means,
    interval,
    measure,
    resampled_frames,
)

EDGE = [(0, 1)]


def bones_of(lengths: list[float]) -> np.ndarray:
    """(T, 2, 3) of one bone."""
    positions = np.zeros((len(lengths), 2, 3))
    positions[:, 1, 0] = lengths
    return positions


def test_bone_spread_by_hand() -> None:
    assert bone_spread(bones_of([0.9, 1.1]), EDGE) == pytest.approx(0.1)
    assert bone_spread(bones_of([0.9, np.nan, 1.1]), EDGE) == pytest.approx(0.1)
    assert bone_spread(bones_of([0.9, np.nan]), EDGE) == 0


def test_bone_spread_of_many() -> None:
    both = np.stack([bones_of([0.9, 1.1]), bones_of([1.0, 1.0])])
    np.testing.assert_allclose(bone_spread(both, EDGE), [0.1, 0], atol=1e-12)


def test_a_short_bone_counts_by_its_length() -> None:
    positions = np.concatenate([bones_of([0.38, 0.42]), bones_of([0.01, 0.03])], axis=1)
    assert bone_spread(positions, [(0, 1), (2, 3)]) == pytest.approx(0.03 / 0.42)


def test_frame_means_leave_gaps_out() -> None:
    errors = np.array([[1.0, np.nan, 3.0], [np.nan] * 3])
    np.testing.assert_array_equal(frame_means(errors), [2.0, np.nan])


def test_repetitions_are_blocks_of_neighbours() -> None:
    frames = resampled_frames(49, resamples=20)
    assert frames.shape == (20, 49)
    steps = np.diff(frames.reshape(20, 7, 7), axis=-1) % 49
    assert (steps == 1).all()


def test_an_interval_holds_the_mean_and_narrows_with_frames() -> None:
    source = np.random.default_rng(0)

    def width(count: int) -> float:
        values = source.normal(5, 1, count)
        found = interval(lambda frames: values[frames].mean(-1), count)
        assert found.low < found.value < found.high
        assert found.value == pytest.approx(values.mean())
        return found.high - found.low

    assert width(1600) < 0.5 * width(100)


def test_intervals_of_frames_that_are_alike_are_wider() -> None:
    source = np.random.default_rng(0)
    alone = source.normal(0, 1, 400)
    alike = np.repeat(source.normal(0, 1, 40), 10)
    widths = []
    for values in (alone, alike):
        found = interval(lambda frames, values=values: values[frames].mean(-1), 400)
        widths.append(found.high - found.low)
    assert widths[1] > 1.8 * widths[0]


def test_the_truth_has_no_error_in_left_out_cameras(clean_walking) -> None:
    material = clean_walking.material()
    asked = []

    def estimate(views: np.ndarray) -> np.ndarray:
        asked.append(views.tolist())
        return clean_walking.truth_m

    seen = material.heatmaps
    found = measure(estimate, seen.points_px, seen.confidence, clean_walking.rig.cameras, 0.1)
    assert found.held_out_px.shape == (40, 4, 17)
    assert found.held_out_px.max() < 1e-6
    assert asked == [*(1 - np.eye(4)).astype(bool).tolist(), [True] * 4]


def test_weak_detections_and_missing_joints_are_no_yardstick(clean_walking) -> None:
    seen = clean_walking.material().heatmaps
    confidence = seen.confidence.copy()
    confidence[:, 2, 5] = 0.05
    truth_m = clean_walking.truth_m.copy()
    truth_m[:, 7] = np.nan
    found = measure(lambda _: truth_m, seen.points_px, confidence, clean_walking.rig.cameras, 0.1)
    assert np.isnan(found.held_out_px[:, 2, 5]).all()
    assert np.isnan(found.held_out_px[:, :, 7]).all()
    assert np.isfinite(found.held_out_px[:, 2, 4]).all()


def made_up(held_out_px: float, wobble: float, frames: int = 60) -> Measured:
    source = np.random.default_rng(0)
    positions = bones_of((1 + wobble * source.normal(size=frames)).tolist())
    errors = held_out_px + source.normal(size=(frames, 3, 2))
    return Measured(positions, errors)


@pytest.mark.parametrize(
    ("held_out_px", "wobble", "helped"),
    [(8, 0.05, True), (10, 0.02, True), (8, 0.2, False), (12, 0.02, False), (10, 0.05, False)],
)
def test_who_is_said_to_be_better(held_out_px: float, wobble: float, helped: bool) -> None:
    verdict = compare(made_up(10, 0.05), made_up(held_out_px, wobble), EDGE)
    assert verdict.helped is helped


def test_joints_count_that_both_have() -> None:
    before, after = made_up(10, 0.05), made_up(9, 0.05)
    before.held_out_px[:, 0] = np.nan
    after.held_out_px[:, 1] = 1000
    before.held_out_px[:, 1] = np.nan
    verdict = compare(before, after, EDGE)
    assert verdict.held_out_px[1].value == pytest.approx(9, abs=0.3)


def test_an_interval_as_text() -> None:
    assert str(Interval(12.34, 11.0, 14.06)) == "12.3 (11.0 to 14.1)"
    assert Interval(0.123, 0.1, 0.2).as_percent() == "12.3% (10.0% to 20.0%)"


def test_a_verdict_needs_one_sure_gain_and_no_sure_loss() -> None:
    same = (Interval(1, 1, 1), Interval(1, 1, 1))
    gain, even, loss = Interval(1, 0.5, 2), Interval(0, -1, 1), Interval(-1, -2, -0.5)

    def helped(held_out: Interval, bones: Interval) -> bool:
        return Verdict(same, same, held_out, bones, 50).helped

    assert helped(gain, even)
    assert helped(even, gain)
    assert not helped(even, even)
    assert not helped(gain, loss)
