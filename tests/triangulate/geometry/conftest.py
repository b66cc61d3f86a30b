"""Cameras and rotations that the geometry's tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid
from triangulate.synthetic import ring_rig

Ring = Callable[..., Camera]


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.fixture
def ring() -> Ring:
    """A ring of cameras around the middle of the floor; the images are 1280 x 720."""

    def make(num_views: int = 4, lens: str = "radtan", seed: int = 0) -> Camera:
        return ring_rig(torch.Generator().manual_seed(seed), num_views, lens=lens).cameras

    return make


@pytest.fixture
def points_in_view() -> Callable[..., Tensor]:
    """Points of the volume that all cameras of the ring see, (*shape, 3)."""

    def draw(*shape: int, seed: int = 1) -> Tensor:
        unit = torch.rand(
            *shape, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        return unit * torch.tensor([1.6, 1.6, 1.6]) + torch.tensor([-0.8, -0.8, 0.1])

    return draw


@pytest.fixture
def rigid_motion() -> Callable[..., Rigid]:
    """Any rotation and a shift of metres, (*shape)."""

    def draw(*shape: int, seed: int = 2) -> Rigid:
        source = torch.Generator().manual_seed(seed)
        angles = torch.randn(*shape, 3, generator=source, dtype=torch.float64)
        skew = torch.zeros(*shape, 3, 3, dtype=torch.float64)
        for axis, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
            skew[..., i, j], skew[..., j, i] = angles[..., axis], -angles[..., axis]
        shift = 3 * torch.randn(*shape, 3, generator=source, dtype=torch.float64)
        return Rigid(torch.linalg.matrix_exp(skew), shift)

    return draw


@pytest.fixture
def seen_from() -> Callable[[Camera, Rigid], Camera]:
    """The cameras after the world has moved by `moved_from_world`."""

    def move(camera: Camera, moved_from_world: Rigid) -> Camera:
        back = moved_from_world.inverse()
        return Camera(camera.K, camera.lens, camera.cam_from_world @ back)

    return move


@pytest.fixture
def ball_masks() -> Callable[..., tuple[Tensor, Tensor]]:
    """Which pixels' rays meet a ball: (V, h, w) probability, and where the maps are shown."""

    def draw(
        cameras: Camera, size: tuple[int, int], middle: Tensor, radius_m: float
    ) -> tuple[Tensor, Tensor]:
        width, height = size
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        pixels = torch.stack([columns, rows], -1).reshape(-1, 2).double()
        origin, directions, valid = cameras.rays(pixels.expand(len(cameras.K), -1, -1))
        towards = middle - origin[:, None]
        along = (towards * directions).sum(-1, keepdim=True)
        met = ((towards - along * directions).norm(dim=-1) < radius_m) & valid
        masks = met.unflatten(1, (height, width)).float()
        return masks, torch.ones_like(masks, dtype=torch.bool)

    return draw
