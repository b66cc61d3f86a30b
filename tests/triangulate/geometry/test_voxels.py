"""Voxels by hand, and beside the grid of the volumetric networks."""

from __future__ import annotations

import pytest
import torch

from triangulate.geometry.volume import cuboid_grid
from triangulate.geometry.voxels import VoxelGrid, surface, voxels_along

MIDDLE = torch.tensor([0.4, -1.0, 2.0], dtype=torch.float64)


def test_voxels_lie_where_those_of_the_volumes_do() -> None:
    grid = VoxelGrid.cube(MIDDLE, 0.7, 8)
    index = torch.ones(8, 8, 8).nonzero()
    torch.testing.assert_close(grid.points(index), cuboid_grid(MIDDLE, 0.7, 8).reshape(-1, 3))
    assert torch.equal(grid.index(grid.points(index) + 0.049), index)
    assert grid.contains(index).all()
    assert not grid.contains(index.new_tensor([[8, 0, 0], [0, -1, 0]])).any()


def test_a_part_of_a_box() -> None:
    grid = VoxelGrid.cube(MIDDLE, 0.7, 8)
    low = torch.tensor([1, 2, 3])
    part = grid.part(low, torch.tensor([1, 4, 7]))
    assert part.shape == (1, 3, 5)
    torch.testing.assert_close(
        part.points(torch.tensor([0, 1, 4])), grid.points(low + low.new_tensor([0, 1, 4]))
    )


@pytest.mark.parametrize(("side_m", "size"), [(1.0, 1), (0.0, 8), (float("nan"), 8)])
def test_cubes_that_cannot_be(side_m: float, size: int) -> None:
    with pytest.raises(ValueError, match="a cube needs size"):
        VoxelGrid.cube(MIDDLE, side_m, size)


def test_surface_by_hand() -> None:
    held = torch.zeros(5, 5, 5, dtype=torch.bool)
    held[1:4, 1:4, 1:4] = True
    assert surface(held).sum() == 26
    assert not surface(held)[2, 2, 2]
    assert surface(torch.ones(2, 4, 4, 4, dtype=torch.bool)).sum() == 2 * (64 - 8)


def test_voxels_along_a_bone_by_hand() -> None:
    grid = VoxelGrid.cube(torch.zeros(3, dtype=torch.float64), 0.7, 8)  # every 0.1 m
    bone = torch.tensor([[[-0.35, -0.35, -0.35], [-0.05, -0.35, -0.35]]])
    assert voxels_along(bone, grid).tolist() == [[x, 0, 0] for x in range(4)]
    slanting = torch.tensor([[[-0.35, -0.35, -0.35], [0.35, 0.35, 0.35]]])
    assert voxels_along(slanting, grid).tolist() == [[x, x, x] for x in range(8)]
    assert len(voxels_along(torch.cat([bone, slanting, bone]), grid)) == 4 + 8 - 1
    assert not len(voxels_along(bone + 5, grid))
    assert not len(voxels_along(bone[:0], grid))
