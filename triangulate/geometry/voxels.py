"""Voxels of an upright box, by their indices: where they are, which are outermost or on a line.

No array of all voxels' places is ever made: at 256 voxels a side it would take 0.4 GB.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class VoxelGrid:
    """Where the voxels of a box lie; the axes are x, y and z of the world.

    Attributes:
        first_world: (3,) the middle of the first voxel, metres.
        step_m: between voxels.
        shape: (X, Y, Z).
    """

    first_world: Tensor
    step_m: float
    shape: tuple[int, int, int]

    @classmethod
    def cube(cls, middle_world: Tensor, side_m: float, size: int) -> VoxelGrid:
        """The voxels of `volume.cuboid_grid`: `side_m` from the first middle to the last one."""
        if size < 2 or not side_m > 0:
            raise ValueError(f"a cube needs size >= 2 and side_m > 0, got {size} and {side_m}")
        return cls(middle_world - side_m / 2, side_m / (size - 1), (size, size, size))

    def points(self, index: Tensor) -> Tensor:
        """Middles (*B, 3) of voxels (*B, 3)."""
        return self.first_world + index.to(self.first_world) * self.step_m

    def index(self, points_world: Tensor) -> Tensor:
        """The voxels (*B, 3) that hold points (*B, 3), which may lie outside the box."""
        return ((points_world.to(self.first_world) - self.first_world) / self.step_m).round().long()

    def contains(self, index: Tensor) -> Tensor:
        """(*B,) whether voxels (*B, 3) are in the box."""
        return ((index >= 0) & (index < index.new_tensor(self.shape))).all(-1)

    def part(self, low: Tensor, high: Tensor) -> VoxelGrid:
        """The box from voxel `low` to voxel `high`, both (3,) and included."""
        x, y, z = (high - low + 1).tolist()
        return VoxelGrid(self.points(low), self.step_m, (x, y, z))


def surface(held: Tensor) -> Tensor:
    """The held voxels (*B, X, Y, Z) with a free one, or the box's end, at one of six faces."""
    ringed = functional.pad(held, (1, 1, 1, 1, 1, 1))
    inner = [slice(1, -1)] * 3
    enclosed = torch.ones_like(held)
    for axis in range(3):
        for side in (slice(0, -2), slice(2, None)):
            at = [*inner[:axis], side, *inner[axis + 1 :]]
            enclosed = enclosed & ringed[(..., *at)]
    return held & ~enclosed


def voxels_along(segments_world: Tensor, grid: VoxelGrid) -> Tensor:
    """The voxels (K, 3) of a box that line segments (N, 2, 3) go through, each once."""
    start, stop = segments_world.to(grid.first_world)[:, :, None].unbind(1)  # (N, 1, 3)
    share = torch.linspace(0, 1, 2 * max(grid.shape), dtype=start.dtype, device=start.device)
    index = grid.index(start + share[:, None] * (stop - start)).flatten(0, 1)
    return index[grid.contains(index)].unique(dim=0)
