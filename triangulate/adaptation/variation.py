"""What a detector and a rig do now and then, done to the moments that students learn from."""

from __future__ import annotations

import torch
from torch import Tensor


def chance(share: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """True in a share of the places."""
    return torch.rand(shape, generator=generator) < share


def some_views(views: Tensor, generator: torch.Generator) -> Tensor:
    """Two or more of the views that are there, more often many than few; (B, V) -> (B, V)."""
    there = views.sum(1)
    share = torch.rand(len(views), generator=generator).square()
    wanted = there - (share * (there - 1)).long()
    lot = torch.rand(views.shape, generator=generator).masked_fill(~views, 2.0)
    rank = lot.argsort(1).argsort(1)
    return views & (rank < wanted[:, None])


def exchanged(values: Tensor, swapped: Tensor, flip: Tensor, joint_axis: int) -> Tensor:
    """Left joints for right ones where `swapped`, which has the first axes of `values`."""
    mask = swapped.reshape(*swapped.shape, *[1] * (values.ndim - swapped.ndim))
    return torch.where(mask, values.index_select(joint_axis, flip), values)
