"""Pairs and ranks within groups of views, without a loop over the groups."""

from __future__ import annotations

import torch
from torch import Tensor


def all_pairs_within(order: Tensor, size: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs (i, j), i usable, of members of one group; `order` lists the groups in turn."""
    size_of = size.repeat_interleave(size)  # of the group of each in `order`
    begin = (size.cumsum(0) - size).repeat_interleave(size)
    first = order.repeat_interleave(size_of)
    place = torch.arange(len(first)) - (size_of.cumsum(0) - size_of).repeat_interleave(size_of)
    second = order[begin.repeat_interleave(size_of) + place]
    keep = usable[first]
    return first[keep], second[keep]


def rank_within(group: Tensor, worth: Tensor) -> Tensor:
    """The place of each member of a group by worth, 0 the best."""
    by_worth = torch.argsort(worth, descending=True, stable=True)
    order = by_worth[torch.argsort(group[by_worth], stable=True)]
    size = torch.bincount(group)
    begin = (size.cumsum(0) - size)[group[order]]
    rank = torch.empty_like(group)
    rank[order] = torch.arange(len(group)) - begin
    return rank
