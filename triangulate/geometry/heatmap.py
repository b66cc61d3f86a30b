"""From 2D heatmaps to points."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Normalise = Literal["softmax", "relu"]


def normalise_maps(maps: Tensor, num_dims: int, normalise: Normalise = "softmax") -> Tensor:
    """Turn maps into masses that sum to one over their last `num_dims` dims.

    Args:
        maps: (*B, ...) with `num_dims` spatial dims last.
        num_dims: 2 for heatmaps, 3 for volumes.
        normalise: "softmax", or "relu": negative values cut off, then divided by the sum. A map
            without a positive value has no mass and stays zero.

    Returns:
        The same shape; gradients are finite throughout.
    """
    flat = maps.flatten(-num_dims)
    if normalise == "softmax":
        mass = torch.softmax(flat, dim=-1)
    elif normalise == "relu":
        positive = flat.clamp_min(0)
        total = positive.sum(-1, keepdim=True)
        mass = positive / torch.where(total > 0, total, 1.0)
    else:
        raise ValueError(f"normalise must be 'softmax' or 'relu', got {normalise!r}")
    return mass.reshape(maps.shape)


def log_softmax_maps(maps: Tensor, num_dims: int) -> Tensor:
    """The logarithm of `normalise_maps(maps, num_dims)`, also where that mass is too small.

    Args:
        maps: (*B, ...) with `num_dims` spatial dims last.
        num_dims: 2 for heatmaps, 3 for volumes.
    """
    return torch.log_softmax(maps.flatten(-num_dims), dim=-1).reshape(maps.shape)


def soft_argmax_2d(
    heatmaps: Tensor, normalise: Normalise = "softmax", window: int | None = None
) -> tuple[Tensor, Tensor]:
    """The expected position in each heatmap (Iskakov et al. 2019, section 3.1).

    Args:
        heatmaps: (*B, H, W); scale them beforehand to sharpen the softmax.
        normalise: see `normalise_maps`.
        window: keep the mass within this many cells of the highest cell (in x and in y) and drop
            the rest, so that a second mode does not pull the point; None keeps all.

    Returns:
        (*B, 2) points in heatmap pixels, (x, y), pixel centres at integers, and the (*B, H, W)
        normalised heatmaps. Without any mass ("relu" on a map that is nowhere positive) the point
        is (0, 0) and the map is zero: `mass.sum((-2, -1)) > 0` tells.
    """
    height, width = heatmaps.shape[-2:]
    if window is not None:
        keep = _near_peak(heatmaps, window)
        lowest = -torch.inf if normalise == "softmax" else 0.0
        heatmaps = torch.where(keep, heatmaps, lowest)
    mass = normalise_maps(heatmaps, 2, normalise)
    columns = torch.arange(width, dtype=mass.dtype, device=mass.device)
    rows = torch.arange(height, dtype=mass.dtype, device=mass.device)
    x = (mass.sum(-2) * columns).sum(-1)
    y = (mass.sum(-1) * rows).sum(-1)
    return torch.stack([x, y], dim=-1), mass


def _near_peak(heatmaps: Tensor, window: int) -> Tensor:
    height, width = heatmaps.shape[-2:]
    peak = heatmaps.flatten(-2).argmax(-1)[..., None]
    columns = torch.arange(width, device=heatmaps.device)
    rows = torch.arange(height, device=heatmaps.device)
    near_x = (columns - peak % width).abs() <= window
    near_y = (rows - peak.div(width, rounding_mode="floor")).abs() <= window
    return near_y[..., :, None] & near_x[..., None, :]
