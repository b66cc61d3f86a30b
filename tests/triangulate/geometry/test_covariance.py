from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from triangulate.geometry.covariance import (
    information_matrix,
    inverse_information,
    point_covariance,
)
from triangulate.geometry.refine import refine

BATCHES = [(), (1,), (3, 1, 2)]


def random_jacobians(num_views: int, *batch: int) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(4)
    jacobians = 100 * torch.randn(num_views, *batch, 2, 3, generator=source, dtype=torch.float64)
    precision = 0.1 + torch.rand(num_views, *batch, generator=source, dtype=torch.float64)
    return jacobians, precision


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_views_by_hand(dtype) -> None:
    """100 px a metre; one view sees x and y, the other z and y, with sigma 1 and 2 px."""
    front = torch.tensor([[100.0, 0, 0], [0, 100, 0]], dtype=dtype)
    side = torch.tensor([[0.0, 0, 100], [0, 100, 0]], dtype=dtype)
    precision = torch.tensor([1.0, 0.25], dtype=dtype)
    covariance, valid = point_covariance(torch.stack([front, side]), precision)
    assert valid
    assert covariance.dtype == dtype
    expected = torch.diag(torch.tensor([1e-4, 1e-4 / 1.25, 4e-4], dtype=dtype))
    torch.testing.assert_close(covariance, expected)


@pytest.mark.parametrize("batch", BATCHES)
def test_inverts_the_information(batch) -> None:
    jacobians, precision = random_jacobians(3, *batch)
    information = information_matrix(jacobians, precision)
    by_view = precision[..., None, None] * (jacobians.mT @ jacobians)
    torch.testing.assert_close(information, by_view.sum(0))
    covariance, valid = point_covariance(jacobians, precision)
    assert valid.shape == batch
    assert valid.all()
    torch.testing.assert_close(covariance, torch.linalg.inv(information))


@pytest.mark.parametrize("batch", BATCHES)
def test_turned_world_turns_the_covariance(batch, rigid_motion) -> None:
    jacobians, precision = random_jacobians(3, *batch)
    rotation = rigid_motion().rotation
    covariance, _ = point_covariance(jacobians, precision)
    turned, _ = point_covariance(jacobians @ rotation.mT, precision)
    torch.testing.assert_close(turned, rotation @ covariance @ rotation.mT)
    order = torch.tensor([2, 0, 1])
    permuted, _ = point_covariance(jacobians[order], precision[order])
    torch.testing.assert_close(permuted, covariance)


def test_units_of_the_world_and_of_the_noise() -> None:
    jacobians, precision = random_jacobians(3, 4)
    covariance, _ = point_covariance(jacobians, precision)
    in_millimetres, _ = point_covariance(jacobians / 1000, precision)
    torch.testing.assert_close(in_millimetres, 1e6 * covariance)
    louder, _ = point_covariance(jacobians, precision / 4)
    torch.testing.assert_close(louder, 4 * covariance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_open_directions_are_masked_with_finite_gradients(dtype) -> None:
    jacobians, precision = (part.to(dtype) for part in random_jacobians(3, 4))
    precision[:, 0] = 0  # nobody
    precision[1:, 1] = 0  # one view
    jacobians[:, 2] = jacobians[:1, 2]  # all from one place
    jacobians.requires_grad_(), precision.requires_grad_()
    covariance, valid = point_covariance(jacobians, precision)
    assert valid.tolist() == [False, False, False, True]
    assert not covariance[:3].any()
    covariance.sum().backward()
    assert torch.isfinite(jacobians.grad).all()
    assert torch.isfinite(precision.grad).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 0.0])
def test_what_is_no_information_is_masked(value) -> None:
    inverse, valid = inverse_information(value * torch.eye(3, dtype=torch.float64))
    assert not valid
    assert not inverse.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_views_that_hardly_count_do_not_overflow(dtype) -> None:
    """The probability that a view far off shows the point may be as small as numbers get."""
    jacobians, precision = (part.to(dtype) for part in random_jacobians(3))
    smallest = torch.finfo(dtype).tiny
    for scale in torch.logspace(0, math.log10(smallest), 200, dtype=dtype):
        covariance, valid = point_covariance(jacobians, scale * precision)
        one_view, open_valid = point_covariance(jacobians[:1], scale * precision[:1])
        assert torch.isfinite(covariance).all()
        assert valid or not covariance.any()
        assert not open_valid
        assert not one_view.any()


def test_gradients() -> None:
    jacobians, precision = random_jacobians(3, 2)
    precision[0, 1] = 0  # a view without a say has a gradient as well
    inputs = (0.01 * jacobians, precision)
    inputs = tuple(part.requires_grad_() for part in inputs)
    covariance = point_covariance(*inputs)[0]
    grads = torch.autograd.grad(covariance.sum(), inputs)
    assert all(torch.isfinite(grad).all() for grad in grads)
    assert torch.autograd.gradcheck(lambda *moving: point_covariance(*moving)[0], inputs)


def test_covers_the_truth(ring, points_in_view) -> None:
    """Monte Carlo: errors are as large as said (NEES has mean 3), and as often (95 %)."""
    draws = 4000
    camera = ring(4, lens="mixed")
    source = torch.Generator().manual_seed(11)
    truth = points_in_view(draws)
    sigma_px = torch.tensor([0.5, 1.0, 2.0, 1.5], dtype=torch.float64)[:, None]
    noise = torch.randn(4, draws, 2, generator=source, dtype=torch.float64)
    points_px = camera.project(truth)[0] + sigma_px[..., None] * noise
    precision = (1 / sigma_px.square()).expand(4, draws)
    refined = refine(truth, points_px, camera, lambda squared: precision, steps=3)
    assert refined.valid.all()
    error = refined.points_world - truth
    whitened = torch.linalg.solve(refined.covariance_m2, error[..., None])[..., 0]
    nees = (error * whitened).sum(-1)
    # Five standard deviations of a mean of chi-squared, and of a binomial share
    assert abs(nees.mean().item() - 3) < 5 * math.sqrt(6 / draws)
    inside = (nees < 7.8147).double().mean().item()
    assert abs(inside - 0.95) < 5 * math.sqrt(0.95 * 0.05 / draws)
