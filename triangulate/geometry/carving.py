"""The visual hull: what of a cube the views' silhouettes leave standing (Laurentini 1994).

A view denies a voxel where it shows the voxel's middle beside the silhouette. A voxel is held where
at least two views show it on the silhouette and no more views deny it than are allowed to.

Whole blocks of voxels are given up first: a block goes where so many views deny everything that it
can cover. What that leaves is what looking at every voxel leaves.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from triangulate.geometry.camera import Camera
from triangulate.geometry.volume import look_up

BLOCK = 8
"""Voxels along a block's side."""

MIN_VIEWS = 2
"""A single view cuts a cone, not a body."""

_MARGIN_CELLS = 2  # around a block's corners: bilinear taps, and what lenses bend


@torch.no_grad()
def carve(
    silhouettes: Tensor,
    shown: Tensor,
    cameras: Camera,
    grid_world: Tensor,
    views: Tensor | None = None,
    allowed: Tensor | None = None,
) -> Tensor:
    """Which voxels the silhouettes hold.

    Args:
        silhouettes: (V, h, w) probability in [0, 1] that the cell shows the body.
        shown: (V, h, w) bool, where the map is of the image at all.
        cameras: (V,) of the maps: an image's camera, resized as its map is.
        grid_world: (X, Y, Z, 3), sides that are multiples of `BLOCK`.
        views: (V,) bool, False where a view is missing, whatever its map holds.
        allowed: (X, Y, Z) how many views may deny each voxel; None: none.

    Returns:
        (X, Y, Z) bool.
    """
    _check(silhouettes, shown, grid_world)
    present = shown.new_ones(len(shown)) if views is None else views
    seen = shown & present[:, None, None]
    denial = torch.where(seen, 1 - silhouettes, 0.0)
    blocks = _in_blocks(grid_world)  # (M, BLOCK^3, 3)
    limit = torch.zeros(blocks.shape[:2], dtype=torch.int64, device=blocks.device)
    if allowed is not None:
        limit = _in_blocks(allowed[..., None])[..., 0].long()
    leaves = _leave_something(denial, seen, cameras, blocks)
    kept = (~leaves).sum(0) <= limit.amax(1)  # (M,)
    maps = torch.stack([denial, seen.to(denial)], dim=1)  # (V, 2, h, w)
    at = look_up(maps[None], cameras, blocks[kept].reshape(1, -1, 3))[0]  # (V, N, 2)
    denies, sees = (at > 0.5).unbind(-1)
    held = (sees & ~denies).sum(0) >= MIN_VIEWS
    held = held & (denies.sum(0) <= limit[kept].flatten())
    found = held.new_zeros(blocks.shape[:2])
    found[kept] = held.unflatten(0, (-1, BLOCK**3))
    return _from_blocks(found, grid_world.shape[:3])


def _leave_something(denial: Tensor, seen: Tensor, cameras: Camera, blocks: Tensor) -> Tensor:
    """(V, M) whether a view leaves something of a block: it does not deny all within reach.

    How many cells of a rectangle leave something is read off a table of sums (Crow 1984).
    """
    cubes = blocks.unflatten(1, (BLOCK, BLOCK, BLOCK))[:, :: BLOCK - 1, :: BLOCK - 1, :: BLOCK - 1]
    ends = cubes.flatten(1, 3)  # (M, 8, 3)
    ends_px, _ = cameras.project(ends.flatten(0, 1))
    is_seen = look_up(seen[None, :, None].to(denial), cameras, ends.reshape(1, -1, 3))[0, ..., 0]
    whole = (is_seen > 0.5).unflatten(1, (-1, 8)).all(-1)  # (V, M)
    ends_px = torch.where(whole[..., None, None], ends_px.unflatten(1, (-1, 8)), 0.0)
    height, width = denial.shape[-2:]
    low, high = ends_px.amin(2) - _MARGIN_CELLS, ends_px.amax(2) + _MARGIN_CELLS  # (V, M, 2)
    inside = (low >= 0).all(-1) & (high <= high.new_tensor([width - 1, height - 1])).all(-1)
    (left, top), (right, bottom) = (
        torch.where(inside[..., None], corner, 0.0).long().unbind(-1)
        for corner in (low.floor(), high.ceil() + 1)
    )
    sums = functional.pad((denial <= 0.5).int().cumsum(1).cumsum(2), (1, 0, 1, 0)).flatten(1)

    def up_to(x: Tensor, y: Tensor) -> Tensor:
        return sums.gather(1, y * (width + 1) + x)

    left_over = up_to(right, bottom) - up_to(left, bottom) - up_to(right, top) + up_to(left, top)
    return ~inside | ~whole | (left_over > 0)


def _in_blocks(grid: Tensor) -> Tensor:
    """(X, Y, Z, C) -> (blocks, voxels of one, C)."""
    x, y, z = (side // BLOCK for side in grid.shape[:3])
    split = grid.reshape(x, BLOCK, y, BLOCK, z, BLOCK, -1)
    return split.permute(0, 2, 4, 1, 3, 5, 6).reshape(x * y * z, BLOCK**3, -1)


def _from_blocks(blocks: Tensor, shape: torch.Size) -> Tensor:
    """(blocks, voxels of one) -> (X, Y, Z)."""
    x, y, z = (side // BLOCK for side in shape)
    split = blocks.reshape(x, y, z, BLOCK, BLOCK, BLOCK)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(shape)


def _check(silhouettes: Tensor, shown: Tensor, grid_world: Tensor) -> None:
    if silhouettes.ndim != 3 or shown.shape != silhouettes.shape:
        raise ValueError(
            f"silhouettes and shown must have one shape (V, h, w), got "
            f"{tuple(silhouettes.shape)} and {tuple(shown.shape)}"
        )
    sides = grid_world.shape[:3]
    if grid_world.ndim != 4 or any(side % BLOCK for side in sides):
        raise ValueError(
            f"grid_world must have shape (X, Y, Z, 3) with sides that are multiples of {BLOCK}, "
            f"got {tuple(grid_world.shape)}"
        )


def voxels_along(segments_world: Tensor, grid_world: Tensor, radius_m: float) -> Tensor:
    """Which voxels of an upright cube lie along line segments.

    Args:
        segments_world: (N, 2, 3) their ends.
        grid_world: (X, Y, Z, 3), not rotated.
        radius_m: how far to either side along each axis, in whole voxels.

    Returns:
        (X, Y, Z) bool.
    """
    first, step = grid_world[0, 0, 0], grid_world[1, 1, 1] - grid_world[0, 0, 0]
    along = torch.linspace(0, 1, 2 * max(grid_world.shape[:3]), dtype=first.dtype).to(first)
    start, stop = segments_world.to(first)[:, :, None].unbind(1)  # (N, 1, 3)
    index = ((start + along[:, None] * (stop - start) - first) / step).round().long().flatten(0, 1)
    sides = index.new_tensor(grid_world.shape[:3])
    index = index[((index >= 0) & (index < sides)).all(-1)]
    marked = torch.zeros(grid_world.shape[:3], device=first.device)
    marked[index.unbind(-1)] = 1.0
    reach = int((radius_m / step.amax()).round())
    pooled = functional.max_pool3d(marked[None], 2 * reach + 1, stride=1, padding=reach)
    return pooled[0] > 0


# --- Its surface ----------------------------------------------------------------------------------


def surface(held: Tensor) -> Tensor:
    """The held voxels (*B, X, Y, Z) with a free one, or the cube's end, at one of six faces."""
    ringed = functional.pad(held, (1, 1, 1, 1, 1, 1))
    inner = [slice(1, -1)] * 3
    enclosed = torch.ones_like(held)
    for axis in range(3):
        for side in (slice(0, -2), slice(2, None)):
            at = [*inner[:axis], side, *inner[axis + 1 :]]
            enclosed = enclosed & ringed[(..., *at)]
    return held & ~enclosed


def silhouettes_of(
    points_world: Tensor, cameras: Camera, size: tuple[int, int], radius_m: float
) -> Tensor:
    """Which pixels the voxels of a surface cover, the gaps between them closed.

    Args:
        points_world: (N, 3) the voxels' middles.
        cameras: (V,), of images of which a pixel is about as wide as a voxel, or wider.
        size: (width, height) of the images.
        radius_m: of a voxel.

    Returns:
        (V, h, w) bool.
    """
    nearest, reach = _nearest(points_world, cameras, size, radius_m)
    side = 2 * reach + 1
    hit = nearest.isfinite().float()
    grown = functional.max_pool2d(hit, side, stride=1, padding=reach)
    return functional.max_pool2d(-grown, side, stride=1, padding=reach) == -1


def _nearest(
    points_world: Tensor, cameras: Camera, size: tuple[int, int], radius_m: float
) -> tuple[Tensor, int]:
    """The depth (V, h, w) of the nearest point in a pixel, and the radius of the widest, pixels."""
    width, height = size
    cell, inside, depth = _cells(points_world, cameras, size)
    buffer = depth.new_full((len(depth), width * height + 1), torch.inf)
    buffer = buffer.scatter_reduce(1, cell, depth, "amin")[:, :-1].unflatten(1, (height, width))
    focal = cameras.K[:, [0, 1], [0, 1]].amax()
    nearest = depth[inside].min() if bool(inside.any()) else depth.new_ones(())
    return buffer, int((radius_m * focal / nearest).round().clamp(1, max(size) // 4))


def _cells(
    points_world: Tensor, cameras: Camera, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """(V, N) the pixel of each point, counted row by row; whether it has one; its depth."""
    width, height = size
    points_px, in_front = cameras.project(points_world)
    depth = cameras.cam_from_world.apply(points_world)[..., 2]
    column, row = points_px.round().long().unbind(-1)
    inside = in_front & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return torch.where(inside, row * width + column, width * height), inside, depth


def visible(points_world: Tensor, cameras: Camera, size: tuple[int, int], step_m: float) -> Tensor:
    """Which cameras see which voxels of a surface, nothing else of it being before them.

    Args:
        points_world: (N, 3) the surface's voxels.
        cameras: (V,), of images of which a pixel is about as wide as a voxel, or wider.
        size: (width, height) of the images.
        step_m: between voxels. So much of the surface may lie before a voxel as a slanting one
            has within a pixel or two: three steps.

    Returns:
        (V, N).
    """
    nearest, reach = _nearest(points_world, cameras, size, step_m / 2)
    before = -functional.max_pool2d(-nearest, 2 * reach + 1, stride=1, padding=reach)
    cell, inside, depth = _cells(points_world, cameras, size)
    at = before.flatten(1).gather(1, torch.where(inside, cell, 0))
    return inside & (depth <= at + 3 * step_m)
