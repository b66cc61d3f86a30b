"""Losses: the published values and gradients, hand-computed values, exact gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from triangulate.geometry.heatmap import log_softmax_maps
from triangulate.geometry.volume import cuboid_grid
from triangulate.losses import (
    heatmap_cross_entropy,
    inside_map,
    keypoint_l2,
    keypoint_mae,
    keypoint_mse,
    keypoint_mse_smooth,
    log_mass,
    volumetric_ce,
)

if TYPE_CHECKING:
    from tests.conftest import Shared

KEYPOINT_LOSSES = {
    "mse": keypoint_mse,
    "mae": keypoint_mae,
    "msesmooth400": keypoint_mse_smooth,
    "l2": keypoint_l2,
}


@pytest.fixture(scope="module")
def published(shared: Shared) -> dict[str, Any]:
    return dict(np.load(shared.parity / "losses.npz"))


@pytest.mark.parametrize("name", KEYPOINT_LOSSES)
def test_published_values_and_gradients(published: dict[str, Any], name: str) -> None:
    points = torch.from_numpy(published["pred"]).requires_grad_()
    known = torch.from_numpy(published["validity"])[..., 0] > 0
    loss = KEYPOINT_LOSSES[name](points, torch.from_numpy(published["gt"]), known)
    assert loss.item() == pytest.approx(float(published[name]), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, points)
    expected = torch.from_numpy(published[f"{name}_grad"])
    if name == "l2":  # the published one is not a number where a joint does not count
        assert torch.equal(expected.isnan().all(-1), ~known)
        expected = expected.nan_to_num()
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-8)


def test_published_volumetric_cross_entropy(published: dict[str, Any]) -> None:
    volume = torch.from_numpy(published["vce_vols"]).requires_grad_()
    truth = torch.from_numpy(published["gt"])
    known = torch.from_numpy(published["validity"])[..., 0] > 0
    grid = cuboid_grid(torch.zeros(3, 3), 250.0, 8)
    loss = volumetric_ce(volume, grid, truth, known)
    assert loss.item() == pytest.approx(float(published["vce"]), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, volume)
    flat = gradient.flatten(-3)
    nearest = torch.from_numpy(published["vce_grad_nonzero"])
    assert torch.equal(flat.abs().argmax(-1)[known], nearest[known])
    torch.testing.assert_close(flat.sum(-1), torch.from_numpy(published["vce_grad_sum"]))


def test_values_by_hand() -> None:
    points = torch.tensor([[[3.0, 0.0, 4.0], [30.0, 0.0, 0.0], [9.0, 9.0, 9.0]]])
    known = torch.tensor([[True, True, False]])
    truth = torch.zeros_like(points)
    assert float(keypoint_mse(points, truth, known)) == pytest.approx((9 + 16 + 900) / 6)
    assert float(keypoint_mae(points, truth, known)) == pytest.approx((3 + 4 + 30) / 6)
    far = 900**0.1 * 400**0.9
    assert float(keypoint_mse_smooth(points, truth, known)) == pytest.approx((25 + far) / 6)
    assert float(keypoint_l2(points, truth, known)) == pytest.approx((5 + 30) / 2)


@pytest.mark.parametrize("loss", [*KEYPOINT_LOSSES.values()])
def test_gradients_are_exact(loss: Callable[..., Tensor]) -> None:
    generator = torch.Generator().manual_seed(1)
    points = 30 * torch.randn(2, 1, 4, 3, generator=generator, dtype=torch.float64)
    truth = torch.zeros_like(points)
    known = torch.rand(2, 1, 4, generator=generator) < 0.7
    assert gradcheck(lambda x: loss(x, truth, known), points.requires_grad_())


@pytest.mark.parametrize("loss", [*KEYPOINT_LOSSES.values()])
def test_nothing_known_and_points_that_meet(loss: Callable[..., Tensor]) -> None:
    points = torch.ones(2, 3, 3, requires_grad=True)
    for known in (torch.zeros(2, 3, dtype=torch.bool), torch.ones(2, 3, dtype=torch.bool)):
        value = loss(points, torch.ones(2, 3, 3), known)
        assert value.item() == 0
        (gradient,) = torch.autograd.grad(value, points)
        assert torch.equal(gradient, torch.zeros_like(points))


@pytest.mark.parametrize("loss", [*KEYPOINT_LOSSES.values()])
def test_parts_of_a_batch_add_up(loss: Callable[..., Tensor]) -> None:
    generator = torch.Generator().manual_seed(2)
    points, truth = torch.randn(2, 6, 5, 3, generator=generator, dtype=torch.float64).unbind()
    known = torch.rand(6, 5, generator=generator) < 0.6
    parts = [slice(0, 1), slice(1, 4), slice(4, 6)]
    total = known.sum()
    added = sum(loss(points[part], truth[part], known[part], total) for part in parts)
    torch.testing.assert_close(added, loss(points, truth, known))


def test_the_nearest_voxel_of_a_turned_grid() -> None:
    """Against distances to all voxels, of points inside and outside."""
    generator = torch.Generator().manual_seed(3)
    angle = 0.7
    rotation = torch.tensor(
        [
            [math.cos(angle), -math.sin(angle), 0],
            [math.sin(angle), math.cos(angle), 0],
            [0, 0, 1.0],
        ],
        dtype=torch.float64,
    )
    centre = torch.tensor([[0.3, -0.2, 1.0]], dtype=torch.float64)
    grid = cuboid_grid(centre, 2.0, 5, rotation[None])
    truth = centre[:, None] + 2.5 * (torch.rand(1, 40, 3, generator=generator).double() - 0.5)
    volume = torch.rand(1, 40, 5, 5, 5, generator=generator, dtype=torch.float64)
    distances = torch.cdist(truth, grid.flatten(1, 3))
    mass = volume.flatten(-3).gather(-1, distances.argmin(-1)[..., None])
    expected = -torch.log(mass + 1e-6).mean()
    known = torch.ones(1, 40, dtype=torch.bool)
    torch.testing.assert_close(volumetric_ce(volume, grid, truth, known), expected)


def test_heatmap_cross_entropy_by_hand() -> None:
    """All mass in one cell, the target with a known part in it."""
    heatmaps = torch.full((1, 3, 4), 1 / 12, dtype=torch.float64)
    truth_px = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    ones = torch.ones(1, dtype=torch.float64)
    found = heatmap_cross_entropy(log_mass(heatmaps), truth_px, ones)
    assert float(found) == pytest.approx(math.log(12))
    x, y = torch.arange(4), torch.arange(3)
    target = torch.exp(-0.5 * ((x - 1.0) ** 2 + (y[:, None] - 2.0) ** 2) / 0.7**2).double()
    target = (target / target.sum())[None]
    least = -(target * target.log()).sum()
    found = heatmap_cross_entropy(log_mass(target), truth_px, ones, sigma_cells=0.7)
    torch.testing.assert_close(found, least)


def test_heatmap_cross_entropy_is_least_at_the_truth_and_ignores_what_does_not_count() -> None:
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 3, 5, 6, 8, generator=generator, dtype=torch.float64)
    truth_px = torch.rand(2, 3, 5, 2, generator=generator, dtype=torch.float64) * 4
    weights = (torch.rand(2, 3, 5, generator=generator) < 0.5).double()

    def loss(raw: Tensor) -> Tensor:
        return heatmap_cross_entropy(log_softmax_maps(raw, 2), truth_px, weights)

    assert gradcheck(loss, logits.requires_grad_())
    (gradient,) = torch.autograd.grad(loss(logits), logits)
    assert bool((gradient[weights == 0] == 0).all())


def test_a_heatmap_without_mass_at_the_truth_gives_a_finite_loss() -> None:
    heatmaps = torch.zeros(1, 4, 6)
    heatmaps[0, 0, 0] = 1.0
    heatmaps.requires_grad_()
    truth_px, ones = torch.tensor([[5.0, 3.0]]), torch.ones(1)
    loss = heatmap_cross_entropy(log_mass(heatmaps), truth_px, ones)
    loss.backward()
    assert bool(loss.isfinite())


def test_before_the_softmax_is_as_after_it_and_still_leads_back_where_nothing_is_left() -> None:
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    truth_px = 3 * torch.rand(3, 2, generator=generator, dtype=torch.float64)
    ones = torch.ones(3, dtype=torch.float64)

    def both(raw: Tensor) -> tuple[Tensor, Tensor]:
        after = log_mass(torch.softmax(raw.flatten(-2), -1).view_as(raw))
        before = log_softmax_maps(raw, 2)
        first, second = (heatmap_cross_entropy(x, truth_px, ones) for x in (before, after))
        return first, second

    gradients = [torch.autograd.grad(loss, logits)[0] for loss in both(logits)]
    torch.testing.assert_close(*both(logits))
    torch.testing.assert_close(*gradients)

    far = torch.zeros(1, 4, 6)
    far[0, 0, 0] = 200.0  # the other cells' mass is zero in float32
    far.requires_grad_()
    truth_px, ones = torch.tensor([[5.0, 3.0]]), torch.ones(1)
    loss = heatmap_cross_entropy(log_softmax_maps(far, 2), truth_px, ones)
    (gradient,) = torch.autograd.grad(loss, far)
    assert loss.item() == pytest.approx(200.0, rel=1e-3)
    assert gradient[0, 3, 5].item() < -0.1 and gradient[0, 0, 0].item() == pytest.approx(1.0)


def test_inside_map() -> None:
    points_px = torch.tensor([[-0.5, 0.0], [7.5, 5.5], [7.6, 0.0], [3.0, -0.6]])
    assert inside_map(points_px, (8, 6)).tolist() == [True, True, False, False]
