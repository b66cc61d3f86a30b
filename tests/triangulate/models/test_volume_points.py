from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import rotation_from_vector
from triangulate.geometry.volume import cuboid_grid
from triangulate.models.volume_points import (
    algebraic_points,
    body_centre,
    interpolated,
    read_volume,
    sees_from_two_places,
    support,
)


@pytest.fixture
def seen_points(small_rig, gaussian_maps):
    """Maps of 20 x 12 cells with a Gaussian where each joint is, their cameras and the joints."""

    def make(batch: int = 2, joints: int = 5) -> tuple[Tensor, Camera, Tensor]:
        cameras = small_rig(4, "mixed").resized(torch.tensor([20 / 160, 12 / 96]))
        cameras = cameras.map(lambda field: field.expand(batch, *field.shape))
        source = torch.Generator().manual_seed(1)
        truth = torch.rand(batch, joints, 3, generator=source, dtype=torch.float64) - 0.5
        truth = truth + torch.tensor([0.0, 0.0, 0.95])
        points_px, _ = cameras.project(truth[:, None])
        mass = gaussian_maps(points_px, 20, 12, 0.8).exp()
        return (mass / mass.sum((-2, -1), keepdim=True)).float(), cameras, truth

    return make


def test_centre_by_hand() -> None:
    points = torch.tensor([[[0.0, 0, 1], [1, 0, 2], [9, 9, 9], [2, 0, 3]]]).double()
    valid = torch.tensor([[True, True, False, True]])
    assert body_centre(points, valid)[0].tolist() == [[1, 0, 2]]
    assert body_centre(points, valid, (0, 2, 3))[0].tolist() == [[1, 0, 2]]
    assert body_centre(points, valid, (0, 1))[0].tolist() == [[0.5, 0, 1.5]]
    assert body_centre(points, valid, (2,))[0].tolist() == [[1, 0, 2]]  # not known: of all
    centre, is_found = body_centre(points, torch.zeros_like(valid))
    assert centre.tolist() == [[0, 0, 0]]
    assert not is_found


def test_volume_by_hand() -> None:
    grid = cuboid_grid(torch.tensor([[1.0, 2.0, 3.0]]).double(), 2.0, 3)  # steps of 1 m
    logits = torch.full((1, 2, 3, 3, 3), -1000.0)
    logits[0, 0, 0, 1, 2] = logits[0, 0, 2, 1, 2] = 5.0  # at x = 0 and x = 2
    logits[0, 1, 1, 1, 1], logits[0, 1, 1, 2, 1] = math.log(3), 0.0
    points, covariance, mass = read_volume(logits, grid[:, None], 1.0)
    assert points.dtype == covariance.dtype == torch.float64
    torch.testing.assert_close(points[0], torch.tensor([[1, 2, 4], [1, 2.25, 3]]).double())
    spread = torch.diag_embed(torch.tensor([[1.0, 0, 0], [0, 0.1875, 0]]).double())
    torch.testing.assert_close(covariance[0], spread + torch.eye(3).double() / 12)
    torch.testing.assert_close(mass.sum((-3, -2, -1)), torch.ones(1, 2))
    sharp, _, _ = read_volume(logits, grid[:, None], 1.0, multiplier=100.0)
    torch.testing.assert_close(sharp[0, 1], torch.tensor([1, 2, 3]).double())


def test_reading_has_the_gradient_of_the_mean() -> None:
    grid = cuboid_grid(torch.zeros(1, 3).double(), 1.0, 3)
    logits = torch.randn(1, 1, 3, 3, 3).requires_grad_()
    points, _, mass = read_volume(logits, grid, 0.5)
    (found,) = torch.autograd.grad(points[0, 0, 0], logits)
    away = grid[..., 0].float() - points[..., 0].detach().float()
    torch.testing.assert_close(found, (mass * away).detach(), atol=1e-6, rtol=1e-4)


def test_far_from_the_origin() -> None:
    logits = torch.randn(1, 1, 8, 8, 8)
    near, near_spread, _ = read_volume(logits, cuboid_grid(torch.zeros(1, 3).double(), 2.5, 8), 0.1)
    shift = torch.tensor([[4e5, -3e5, 100.0]]).double()
    far, far_spread, _ = read_volume(logits, cuboid_grid(shift, 2.5, 8), 0.1)
    torch.testing.assert_close(far - shift, near, atol=1e-6, rtol=0)
    torch.testing.assert_close(far_spread, near_spread, atol=1e-6, rtol=0)


@pytest.mark.parametrize("turned", [False, True])
def test_interpolated_is_exact_for_planes(turned) -> None:
    centre = torch.tensor([[1.0, 2, 3], [-1, 0, 4]]).double()
    rotation = None
    if turned:
        rotation = rotation_from_vector(torch.tensor([[0.3, -0.2, 1], [0, 0, 2]]).double())
    slope = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, -0.3, 2]]).double()  # of three joints

    def plane(points_world: Tensor) -> Tensor:
        return torch.einsum("bjxyzc,jc->bjxyz", points_world, slope)

    coarse = cuboid_grid(centre, 2.0, 5, rotation)
    volumes = plane(coarse[:, None].expand(-1, 3, -1, -1, -1, -1))
    source = torch.Generator().manual_seed(0)
    near = centre[:, None] + 0.2 * torch.randn(2, 3, 3, generator=source, dtype=torch.float64)
    finer = cuboid_grid(near, 0.4, 3)
    offset = (finer - centre[:, None, None, None, None]) / 2.0
    torch.testing.assert_close(interpolated(volumes, offset, rotation), plane(finer))
    far = interpolated(volumes, offset + 100, rotation)  # the nearest corner of the cube
    assert torch.isfinite(far).all()


def test_support_is_high_where_the_heatmap_is(seen_points) -> None:
    mass, cameras, truth = seen_points()
    seen = torch.ones(mass.shape[:3], dtype=torch.bool)
    seen[0, 1, 2] = False
    mass[1, 0, 3] = 0
    found = support(mass, cameras, truth, seen)
    others = seen & (mass.sum((-2, -1)) > 0)
    assert (found[others] > 0.5).all()
    assert (found[others] <= 1).all()
    assert found[0, 1, 2] == found[1, 0, 3] == 0
    assert (support(mass, cameras, truth + 0.8, seen) < 0.05).double().mean() > 0.9


def test_algebraic_points_are_near(seen_points) -> None:
    mass, cameras, truth = seen_points()
    points_px, _ = cameras.project(truth[:, None])
    seen = torch.ones(mass.shape[:3], dtype=torch.bool)
    seen[0, :3, 1] = False
    found, valid = algebraic_points(points_px, mass, cameras, seen)
    assert not valid[0, 1]
    assert valid.sum() == valid.numel() - 1
    torch.testing.assert_close(found[valid], truth[valid], atol=1e-6, rtol=0)


def test_two_places(seen_points) -> None:
    mass, cameras, truth = seen_points()
    seen = torch.zeros(mass.shape[:3], dtype=torch.bool)
    seen[:, 0] = True
    assert not sees_from_two_places(cameras, truth, seen).any()
    seen[:, 2] = True
    assert sees_from_two_places(cameras, truth, seen).all()
    same = cameras.map(lambda field: field[:, [0, 1, 0, 3]])
    assert not sees_from_two_places(same, truth, seen).any()
    behind = cameras.centre_world[:, 0:1] * 3  # behind the first camera
    assert not sees_from_two_places(cameras, behind.expand_as(truth), seen).any()
