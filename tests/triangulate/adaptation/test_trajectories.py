from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from triangulate.adaptation.trajectories import (
    Observations,
    accelerations,
    bone_lengths,
    fill_gaps,
    fit_trajectories,
)

NAN = math.nan


def test_gaps_are_filled_by_hand() -> None:
    x = torch.tensor([NAN, 1.0, NAN, NAN, 4.0, NAN])
    other = torch.full_like(x, NAN)
    positions = torch.stack([x, other], dim=1)[..., None].expand(6, 2, 3)
    filled, ever = fill_gaps(positions)
    torch.testing.assert_close(filled[:, 0, 0], torch.tensor([1.0, 1, 2, 3, 4, 4]))
    assert ever.tolist() == [True, False]
    assert (filled[:, 1] == 0).all()


def test_accelerations_by_hand() -> None:
    time_s = 0.1 * torch.arange(5, dtype=torch.float64)
    falling = torch.zeros(5, 1, 3, dtype=torch.float64)
    falling[:, 0, 2] = -0.5 * 9.81 * time_s**2
    found = accelerations(falling, 0.1)
    torch.testing.assert_close(found[..., 2], torch.full((3, 1), -9.81, dtype=torch.float64))
    assert accelerations(falling[:2], 0.1).numel() == 0


@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 2)])
def test_bone_lengths_by_hand(shape: tuple[int, ...]) -> None:
    points = torch.tensor([[0.0, 0, 0], [3, 4, 0], [3, 4, 1]]).expand(*shape, 3, 3)
    expected = torch.tensor([5.0, 1.0]).expand(*shape, 2)
    torch.testing.assert_close(bone_lengths(points, [(0, 1), (1, 2)]), expected)


def test_bones_of_no_length_have_a_slope() -> None:
    points = torch.zeros(2, 3, requires_grad=True)
    bone_lengths(points, [(0, 1)]).sum().backward()
    assert points.grad is not None
    assert points.grad.isfinite().all()


def observations(walking, sigma_px: float, seed: int = 0) -> tuple[Observations, torch.Tensor]:
    truth = torch.from_numpy(walking.truth_m)
    points, _ = walking.rig.cameras.project(truth.flatten(0, 1))
    points = points.unflatten(1, truth.shape[:2])
    noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(seed)).double()
    ones = torch.ones(points.shape[:3], dtype=torch.float64)
    seen = Observations(
        points + sigma_px * noise, sigma_px * ones, 5.0, ones > 0, walking.rig.cameras
    )
    return seen, truth


def test_surprise_is_least_at_the_truth_and_ignores_what_is_not_observed(walking) -> None:
    seen, truth = observations(walking, 1.0)
    exact = Observations(
        seen.points_px - (seen.points_px - _project(seen, truth)),
        seen.sigma_px,
        5.0,
        seen.observed,
        seen.camera,
    )
    assert float(exact.surprise(truth)) == pytest.approx(0, abs=1e-9)
    assert float(exact.surprise(truth + 0.01)) > 1
    blind = Observations(
        exact.points_px + 1e5, seen.sigma_px, 5.0, seen.observed & False, seen.camera
    )
    assert float(blind.surprise(truth)) == 0


def _project(seen: Observations, truth: torch.Tensor) -> torch.Tensor:
    points, _ = seen.camera.project(truth.flatten(0, 1))
    return points.unflatten(1, truth.shape[:2])


def test_the_fit_is_nearer_to_the_truth_and_its_bones_are_steady(walking) -> None:
    seen, truth = observations(walking, 4.0)
    generator = torch.Generator().manual_seed(1)
    start = truth + 0.03 * torch.randn(truth.shape, generator=generator).double()
    edges = walking.skeleton.edges
    fitted, lengths = fit_trajectories(start, seen, edges, 1 / 25)
    errors = [float((each - truth).norm(dim=-1).mean()) for each in (start, fitted)]
    assert errors[1] < 0.35 * errors[0]
    spread = [float(bone_lengths(each, edges).std(0).mean()) for each in (start, fitted)]
    assert spread[1] < 0.25 * spread[0]
    true_lengths = bone_lengths(truth, edges).median(0).values
    np.testing.assert_allclose(lengths, true_lengths, atol=0.02)


def test_a_view_that_is_plainly_wrong_hardly_counts(walking) -> None:
    seen, truth = observations(walking, 2.0)
    points = seen.points_px.clone()
    points[1, 10:20, 3] += 300
    wrong = Observations(points, seen.sigma_px, 3.0, seen.observed, seen.camera)
    fitted, _ = fit_trajectories(truth.clone(), wrong, walking.skeleton.edges, 1 / 25)
    assert float((fitted - truth)[10:20, 3].norm(dim=-1).max()) < 0.04
