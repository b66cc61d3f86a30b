"""What a heatmap's shape says about the joint: how wide, how high, how undecided."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NUM_STATISTICS = 4

FLOOR_CELLS2 = 0.125
"""Added to a heatmap's variance: 2 px^2 of a crop of 128 pixels, of which a cell is 4."""


def variance_cells2(mass: Tensor, points: Tensor) -> Tensor:
    """The mean squared distance of the mass from a point, by coordinate.

    Args:
        mass: (*B, H, W) of mass one (or zero).
        points: (*B, 2) heatmap pixels.

    Returns:
        (*B,) half the expected squared distance: of a Gaussian around `points`, its sigma^2.
    """
    height, width = mass.shape[-2:]
    columns = torch.arange(width, dtype=mass.dtype, device=mass.device)
    rows = torch.arange(height, dtype=mass.dtype, device=mass.device)
    off_x = (columns - points[..., :1]).square()  # (*B, W)
    off_y = (rows - points[..., 1:]).square()
    return 0.5 * ((mass.sum(-2) * off_x).sum(-1) + (mass.sum(-1) * off_y).sum(-1))


def map_statistics(mass: Tensor, points: Tensor) -> Tensor:
    """Numbers of the order of one that tell a sure heatmap from an unsure one.

    Args:
        mass: (*B, H, W) of mass one.
        points: (*B, 2) heatmap pixels, its soft-argmax.

    Returns:
        (*B, 4): the highest cell's mass, the mass within one cell of it, the entropy over that of
        a flat map, and the logarithm of the standard deviation in cells.
    """
    flat = mass.flatten(-2)
    top, at = flat.max(-1)
    width = mass.shape[-1]
    column, row = at % width, at.div(width, rounding_mode="floor")
    near_x = (torch.arange(width, device=mass.device) - column[..., None]).abs() <= 1
    near_y = (torch.arange(mass.shape[-2], device=mass.device) - row[..., None]).abs() <= 1
    around = (mass * near_y[..., :, None] * near_x[..., None, :]).sum((-2, -1))
    entropy = -(flat * flat.clamp_min(1e-12).log()).sum(-1) / math.log(max(flat.shape[-1], 2))
    spread = 0.5 * (variance_cells2(mass, points) + 1e-2).log()
    return torch.stack([top, around, entropy, spread], dim=-1)
