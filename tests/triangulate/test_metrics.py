"""Metrics: hand-computed values, invariances, and intervals that cover what they say."""

from __future__ import annotations

import math

import pytest
import torch

from triangulate.geometry.rigid import rotation_from_vector
from triangulate.metrics import (
    Interval,
    aligned_errors,
    area_under_curve,
    bootstrap_mean,
    correct,
    head_sizes,
    joint_errors,
    over_joints,
    paired_gain,
    relative_errors,
)


def points(*batch: int, joints: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch, joints, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_errors_by_hand(batch: tuple[int, ...]) -> None:
    truth = points(*batch)
    moved = truth + torch.tensor([0.3, 0.0, 0.4], dtype=torch.float64)
    torch.testing.assert_close(joint_errors(moved, truth), torch.full_like(truth[..., 0], 0.5))
    torch.testing.assert_close(
        relative_errors(moved, truth, 2), torch.zeros_like(truth[..., 0]), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_aligned_errors_do_not_see_a_similarity(batch: tuple[int, ...]) -> None:
    truth = points(*batch)
    rotation = rotation_from_vector(torch.tensor([0.4, -1.0, 0.2], dtype=torch.float64))
    moved = 1.7 * truth @ rotation.mT + torch.tensor([1.0, 2, 3], dtype=torch.float64)
    moved[..., 4, :] = 99.0  # does not count
    known = torch.ones(*batch, 5, dtype=torch.bool)
    known[..., 4] = False
    errors, valid = aligned_errors(moved, truth, known)
    assert bool(valid.all())
    assert float(errors[..., :4].max()) < 1e-9
    two = torch.zeros_like(known)
    two[..., :2] = True
    assert not bool(aligned_errors(moved, truth, two)[1].any())


def test_the_mean_over_joints_that_count() -> None:
    values = torch.tensor([[1.0, 3.0, 100.0], [5.0, 5.0, 5.0]])
    known = torch.tensor([[True, True, False], [False, False, False]])
    mean, has_any = over_joints(values, known)
    assert float(mean[0]) == 2.0
    assert has_any.tolist() == [True, False]


def test_shares_of_correct_joints() -> None:
    errors = torch.tensor([[0.0, 0.05, 0.15, 0.151, math.inf]], dtype=torch.float64)
    assert correct(errors).tolist() == [[1, 1, 1, 0, 0]]
    assert correct(errors, torch.tensor([[0.04]])).tolist() == [[1, 0, 0, 0, 0]]
    # thresholds 5, 10, ... 150 mm: all 30, those from 50 mm on, the last
    assert area_under_curve(errors)[0, :3].tolist() == pytest.approx([1.0, 21 / 30, 1 / 30])
    assert area_under_curve(errors)[0, 3:].tolist() == [0, 0]


def test_the_size_of_a_head() -> None:
    truth = torch.zeros(2, 3, 3)
    truth[:, 1, 2] = torch.tensor([0.2, 0.3])
    assert head_sizes(truth, 1, 0)[:, 0].tolist() == pytest.approx([0.2, 0.3])


def test_an_interval_is_that_of_the_standard_error() -> None:
    generator = torch.Generator().manual_seed(5)
    values = 10 + 2 * torch.randn(400, generator=generator, dtype=torch.float64)
    interval = bootstrap_mean(values)
    assert interval.value == pytest.approx(float(values.mean()))
    error = float(values.std()) / 20
    assert interval.low == pytest.approx(interval.value - 1.96 * error, abs=0.2 * error)
    assert interval.high == pytest.approx(interval.value + 1.96 * error, abs=0.2 * error)
    assert interval == bootstrap_mean(values)
    assert interval.count == 400


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    generator = torch.Generator().manual_seed(6)
    draws = torch.randn(300, 60, generator=generator, dtype=torch.float64).exp()
    intervals = [bootstrap_mean(values, resamples=400) for values in draws]
    covered = sum(each.low <= math.exp(0.5) <= each.high for each in intervals) / len(intervals)
    assert 0.85 < covered < 0.98


def test_a_paired_gain_sees_what_separate_intervals_do_not() -> None:
    generator = torch.Generator().manual_seed(7)
    hard = 100 * torch.rand(200, generator=generator, dtype=torch.float64)
    before = hard + torch.rand(200, generator=generator, dtype=torch.float64)
    after = before - 0.5 + 0.2 * torch.randn(200, generator=generator, dtype=torch.float64)
    gain = paired_gain(before, after)
    assert gain.low > 0.4
    assert gain.high < 0.6
    assert bootstrap_mean(before).low < bootstrap_mean(after).high
    with pytest.raises(ValueError, match="same moments"):
        paired_gain(before, after[:-1])


def test_nothing_to_resample() -> None:
    assert math.isnan(bootstrap_mean(torch.zeros(0)).value)


def test_one_moment_has_a_mean_and_no_interval() -> None:
    interval = bootstrap_mean(torch.tensor([12.25]))
    assert (interval.value, interval.count, interval.is_known) == (12.25, 1, False)
    assert math.isnan(interval.low) and math.isnan(interval.high)
    assert bootstrap_mean(torch.tensor([12.25, 12.25])).is_known


def test_an_interval_as_text() -> None:
    assert str(Interval(12.34, 11.0, 14.06)) == "12.3 (11.0 to 14.1)"
    assert Interval(0.123, 0.1, 0.2).as_percent() == "12.3% (10.0% to 20.0%)"
    assert str(Interval(12.34, math.nan, math.nan, 1)) == "12.3"
