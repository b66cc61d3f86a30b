"""The visual hull: what of a box the views' silhouettes leave standing (Laurentini 1994).

A view denies a voxel where it shows the voxel's middle beside the silhouette. A voxel is held where
at least two views show it on the silhouette and none denies it, but for voxels at which one view
may be overruled.

Silhouettes are never consistent: what one mask lacks, or shows shifted because its camera is not
where the calibration has it, is cut off for all. So a second step looks at each silhouette's cells
that the hull leaves bare. Something must be there, and it is put where the views together make it
likeliest: of the voxels on the cell's ray the one of the highest product of all views'
probabilities. (That silhouettes which disagree are explained by the least wrong voxels is
Landabaso, Pardas & Casas 2008, "Shape from inconsistent silhouette"; that views' evidence adds up
as log-likelihoods is Franco & Boyer 2005, "Fusion of multi-view silhouette cues".) What a view
rules out stays free.

Whole blocks of voxels are given up first: a block goes where a view rules out all that it can
cover. What that leaves is what looking at every voxel leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from triangulate.geometry.camera import Camera
from triangulate.geometry.occlusion import cells_of, silhouettes_of
from triangulate.geometry.volume import look_up
from triangulate.geometry.voxels import VoxelGrid, surface

BLOCK = 8
"""Voxels along a block's side."""

MIN_VIEWS = 2
"""A single view cuts a cone, not a body."""

LEAST = 0.05
"""A view that gives a voxel a lower probability rules it out."""

_MARGIN_CELLS = 2  # around a block's corners: bilinear taps, and what lenses bend
_CHUNK_POINTS = 2**16  # in memory at a time, times views


@dataclass(frozen=True)
class Candidates:
    """The voxels that no view rules out, or a single one where it may be overruled.

    Attributes:
        grid: a box around them.
        index: (N, 3) in it.
        denial: (V, N) one less the probability that a view gives; 0 where it does not show them.
        sees: (V, N) bool.
        overruled: (N,) bool, where a view may be overruled.
    """

    grid: VoxelGrid
    index: Tensor
    denial: Tensor
    sees: Tensor
    overruled: Tensor

    def held(self) -> Tensor:
        """The hull in the box, (X, Y, Z) bool."""
        denies = self.denial > 0.5
        held = (self.sees & ~denies).sum(0) >= MIN_VIEWS
        return self.marked(held & (denies.sum(0) <= self.overruled))

    def marked(self, chosen: Tensor) -> Tensor:
        """(N,) bool -> (X, Y, Z) bool."""
        found = torch.zeros(self.grid.shape, dtype=torch.bool, device=chosen.device)
        found[self.index[chosen].unbind(-1)] = True
        return found


@torch.no_grad()
def find_candidates(
    silhouettes: Tensor,
    shown: Tensor,
    cameras: Camera,
    grid: VoxelGrid,
    views: Tensor | None = None,
    overruled: Tensor | None = None,
) -> Candidates:
    """Look at a box through the silhouettes.

    Args:
        silhouettes: (V, h, w) probability in [0, 1] that the cell shows the body.
        shown: (V, h, w) bool, where the map is of the image at all.
        cameras: (V,) of the maps: an image's camera, resized as its map is.
        grid: sides that are multiples of `BLOCK`.
        views: (V,) bool, False where a view is missing, whatever its map holds.
        overruled: (K, 3) the voxels at which a view may be overruled; None: none.
    """
    _check(silhouettes, shown, grid)
    present = shown.new_ones(len(shown)) if views is None else views
    seen = shown & present[:, None, None]
    maps = torch.stack([torch.where(seen, 1 - silhouettes, 0.0), seen.to(silhouettes)], dim=1)
    spared = maps.new_zeros((0, 3)).long() if overruled is None else overruled
    blocks = _blocks_left(maps, cameras, grid, spared)
    parts = [
        _look_at(maps, cameras, grid, part, spared)
        for part in blocks.split(max(_CHUNK_POINTS // BLOCK**3, 1))
    ]
    index, denial, sees, is_overruled = (
        torch.cat([part[n] for part in parts], dim=dim) for n, dim in enumerate((0, 1, 1, 0))
    )
    if not len(index):
        return Candidates(replace(grid, shape=(1, 1, 1)), index, denial, sees, is_overruled)
    low, high = index.amin(0), index.amax(0)
    return Candidates(grid.part(low, high), index - low, denial, sees, is_overruled)


def _look_at(
    maps: Tensor, cameras: Camera, grid: VoxelGrid, blocks: Tensor, spared: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`index`, `denial`, `sees` and `overruled` of the voxels in blocks (M, 3) that can be held."""
    side = torch.arange(BLOCK, device=blocks.device)
    index = (blocks[:, None] + torch.cartesian_prod(side, side, side)).flatten(0, 1)
    at = look_up(maps[None], cameras, grid.points(index)[None])[0]  # (V, N, 2)
    denial, sees = at[..., 0], at[..., 1] > 0.5
    overruled = torch.isin(_keys(index, grid), _keys(spared, grid))
    ruled_out = denial > 1 - LEAST
    can_be = ((sees & ~ruled_out).sum(0) >= MIN_VIEWS) & (ruled_out.sum(0) <= overruled)
    return index[can_be], denial[:, can_be], sees[:, can_be], overruled[can_be]


def _keys(index: Tensor, grid: VoxelGrid) -> Tensor:
    """(N, 3) -> (N,) one number a voxel."""
    x, y, z = index.unbind(-1)
    return (x * grid.shape[1] + y) * grid.shape[2] + z


def _blocks_left(maps: Tensor, cameras: Camera, grid: VoxelGrid, spared: Tensor) -> Tensor:
    """(M, 3) the first voxels of the blocks that are not given up."""
    sides = [torch.arange(0, side, BLOCK, device=maps.device) for side in grid.shape]
    blocks = torch.cartesian_prod(*sides)
    with_spared = torch.isin(_keys(blocks, grid), _keys(spared - spared % BLOCK, grid))
    leaves = torch.cat(
        [
            _leave_something(maps, cameras, grid, part)
            for part in blocks.split(_CHUNK_POINTS // BLOCK)
        ],
        dim=1,
    )
    return blocks[(~leaves).sum(0) <= with_spared]


def _leave_something(maps: Tensor, cameras: Camera, grid: VoxelGrid, blocks: Tensor) -> Tensor:
    """(V, M) whether a view leaves something of a block: it does not rule out all within reach.

    How many cells of a rectangle leave something is read off a table of sums (Crow 1984).
    """
    end = torch.tensor([0, BLOCK - 1], device=blocks.device)
    ends = grid.points(blocks[:, None] + torch.cartesian_prod(end, end, end)).flatten(0, 1)
    ends_px, _ = cameras.project(ends)  # (V, 8 M, 2)
    denial, seen = maps.unbind(1)
    is_seen = look_up(seen[None, :, None], cameras, ends[None])[0, ..., 0]
    whole = (is_seen > 0.5).unflatten(1, (-1, 8)).all(-1)  # (V, M)
    ends_px = torch.where(whole[..., None, None], ends_px.unflatten(1, (-1, 8)), 0.0)
    height, width = denial.shape[-2:]
    low, high = ends_px.amin(2) - _MARGIN_CELLS, ends_px.amax(2) + _MARGIN_CELLS  # (V, M, 2)
    inside = (low >= 0).all(-1) & (high <= high.new_tensor([width - 1, height - 1])).all(-1)
    (left, top), (right, bottom) = (
        torch.where(inside[..., None], corner, 0.0).long().unbind(-1)
        for corner in (low.floor(), high.ceil() + 1)
    )
    leaving = denial <= 1 - LEAST
    sums = functional.pad(leaving.int().cumsum(1).cumsum(2), (1, 0, 1, 0)).flatten(1)

    def up_to(x: Tensor, y: Tensor) -> Tensor:
        return sums.gather(1, y * (width + 1) + x)

    left_over = up_to(right, bottom) - up_to(left, bottom) - up_to(right, top) + up_to(left, top)
    return ~inside | ~whole | (left_over > 0)


def _check(silhouettes: Tensor, shown: Tensor, grid: VoxelGrid) -> None:
    if silhouettes.ndim != 3 or shown.shape != silhouettes.shape:
        raise ValueError(
            f"silhouettes and shown must have one shape (V, h, w), got "
            f"{tuple(silhouettes.shape)} and {tuple(shown.shape)}"
        )
    if any(side % BLOCK for side in grid.shape):
        raise ValueError(f"grid must have sides that are multiples of {BLOCK}, got {grid.shape}")


@torch.no_grad()
def cover_silhouettes(
    held: Tensor, candidates: Candidates, silhouettes: Tensor, cameras: Camera
) -> Tensor:
    """Hold also the likeliest voxel behind each cell of a silhouette that the hull leaves bare.

    Args:
        held: (X, Y, Z) bool, of the candidates' box.
        candidates: of the same silhouettes.
        silhouettes: (V, h, w) bool, empty where a view is missing.
        cameras: (V,) of them.

    Returns:
        (X, Y, Z) bool.
    """
    grid = candidates.grid
    height, width = silhouettes.shape[1:]
    shape = grid.points(surface(held).nonzero())
    covered = silhouettes_of(shape, cameras, (width, height), grid.step_m / 2)
    bare = functional.pad((silhouettes & ~covered).flatten(1), (0, 1))  # beside the image: not
    cell, _, _ = cells_of(grid.points(candidates.index), cameras, (width, height))
    unlikely = -(1 - candidates.denial).clamp_min(0).log().sum(0).expand(len(cell), -1)
    least = unlikely.new_full(bare.shape, torch.inf).scatter_reduce(1, cell, unlikely, "amin")
    chosen = bare.gather(1, cell) & (unlikely <= least.gather(1, cell))
    return held | candidates.marked(chosen.any(0))
