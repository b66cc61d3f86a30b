"""What cameras see of a body made of voxels: its silhouettes, and which voxels are not hidden."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from triangulate.geometry.camera import Camera
from triangulate.geometry.voxels import VoxelGrid, surface


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
    width, height = size
    cell, inside, depth = cells_of(points_world, cameras, size)
    hit = torch.zeros(len(cell), width * height + 1, dtype=torch.float32, device=cell.device)
    hit = hit.scatter(1, cell, 1.0)[:, :-1].unflatten(1, (height, width))
    focal = cameras.K[:, [0, 1], [0, 1]].amax()
    nearest = depth[inside].min() if bool(inside.any()) else depth.new_ones(())
    reach = int((radius_m * focal / nearest).round().clamp(1, max(size) // 4))
    side = 2 * reach + 1
    grown = functional.max_pool2d(hit, side, stride=1, padding=reach)
    return functional.max_pool2d(-grown, side, stride=1, padding=reach) == -1


def cells_of(
    points_world: Tensor, cameras: Camera, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Where points (N, 3) are in images of `size` (width, height).

    Returns:
        (V, N) the pixel of each point, counted row by row, width x height where it has none;
        whether it has one; its depth.
    """
    width, height = size
    points_px, in_front = cameras.project(points_world)
    depth = cameras.cam_from_world.apply(points_world)[..., 2]
    column, row = points_px.round().long().unbind(-1)
    inside = in_front & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return torch.where(inside, row * width + column, width * height), inside, depth


@torch.no_grad()
def visible(held: Tensor, grid: VoxelGrid, centres_world: Tensor) -> Tensor:
    """Which cameras see which voxels of the surface, nothing held being in between.

    A voxel is seen where the middle of one of its free faces is: from there a ray goes from voxel
    to voxel to the camera (Amanatides & Woo 1987), until it leaves the box or meets a held one.

    Args:
        held: (X, Y, Z) bool.
        grid: of the voxels.
        centres_world: (V, 3) of the cameras.

    Returns:
        (V, N) for the N voxels of `surface(held)` in turn. What an image shows is not looked at.
    """
    outer = surface(held).nonzero()
    state = functional.pad(held.to(torch.uint8), (1, 1, 1, 1, 1, 1), value=_OUTSIDE)
    eye = (centres_world - grid.first_world) / grid.step_m  # (V, 3) in voxels
    seen = torch.zeros(len(eye), len(outer), dtype=torch.bool, device=held.device)
    for axis in range(3):
        for side in (-1, 1):
            beside = outer + 1
            beside[:, axis] += side
            face = outer.to(eye)
            face[:, axis] += side / 2
            towards = eye[:, None] - face  # (V, N, 3)
            free = state[beside.unbind(-1)] != _HELD
            view, voxel = ((towards[..., axis] * side > 0) & free & ~seen).nonzero().unbind(-1)
            offset = face[voxel] - (beside[voxel] - 1)
            unhidden = _leaves(state, beside[voxel], offset, towards[view, voxel])
            seen[view[unhidden], voxel[unhidden]] = True
    return seen


_FREE, _HELD, _OUTSIDE = 0, 1, 2


def _leaves(state: Tensor, voxel: Tensor, offset: Tensor, towards: Tensor) -> Tensor:
    """(R,) whether rays get outside without meeting what is held.

    Args:
        state: (X + 2, Y + 2, Z + 2) of the voxels: a box in a ring of those outside. No ray starts
            in the ring but to go away from the box.
        voxel: (R, 3) where each ray starts; not held.
        offset: (R, 3) of its start from that voxel's middle, in voxels.
        towards: (R, 3).
    """
    ahead, away = towards.sign(), towards.abs()
    pace = (1 / away).float()  # of the ray, from one voxel's border to the next; inf along it
    border = torch.where(away > 0, (0.5 - offset * ahead) / away, torch.inf).float()
    _, y, z = state.shape
    strides = voxel.new_tensor([y * z, z, 1])
    at, moves = (voxel * strides).sum(-1), ahead.long() * strides
    states = state.flatten()
    leaves = torch.zeros(len(at), dtype=torch.bool, device=at.device)
    ray = torch.arange(len(at), device=at.device)
    while len(ray):
        now = states[at]
        leaves[ray[now == _OUTSIDE]] = True
        on = (now == _FREE).nonzero().squeeze(-1)
        ray, at, border, pace, moves = (each[on] for each in (ray, at, border, pace, moves))
        first = border.argmin(-1, keepdim=True)
        at = at + moves.gather(1, first).squeeze(-1)
        border.scatter_add_(1, first, pace.gather(1, first))
    return leaves
