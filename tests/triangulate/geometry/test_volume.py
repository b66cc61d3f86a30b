"""The published implementation's volumes are compared in `test_heatmap.py`."""

from __future__ import annotations

import pytest
import torch
from kornia.geometry.subpix import conv_soft_argmax3d
from torch import Tensor

from triangulate.geometry.volume import soft_argmax_3d

BATCHES = [(), (1,), (3, 1, 2)]
NORMALISE = ["softmax", "relu"]


def random_volumes(*shape: int) -> Tensor:
    source = torch.Generator().manual_seed(0)
    return 3 * torch.randn(*shape, generator=source, dtype=torch.float64)


def grid(x: int, y: int, z: int) -> Tensor:
    """The indices of the voxels, (X, Y, Z, 3)."""
    axes = [torch.arange(n, dtype=torch.float64) for n in (x, y, z)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_by_hand(dtype) -> None:
    volume = torch.zeros(2, 3, 4, dtype=dtype)
    volume[0, 0, 0], volume[1, 2, 3], volume[0, 1, 1] = 1.0, 3.0, -7.0
    point, mass = soft_argmax_3d(volume, normalise="relu")
    assert point.dtype == mass.dtype == dtype
    torch.testing.assert_close(point, torch.tensor([0.75, 1.5, 2.25], dtype=dtype))
    metres = 0.1 * grid(2, 3, 4).to(dtype) - 1
    point, _ = soft_argmax_3d(volume, metres, "relu")
    torch.testing.assert_close(point, torch.tensor([-0.925, -0.85, -0.775], dtype=dtype))


@pytest.mark.parametrize("normalise", NORMALISE)
@pytest.mark.parametrize("batch", BATCHES)
def test_indices_are_the_default_coordinates(batch, normalise) -> None:
    volumes = random_volumes(*batch, 3, 4, 5)
    points, mass = soft_argmax_3d(volumes, None, normalise)
    assert points.shape == (*batch, 3)
    torch.testing.assert_close(mass.sum((-3, -2, -1)), torch.ones(batch).double())
    torch.testing.assert_close(points, soft_argmax_3d(volumes, grid(3, 4, 5), normalise)[0])


@pytest.mark.parametrize("batch", BATCHES)
def test_moved_coordinates_move_the_point(batch, rigid_motion) -> None:
    volumes, motion = random_volumes(*batch, 3, 4, 5), rigid_motion()
    coordinates = grid(3, 4, 5)
    moved = motion.apply(coordinates.reshape(-1, 3)).reshape(3, 4, 5, 3)
    points, _ = soft_argmax_3d(volumes, coordinates)
    torch.testing.assert_close(
        soft_argmax_3d(volumes, moved)[0].reshape(-1, 3), motion.apply(points.reshape(-1, 3))
    )


def test_every_sample_may_have_its_own_grid() -> None:
    volumes = random_volumes(2, 6, 3, 4, 5)  # B J X Y Z
    grids = torch.stack([grid(3, 4, 5), grid(3, 4, 5) + 10])[:, None]  # (B, 1, X, Y, Z, 3)
    points, _ = soft_argmax_3d(volumes, grids)
    torch.testing.assert_close(points[1], soft_argmax_3d(volumes[1])[0] + 10)


def test_no_mass_is_told_by_the_volume() -> None:
    volumes = (-random_volumes(2, 3, 4, 5).abs()).requires_grad_()
    points, mass = soft_argmax_3d(volumes, grid(3, 4, 5), "relu")
    assert not mass.any()
    assert not points.any()
    points.sum().backward()
    assert torch.isfinite(volumes.grad).all()


@pytest.mark.parametrize("with_grid", [False, True])
@pytest.mark.parametrize("normalise", NORMALISE)
def test_gradients(normalise, with_grid) -> None:
    volumes = random_volumes(2, 2, 3, 4).requires_grad_()
    if with_grid:
        coordinates = grid(2, 3, 4).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda *inputs: soft_argmax_3d(*inputs, normalise)[0], (volumes, coordinates)
        )
    else:
        assert torch.autograd.gradcheck(
            lambda inputs: soft_argmax_3d(inputs, None, normalise)[0], volumes
        )


def test_as_kornia_does() -> None:
    volumes = random_volumes(2, 1, 3, 5, 7)
    theirs = conv_soft_argmax3d(volumes, (3, 5, 7), padding=(0, 0, 0), output_value=False)
    # Its volumes are (depth, height, width), its points (depth, x, y).
    depth, row, column = soft_argmax_3d(volumes[:, 0])[0].unbind(-1)
    torch.testing.assert_close(torch.stack([depth, column, row], dim=-1), theirs.reshape(2, 3))
