"""From what each view says of a point to what all of them say."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Aggregation = Literal["sum", "mean", "max", "softmax", "conf", "conf_norm", "logsum"]
AGGREGATIONS: tuple[str, ...] = get_args(Aggregation)
LINEAR = ("sum", "mean", "conf", "conf_norm")
"""Those that are a plain sum over the views of weighted maps, see `weighted_maps`."""

LOGSUM_FLOOR = 0.3
"""Of the mass a cell has where the map is flat. Found on made-up heatmaps of 32 x 32 cells."""


def weighted_maps(
    features: Tensor, views: Tensor, aggregation: str, confidence: Tensor | None
) -> Tensor:
    """Maps that need only be added up over the views; whatever missing views hold becomes zero.

    Args:
        features: (B, V, C, h, w).
        views: (B, V) bool.
        aggregation: see `triangulate.geometry.volume.unproject`.
        confidence: (B, V, C) for conf and conf_norm.

    Returns:
        (B, V, C, h, w); with "mean" (B, V, C + 1, h, w), the last channel counts views.
    """
    present = views[..., None, None, None]
    maps = features if bool(views.all()) else torch.where(present, features, 0.0)
    if aggregation == "mean":
        return torch.cat([maps, present.expand_as(maps[:, :, :1]).to(maps)], dim=2)
    if confidence is None or not aggregation.startswith("conf"):
        return maps
    weight = torch.where(views[..., None], confidence, 0.0)
    if aggregation == "conf_norm":
        total = weight.sum(1, keepdim=True)
        weight = weight / torch.where(total > 0, total, 1.0)
    return maps * weight[..., None, None].to(maps)


def mean_of_counted(added: Tensor) -> Tensor:
    """Sums and, as last channel, how many views they are of: (*B, C + 1) -> (*B, C)."""
    total, count = added[..., :-1], added[..., -1:]
    return total / torch.where(count > 0, count, 1.0)


def join_views(values: Tensor, views: Tensor, aggregation: str, floor: float) -> Tensor:
    """Max, softmax or logsum over the views of a sample.

    Args:
        values: (B, n, V, C), finite; those of missing views are zero.
        views: (B, V) bool; missing views do not count, and without any the result is zero.
        aggregation: see `triangulate.geometry.volume.unproject`.
        floor: of logsum.

    Returns:
        (B, n, C).
    """
    present = views[:, None, :, None]
    if aggregation == "logsum":
        return torch.where(present, torch.log(values.clamp_min(0) + floor), 0.0).sum(2)
    counted = values
    if not bool(views.all()):
        nobody = ~views.any(1)[:, None, None, None]
        counted = torch.where(present | nobody, values, -torch.inf)
    if aggregation == "max":
        return counted.amax(2)
    weight = counted.softmax(2)
    weighted = weight * values if torch.is_grad_enabled() else weight.mul_(values)
    return weighted.sum(2)
