from __future__ import annotations

import math

import pytest
import torch

from triangulate.geometry.heatmap import soft_argmax_2d
from triangulate.models.map_statistics import NUM_STATISTICS, map_statistics, variance_cells2


def test_variance_by_hand() -> None:
    mass = torch.zeros(5, 8)
    mass[1, 2] = mass[3, 6] = 0.5  # 2 off in y and 4 in x from each other
    points, _ = soft_argmax_2d(mass, "relu")
    assert points.tolist() == [4.0, 2.0]
    assert float(variance_cells2(mass, points)) == pytest.approx(0.5 * (2**2 + 1**2))
    assert float(variance_cells2(mass, points + torch.tensor([1.0, 0.0]))) == pytest.approx(3.0)


@pytest.mark.parametrize("leading", [(), (1,), (3, 1, 2)])
@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_variance_of_a_gaussian_is_its_sigma_squared(
    leading: tuple[int, ...], sigma: float
) -> None:
    x, y = torch.arange(40.0), torch.arange(30.0)[:, None]
    logits = (-((x - 20.3).square() + (y - 14.2).square()) / (2 * sigma**2)).expand(
        *leading, 30, 40
    )
    points, mass = soft_argmax_2d(logits)
    found = variance_cells2(mass, points)
    assert found.shape == leading
    torch.testing.assert_close(found, torch.full(leading, sigma**2), rtol=1e-3, atol=0)


def test_statistics_of_sure_flat_and_split_maps() -> None:
    sure, flat, split = torch.zeros(3, 6, 9)
    sure[2, 3] = 1
    flat[:] = 1 / 54
    split[0, 0] = split[5, 8] = 0.5
    maps = torch.stack([sure, flat, split])
    points, _ = soft_argmax_2d(maps, "relu")
    top, around, entropy, spread = map_statistics(maps, points).unbind(-1)
    torch.testing.assert_close(top, torch.tensor([1, 1 / 54, 0.5]))
    torch.testing.assert_close(around[::2], torch.tensor([1, 0.5]))
    torch.testing.assert_close(entropy, torch.tensor([0, 1, math.log(2) / math.log(54)]))
    assert spread[0] < spread[1] < spread[2]
    assert map_statistics(maps, points).shape == (3, NUM_STATISTICS)


def test_gradients_are_finite_on_a_map_without_mass() -> None:
    mass = torch.zeros(2, 4, 5, requires_grad=True)
    map_statistics(mass, torch.zeros(2, 2)).sum().backward()
    assert mass.grad is not None and bool(mass.grad.isfinite().all())


def test_gradcheck() -> None:
    mass = torch.rand(2, 4, 5, dtype=torch.float64, requires_grad=True)
    points = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(variance_cells2, (mass, points))
    assert torch.autograd.gradcheck(map_statistics, (mass, points))
