"""Points from pairs of views, which no third view can spoil."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.dlt import solve_normal
from triangulate.geometry.robust import MAX_PAIRS
from triangulate.models.view_rays import Views

CUTOFF2 = 16.0
"""Squared residual, in squared scales, beyond which a view says nothing."""

_REFITS = 2


@dataclass(frozen=True)
class Pairs:
    """Points from pairs of views, and how far all views are from them.

    Attributes:
        first: (H,) a view of each pair,
        second: (H,) and the other one.
        points: (B, H, J, 3).
        valid: (B, H, J) both views saw it, and the point lies before both.
        squared: (B, H, V, J) squared metres.
    """

    first: Tensor
    second: Tensor
    points: Tensor
    valid: Tensor
    squared: Tensor

    @classmethod
    def of(cls, views: Views) -> Pairs:
        """All pairs of up to 12 views; of more, the `MAX_PAIRS` nearest in the rig's order."""
        num_views = views.seen.shape[1]
        first, second = torch.triu_indices(num_views, num_views, 1, device=views.seen.device)
        if len(first) > MAX_PAIRS:  # spread evenly, so that every view is in some
            spread = (second - first) * num_views + first
            chosen = spread.argsort()[:MAX_PAIRS]
            first, second = first[chosen], second[chosen]
        entries = views.entries_by_view(views.seen)  # (10, B, V, J)
        points, valid = solve_normal(entries[:, :, first] + entries[:, :, second])
        points = points.movedim(0, -1)
        offset, depth = views.residuals(points)
        index = torch.arange(len(first), device=first.device)
        before = (depth[:, index, first] > 0) & (depth[:, index, second] > 0)
        both = (views.seen[:, first] > 0) & (views.seen[:, second] > 0)
        return cls(first, second, points, valid & both & before, offset.square().sum(-1))

    def scale_m(self, seen: Tensor, floor_m: Tensor) -> Tensor:
        """(B,): the joints' median of the least median residual over pairs (LMedS)."""
        squared = torch.where(seen[:, None] > 0, self.squared, torch.inf)
        rank = (seen.sum(1).long() // 2).clamp_max(seen.shape[1] - 1)[:, None, None]
        rank = rank.expand(-1, squared.shape[1], -1, -1)
        median = squared.sort(2).values.gather(2, rank)[:, :, 0]
        least = torch.where(self.valid, median, torch.inf).amin(1)  # (B, J)
        known = torch.where(torch.isfinite(least), least, torch.nan)
        return torch.maximum(known.nanmedian(1).values.nan_to_num(0.0).sqrt(), floor_m)

    def without(self, cost: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """How far each view is from the best pair of the others, and how well those agree.

        Returns:
            (B, V, J) metres and (B, V, J) mean cost; 0 and 1 where no two others are.
        """
        views = torch.arange(cost.shape[2], device=cost.device)
        has = (self.first[:, None] == views) | (self.second[:, None] == views)  # (H, V)
        excluded = has[..., None] | ~self.valid[:, :, None]  # (B, H, V, J)
        total = torch.where(excluded, torch.inf, cost.sum(2, keepdim=True) - cost)
        least, best = total.min(1)
        known = torch.isfinite(least)
        off = self.squared.gather(1, best[:, None])[:, 0].sqrt()
        rest = least / (number - 1).clamp_min(1)[:, None]
        return torch.where(known, off, 0.0), torch.where(known, rest, 1.0)

    def with_view(self, cost: Tensor, number: Tensor) -> Tensor:
        """(B, V, J): the lowest mean cost of a pair with the view; 1 where it is in none."""
        mean = (cost.sum(2) / number.clamp_min(1)[:, None])[:, :, None]
        least = torch.where(self._with(cost.shape[2]), mean, torch.inf).amin(1)
        return torch.where(torch.isfinite(least), least, 1.0)

    def meeting(self, number: Tensor, unit: Tensor) -> Tensor:
        """(B, V, J): the share of the other views whose ray meets that of the view."""
        near = self.squared < 4 * unit[:, None].square()
        meets = (self._with(near.shape[2]) & near).sum(1)
        return meets / (number - 1).clamp_min(1)[:, None]

    def _with(self, num_views: int) -> Tensor:
        """(B, H, V, J): whether the view is in the pair, and the pair gives a point."""
        views = torch.arange(num_views, device=self.first.device)
        has = (self.first[:, None] == views) | (self.second[:, None] == views)
        return has[..., None] & self.valid[:, :, None]


def best_points(
    views: Views, pairs: Pairs, cost: Tensor, unit: Tensor, otherwise: Tensor
) -> tuple[Tensor, Tensor]:
    """Points of the best pair, and of the views that agree with it (MSAC), (B, J, 3) each.

    Args:
        views: the rays.
        pairs: of them.
        cost: (B, H, V, J) of each view under each pair's point, truncated.
        unit: (B, 1, 1) the scene's scale, metres.
        otherwise: (B, J, 3) for joints of which no pair gives a point.
    """
    total, best = torch.where(pairs.valid, cost.sum(2), torch.inf).min(1)
    points = pairs.points.gather(1, best[:, None, :, None].expand(-1, 1, -1, 3))[:, 0]
    points = torch.where(torch.isfinite(total)[..., None], points, otherwise)
    refitted = points
    for _ in range(_REFITS):
        squared = views.residuals(refitted)[0].square().sum(-1)
        agrees = views.seen * (squared < CUTOFF2 * unit.square())
        again, valid, _ = views.solve(agrees)
        refitted = torch.where((valid & (agrees.sum(1) >= 2))[..., None], again, refitted)
    return points, refitted
