from __future__ import annotations

import math

import pytest
import torch

from triangulate.geometry.dlt import triangulate_dlt
from triangulate.models.uncertainty import triangulation_covariance

MOMENTS, JOINTS, VIEWS = 400, 15, 5


@pytest.fixture
def scene(small_rig):
    """Points, their pixels in cameras without lenses, and the projections."""
    rig = small_rig(VIEWS)
    projections = rig.projection()
    source = torch.Generator().manual_seed(1)
    points = torch.rand(MOMENTS, JOINTS, 3, generator=source, dtype=torch.float64) - 0.5
    points = points + torch.tensor([0.0, 0.0, 1.0])
    image = torch.einsum("vrc,bjc->bvjr", projections[..., :3], points)
    image = image + projections[:, None, :, 3]
    return points, image[..., :2] / image[..., 2:], projections.expand(MOMENTS, -1, -1, -1), source


@pytest.mark.parametrize("sigma_px", [0.3, 1.0])
@pytest.mark.parametrize("best_weights", [True, False])
def test_coverage(scene, sigma_px: float, best_weights: bool) -> None:
    """Monte Carlo: errors are as large as their covariance says, whatever the noise's scale."""
    points, pixels, projections, source = scene
    shape = torch.rand(MOMENTS, VIEWS, JOINTS, generator=source, dtype=torch.float64) + 0.3
    noise = torch.randn(pixels.shape, generator=source, dtype=torch.float64)
    seen = pixels + sigma_px * shape[..., None] * noise
    weights = 1 / shape if best_weights else torch.ones_like(shape)
    found, valid = triangulate_dlt(
        seen.transpose(1, 2), projections[:, None], weights.transpose(1, 2), math.inf
    )
    covariance, determined = triangulation_covariance(
        found, seen, projections, weights, shape.square()
    )
    assert valid.all() and determined.all()
    error = (found - points)[..., None]
    nees = (error.mT @ torch.linalg.inv(covariance) @ error).flatten()
    assert float(nees.mean()) == pytest.approx(3.0, rel=0.08)
    assert float((nees < 7.815).double().mean()) == pytest.approx(0.95, abs=0.02)


def test_it_scales_with_the_square_of_the_noise(scene) -> None:
    points, pixels, projections, source = scene
    noise = torch.randn(pixels.shape, generator=source, dtype=torch.float64)
    ones = torch.ones(MOMENTS, VIEWS, JOINTS, dtype=torch.float64)
    small, large = (
        triangulation_covariance(points, pixels + sigma * noise, projections, ones, ones)[0]
        for sigma in (2.0, 20.0)
    )
    ratio = large.diagonal(dim1=-2, dim2=-1).mean() / small.diagonal(dim1=-2, dim2=-1).mean()
    assert float(ratio) == pytest.approx(100, rel=0.05)


def test_weights_alone_do_not_matter_but_their_ratios(scene) -> None:
    points, pixels, projections, source = scene
    seen = pixels + torch.randn(pixels.shape, generator=source, dtype=torch.float64)
    weights = torch.rand(MOMENTS, VIEWS, JOINTS, generator=source, dtype=torch.float64) + 0.1
    once = triangulation_covariance(points, seen, projections, weights, torch.ones_like(weights))
    again = triangulation_covariance(
        points, seen, projections, 1e-3 * weights, torch.ones_like(weights)
    )
    torch.testing.assert_close(once, again)


def test_one_view_leaves_a_direction_open(scene) -> None:
    points, pixels, projections, _ = scene
    weights = torch.zeros(MOMENTS, VIEWS, JOINTS, dtype=torch.float64)
    weights[:, 1] = 1.0
    covariance, valid = triangulation_covariance(
        points, pixels, projections, weights, torch.ones_like(weights)
    )
    assert not valid.any() and not covariance.any()
