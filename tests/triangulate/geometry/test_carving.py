"""Visual hulls of balls: known volume, any order of views, views that fail or are missing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from triangulate.geometry import carving
from triangulate.geometry.camera import Camera
from triangulate.geometry.carving import carve, silhouettes_of, surface, visible, voxels_along
from triangulate.geometry.volume import cuboid_grid, look_up

SIZE = (320, 180)
MIDDLE = torch.tensor([0.1, -0.05, 1.0], dtype=torch.float64)
RADIUS_M = 0.4


def ball_masks(cameras: Camera) -> tuple[Tensor, Tensor]:
    """Which pixels' rays meet the ball: (V, h, w) probability, and where the maps are shown."""
    width, height = SIZE
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([columns, rows], -1).reshape(-1, 2).double()
    origin, directions, valid = cameras.rays(pixels.expand(len(cameras.K), -1, -1))
    towards = MIDDLE - origin[:, None]
    along = (towards * directions).sum(-1, keepdim=True)
    met = ((towards - along * directions).norm(dim=-1) < RADIUS_M) & valid
    masks = met.unflatten(1, (height, width)).float()
    return masks, torch.ones_like(masks, dtype=torch.bool)


@pytest.fixture
def cameras(ring) -> Camera:
    return ring(8).resized(SIZE[0] / 1280)


def volume_of(held: Tensor, side_m: float) -> float:
    return float(held.sum()) * (side_m / (len(held) - 1)) ** 3


def test_a_ball_is_found_with_its_volume(cameras) -> None:
    masks, shown = ball_masks(cameras)
    truth = 4 / 3 * math.pi * RADIUS_M**3
    volumes = {}
    for size in (16, 32, 64):
        grid = cuboid_grid(MIDDLE, 1.2, size)
        held = carve(masks, shown, cameras, grid)
        away = (grid - MIDDLE).norm(dim=-1)
        assert held[away < RADIUS_M - 0.03].all()  # a pixel is 3 cm at most
        volumes[size] = volume_of(held, 1.2)
    assert abs(volumes[64] - truth) < 0.05 * truth
    assert abs(volumes[32] - volumes[64]) < 0.03 * truth
    assert abs(volumes[16] - volumes[64]) < 0.1 * truth


def test_blocks_given_up_hold_nothing(cameras) -> None:
    masks, shown = ball_masks(cameras)
    shown[:, :, :120] = False  # nothing is known on the left
    grid = cuboid_grid(MIDDLE, 2.5, 32)
    allowed = torch.rand(32, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.02
    held = carve(masks, shown, cameras, grid, allowed=allowed)
    denial = torch.where(shown, 1 - masks, 0.0)
    maps = torch.stack([denial, shown.float()], 1)
    denies, sees = (look_up(maps[None], cameras, grid.reshape(1, -1, 3))[0] > 0.5).unbind(-1)
    dense = ((sees & ~denies).sum(0) >= 2) & (denies.sum(0) <= allowed.flatten())
    torch.testing.assert_close(held.flatten(), dense)
    leaves = carving._leave_something(denial, shown, cameras, carving._in_blocks(grid))
    assert leaves.all(0).sum() < leaves.shape[1] / 2  # and most are given up


def test_views_in_another_order(cameras) -> None:
    masks, shown = ball_masks(cameras)
    grid = cuboid_grid(MIDDLE, 1.2, 24)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    other = carve(masks[order], shown[order], cameras[order], grid)
    assert torch.equal(other, carve(masks, shown, cameras, grid))


def test_a_missing_view_and_one_that_fails(cameras) -> None:
    masks, shown = ball_masks(cameras)
    grid = cuboid_grid(MIDDLE, 1.2, 24)
    rest = carve(masks[1:], shown[1:], cameras[1:], grid)
    masks[0] = torch.rand(masks[0].shape, generator=torch.Generator().manual_seed(1))
    views = torch.ones(8, dtype=torch.bool)
    views[0] = False
    assert torch.equal(carve(masks, shown, cameras, grid, views), rest)
    masks[0] = 0
    assert not carve(masks, shown, cameras, grid).any()
    everywhere = torch.ones(24, 24, 24, dtype=torch.int64)
    assert (carve(masks, shown, cameras, grid, allowed=everywhere) | ~rest).all()


def test_a_single_view_holds_nothing(cameras) -> None:
    masks, shown = ball_masks(cameras)
    views = torch.zeros(8, dtype=torch.bool)
    views[2] = True
    assert not carve(masks, shown, cameras, cuboid_grid(MIDDLE, 1.2, 16), views).any()


def test_surface_by_hand() -> None:
    held = torch.zeros(5, 5, 5, dtype=torch.bool)
    held[1:4, 1:4, 1:4] = True
    assert surface(held).sum() == 26
    assert not surface(held)[2, 2, 2]
    assert surface(torch.ones(2, 4, 4, 4, dtype=torch.bool)).sum() == 2 * (64 - 8)


def test_voxels_along_a_bone_by_hand() -> None:
    grid = cuboid_grid(torch.zeros(3, dtype=torch.float64), 0.7, 8)  # every 0.1 m
    bone = torch.tensor([[[-0.35, -0.35, -0.35], [-0.05, -0.35, -0.35]]])
    marked = voxels_along(bone, grid, 0.0)
    assert marked.nonzero().tolist() == [[x, 0, 0] for x in range(4)]
    assert voxels_along(bone, grid, 0.1).sum() == 5 * 2 * 2
    assert not voxels_along(bone + 5, grid, 0.1).any()
    assert not voxels_along(bone[:0], grid, 0.1).any()


def test_what_cameras_see_of_a_ball(cameras) -> None:
    grid = cuboid_grid(MIDDLE, 1.2, 48)
    held = (grid - MIDDLE).norm(dim=-1) < RADIUS_M
    points = grid[surface(held)]
    seen = visible(points, cameras, SIZE, 1.2 / 47)
    outwards = (points - MIDDLE) / RADIUS_M
    towards = cameras.centre_world[:, None] - points
    facing = (outwards * towards / towards.norm(dim=-1, keepdim=True)).sum(-1)
    assert seen[facing > 0.5].double().mean() > 0.99
    assert not seen[facing < -0.3].any()
    masks, _ = ball_masks(cameras)
    found = silhouettes_of(points, cameras, SIZE, 0.6 / 47)
    both, either = (found & (masks > 0.5)).sum(), (found | (masks > 0.5)).sum()
    assert both / either > 0.9


def test_wrong_shapes(cameras) -> None:
    masks, shown = ball_masks(cameras)
    with pytest.raises(ValueError, match="multiples of 8"):
        carve(masks, shown, cameras, cuboid_grid(MIDDLE, 1.2, 20))
    with pytest.raises(ValueError, match=r"one shape \(V, h, w\)"):
        carve(masks, shown[1:], cameras, cuboid_grid(MIDDLE, 1.2, 16))
