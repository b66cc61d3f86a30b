"""What cameras see of balls, by hand and beside the rays that Open3D casts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.occlusion import silhouettes_of, visible
from triangulate.geometry.voxels import VoxelGrid, surface

SIZE = (320, 180)
MIDDLE = torch.tensor([0.1, -0.05, 1.0], dtype=torch.float64)
RADIUS_M = 0.4
GRID = VoxelGrid.cube(MIDDLE, 1.2, 48)


@pytest.fixture
def cameras(ring) -> Camera:
    return ring(8).resized(SIZE[0] / 1280)


def balls(*middles: tuple[float, float, float], radius_m: float = RADIUS_M) -> Tensor:
    """Which voxels of `GRID` are in one of the balls, whose middles are counted from its own."""
    points = GRID.points(torch.ones(GRID.shape).nonzero())
    away = torch.stack([(points - MIDDLE - points.new_tensor(at)).norm(dim=-1) for at in middles])
    return (away < radius_m).any(0).reshape(GRID.shape)


def test_what_cameras_see_of_a_ball(cameras, ball_masks) -> None:
    held = balls((0, 0, 0))
    points = GRID.points(surface(held).nonzero())
    seen = visible(held, GRID, cameras.centre_world)
    outwards = (points - MIDDLE) / RADIUS_M
    towards = cameras.centre_world[:, None] - points
    facing = (outwards * towards / towards.norm(dim=-1, keepdim=True)).sum(-1)
    assert seen[facing > 0.5].double().mean() > 0.99
    assert not seen[facing < -0.5].any()
    masks, _ = ball_masks(cameras, SIZE, MIDDLE, RADIUS_M)
    found = silhouettes_of(points, cameras, SIZE, GRID.step_m / 2)
    both, either = (found & (masks > 0.5)).sum(), (found | (masks > 0.5)).sum()
    assert both / either > 0.9


def test_what_is_hidden_by_hand() -> None:
    """Two voxels in a row, one before the other; a camera along the row and one across it."""
    grid = VoxelGrid.cube(torch.zeros(3, dtype=torch.float64), 0.7, 8)
    held = torch.zeros(8, 8, 8, dtype=torch.bool)
    held[0, 3, 3] = held[7, 3, 3] = True  # at the box's ends
    along = grid.points(torch.tensor([30, 3, 3]))
    across = grid.points(torch.tensor([3, 40, 3]))
    seen = visible(held, grid, torch.stack([along, across]))
    assert seen.tolist() == [[False, True], [True, True]]
    assert visible(held, grid, along[None] - 5).tolist() == [[True, True]]
    assert visible(torch.zeros_like(held), grid, along[None]).shape == (1, 0)


def test_as_open3d_casts_rays(cameras) -> None:
    """`RaycastingScene` over the voxels' faces, three balls that hide each other: 100.0 % agree."""
    open3d = pytest.importorskip("open3d")
    held = balls((-0.3, -0.2, 0), (0.3, -0.2, 0.1), (0, 0.3, -0.1), radius_m=0.22)
    scene = open3d.t.geometry.RaycastingScene()
    vertices, triangles = faces_of(held)
    scene.add_triangles(vertices, triangles)
    middles, voxels = face_middles(held)
    number = torch.full(GRID.shape, -1)
    number[surface(held)] = torch.arange(int(surface(held).sum()))
    truth = torch.zeros(len(cameras.K), int(surface(held).sum()), dtype=torch.bool)
    for v, centre in enumerate(cameras.centre_world):
        towards = middles - centre
        rays = torch.cat([centre.expand_as(towards), towards], -1).float().numpy()
        share = scene.cast_rays(open3d.core.Tensor(np.ascontiguousarray(rays)))["t_hit"].numpy()
        before_m = (1 - torch.from_numpy(share)) * towards.norm(dim=-1)
        reached = before_m < 0.05 * GRID.step_m
        truth[v, number[voxels[reached].unbind(-1)]] = True
    seen = visible(held, GRID, cameras.centre_world)
    assert 0.2 < truth.double().mean() < 0.6
    assert (seen == truth).double().mean() > 0.999


def face_middles(held: Tensor) -> tuple[Tensor, Tensor]:
    """The middles (Q, 3) of the voxels' outer faces in the world, and their voxels (Q, 3)."""
    vertices, _ = faces_of(held)
    quads = torch.from_numpy(vertices).double().reshape(-1, 4, 3)
    middles = quads.mean(1)
    outwards = torch.cross(quads[:, 1] - quads[:, 0], quads[:, 2] - quads[:, 1], dim=-1)
    inside = outwards / outwards.norm(dim=-1, keepdim=True) * GRID.step_m / 4
    one, other = GRID.index(middles + inside), GRID.index(middles - inside)
    is_held = torch.nn.functional.pad(held, (1, 1, 1, 1, 1, 1))[(one + 1).unbind(-1)]
    return middles, torch.where(is_held[:, None], one, other)


def faces_of(held: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) float32 and triangles (M, 3) uint32 of the voxels' outer faces."""
    ringed = torch.nn.functional.pad(held, (1, 1, 1, 1, 1, 1))
    corners: list[Tensor] = []
    for axis in range(3):
        for side in (-1, 1):
            free = ~ringed.roll(-side, axis)[1:-1, 1:-1, 1:-1]
            index = (held & free).nonzero().double()
            middle = index.clone()
            middle[:, axis] += side / 2
            others = [other for other in range(3) if other != axis]
            for a, b in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
                corner = middle.clone()
                corner[:, others[0]] += a / 2
                corner[:, others[1]] += b / 2
                corners.append(corner)
    quads = torch.cat([torch.stack(corners[at : at + 4], 1) for at in range(0, 24, 4)])  # (Q, 4, 3)
    vertices = GRID.first_world + quads.reshape(-1, 3) * GRID.step_m
    first = 4 * torch.arange(len(quads))[:, None]
    triangles = torch.cat([first + torch.tensor([0, 1, 2]), first + torch.tensor([0, 2, 3])])
    return vertices.float().numpy(), triangles.numpy().astype(np.uint32)
