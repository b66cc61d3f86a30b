"""Visual hulls of balls: known volume, any order of views, views that fail or are missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from triangulate.geometry import carving
from triangulate.geometry.camera import Camera
from triangulate.geometry.carving import LEAST, Candidates, cover_silhouettes, find_candidates
from triangulate.geometry.occlusion import silhouettes_of
from triangulate.geometry.volume import look_up
from triangulate.geometry.voxels import VoxelGrid, surface

SIZE = (320, 180)
MIDDLE = torch.tensor([0.1, -0.05, 1.0], dtype=torch.float64)
RADIUS_M = 0.4
Masks = Callable[[Camera], tuple[Tensor, Tensor]]


@pytest.fixture
def cameras(ring) -> Camera:
    return ring(8).resized(SIZE[0] / 1280)


@pytest.fixture
def masks(cameras, ball_masks) -> tuple[Tensor, Tensor]:
    return ball_masks(cameras, SIZE, MIDDLE, RADIUS_M)


def whole(found: Candidates, grid: VoxelGrid, held: Tensor | None = None) -> Tensor:
    """What is held in all of a grid, (X, Y, Z)."""
    inside = (found.held() if held is None else held).nonzero()
    everything = torch.zeros(grid.shape, dtype=torch.bool)
    everything[grid.index(found.grid.points(inside)).unbind(-1)] = True
    return everything


def everywhere(grid: VoxelGrid) -> Tensor:
    return torch.ones(grid.shape).nonzero()


def test_a_ball_is_found_with_its_volume(cameras, masks) -> None:
    truth = 4 / 3 * math.pi * RADIUS_M**3
    volumes = {}
    for size in (16, 32, 64):
        grid = VoxelGrid.cube(MIDDLE, 1.2, size)
        held = whole(find_candidates(*masks, cameras, grid), grid)
        away = (grid.points(everywhere(grid)) - MIDDLE).norm(dim=-1)
        assert held.flatten()[away < RADIUS_M - 0.03].all()  # a pixel is 3 cm at most
        volumes[size] = float(held.sum()) * grid.step_m**3
    assert abs(volumes[64] - truth) < 0.05 * truth
    assert abs(volumes[32] - volumes[64]) < 0.03 * truth
    assert abs(volumes[16] - volumes[64]) < 0.1 * truth


@pytest.mark.parametrize("chunk", [2**10, 2**16])
def test_blocks_given_up_hold_nothing(cameras, masks, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr(carving, "_CHUNK_POINTS", chunk)
    probability, shown = masks
    shown[:, :, :120] = False  # nothing is known on the left
    grid = VoxelGrid.cube(MIDDLE, 2.5, 32)
    index = everywhere(grid)
    overruled = torch.rand(len(index), generator=torch.Generator().manual_seed(0)) < 0.02
    found = find_candidates(probability, shown, cameras, grid, None, index[overruled])
    denial = torch.where(shown, 1 - probability, 0.0)
    maps = torch.stack([denial, shown.float()], 1)
    values = look_up(maps[None], cameras, grid.points(index)[None])[0]
    denies, sees = (values > 0.5).unbind(-1)
    dense = ((sees & ~denies).sum(0) >= 2) & (denies.sum(0) <= overruled)
    torch.testing.assert_close(whole(found, grid).flatten(), dense)
    out = values[..., 0] > 1 - LEAST
    can_be = ((sees & ~out).sum(0) >= 2) & (out.sum(0) <= overruled)
    every = found.marked(torch.ones(len(found.index), dtype=torch.bool))
    torch.testing.assert_close(whole(found, grid, every).flatten(), can_be)
    blocks = torch.cartesian_prod(*[torch.arange(0, 32, 8)] * 3)
    leaves = carving._leave_something(maps, cameras, grid, blocks)
    assert leaves.all(0).sum() < leaves.shape[1] / 2  # and most are given up


def test_views_in_another_order(cameras, masks) -> None:
    grid = VoxelGrid.cube(MIDDLE, 1.2, 24)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    other = find_candidates(*(each[order] for each in masks), cameras[order], grid)
    assert torch.equal(whole(other, grid), whole(find_candidates(*masks, cameras, grid), grid))


def test_a_missing_view_and_one_that_fails(cameras, masks) -> None:
    probability, shown = masks
    grid = VoxelGrid.cube(MIDDLE, 1.2, 24)
    rest = whole(find_candidates(probability[1:], shown[1:], cameras[1:], grid), grid)
    probability[0] = torch.rand(shown[0].shape, generator=torch.Generator().manual_seed(1))
    views = torch.ones(8, dtype=torch.bool)
    views[0] = False
    found = find_candidates(probability, shown, cameras, grid, views)
    assert torch.equal(whole(found, grid), rest)
    probability[0] = 0
    assert not find_candidates(probability, shown, cameras, grid).held().any()
    found = find_candidates(probability, shown, cameras, grid, None, everywhere(grid))
    assert (whole(found, grid) | ~rest).all()


def test_a_single_view_holds_nothing(cameras, masks) -> None:
    views = torch.zeros(8, dtype=torch.bool)
    views[2] = True
    found = find_candidates(*masks, cameras, VoxelGrid.cube(MIDDLE, 1.2, 16), views)
    assert not len(found.index)
    assert not found.held().any()
    assert not cover_silhouettes(found.held(), found, masks[0] > 0.5, cameras).any()


def blurred(masks: Tensor) -> Tensor:
    """Masks that fall off over some pixels, as those of networks do."""
    pooled = masks
    for _ in range(2):
        pooled = torch.nn.functional.avg_pool2d(pooled, 5, stride=1, padding=2)
    return pooled


def test_what_a_shifted_view_cuts_off_comes_back(cameras, masks) -> None:
    """One camera's mask is two pixels off: bare cells are covered, and hardly more is added."""
    probability, shown = blurred(masks[0]), masks[1]
    grid = VoxelGrid.cube(MIDDLE, 1.2, 64)
    straight = whole(find_candidates(probability, shown, cameras, grid), grid)
    probability[0] = probability[0].roll(2, dims=-1)
    found = find_candidates(probability, shown, cameras, grid)
    silhouettes = probability > 0.5

    def overlaps(held: Tensor) -> Tensor:
        points = found.grid.points(surface(held).nonzero())
        covers = silhouettes_of(points, cameras, SIZE, grid.step_m / 2)
        return (covers & silhouettes).sum((1, 2)) / (covers | silhouettes).sum((1, 2))

    cut = found.held()
    covered = cover_silhouettes(cut, found, silhouettes, cameras)
    assert (covered | ~cut).all()
    before, after = overlaps(cut), overlaps(covered)
    assert after[0] > before[0] + 0.02
    assert after.min() > 0.95 > before.min()
    assert whole(found, grid, covered).sum() < 1.05 * straight.sum()


def test_consistent_silhouettes_need_nothing_more(cameras, masks) -> None:
    found = find_candidates(*masks, cameras, VoxelGrid.cube(MIDDLE, 1.2, 64))
    held = found.held()
    covered = cover_silhouettes(held, found, masks[0] > 0.5, cameras)
    assert covered.sum() < 1.05 * held.sum()


def test_the_likeliest_voxel_of_a_ray_is_taken(cameras, masks) -> None:
    """By hand: the other views leave one voxel on a bare cell's ray the best chance."""
    found = find_candidates(*masks, cameras, VoxelGrid.cube(MIDDLE, 1.2, 16))
    ray = cameras[0].centre_world + (MIDDLE - cameras[0].centre_world) * torch.linspace(
        0.9, 1.1, 9, dtype=torch.float64
    ).unsqueeze(-1)
    index = found.grid.index(ray).unique(dim=0)
    denial = torch.zeros(8, len(index))
    denial[3] = 0.6
    denial[3, 2], denial[5, 2] = 0.55, 0.1
    made_up = replace(
        found,
        index=index,
        denial=denial,
        sees=torch.ones_like(denial, dtype=torch.bool),
        overruled=torch.zeros(len(index), dtype=torch.bool),
    )
    free = torch.zeros(found.grid.shape, dtype=torch.bool)
    bare = torch.zeros(8, SIZE[1], SIZE[0], dtype=torch.bool)
    column, row = cameras[0].project(found.grid.points(index[2])[None])[0].round().long()[0]
    bare[0, row, column] = True
    taken = cover_silhouettes(free, made_up, bare, cameras).nonzero()
    assert taken.tolist() == [index[2].tolist()]


def test_wrong_shapes(cameras, masks) -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        find_candidates(*masks, cameras, VoxelGrid.cube(MIDDLE, 1.2, 20))
    with pytest.raises(ValueError, match=r"one shape \(V, h, w\)"):
        find_candidates(masks[0], masks[1][1:], cameras, VoxelGrid.cube(MIDDLE, 1.2, 16))
