"""What the views of a joint say about each other, in numbers that know no unit and no axis.

Lengths are those of `triangulate.models.view_rays`, divided by the scene's own scale of residuals,
which its best pairs of views show.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.models.view_pairs import CUTOFF2, Pairs, best_points
from triangulate.models.view_rays import Views

NUM_STATIC, NUM_CURRENT = 32, 5
"""Features that stay, and those that go with the current point."""

_FARTHEST = 7.0  # of logarithms
_TELLING_JOINTS = 5  # with fewer the residuals do not tell the scale


@dataclass(frozen=True)
class Evidence:
    """What is known before anything is learned.

    Attributes:
        static: (B, V, J, NUM_STATIC) features, zero where there is no detection.
        scale_m: (B,) the scene's residuals.
        noise_m2: (B,) their square beyond the least that is believed; 0 for perfect data.
        start: (B, J, 3) points of the best pair and those who agree with it.
    """

    static: Tensor
    scale_m: Tensor
    noise_m2: Tensor
    start: Tensor


def gather_evidence(views: Views, score: Tensor, map_features: Tensor | None) -> Evidence:
    """Compare every view with points from all, from the best pair, and from the others.

    Args:
        views: the rays.
        score: (B, V, J) in [0, 1].
        map_features: (B, V, J, 3) `spread_px`, `peak`, `second_mode` of heatmaps, or None.
    """
    seen, number = views.seen, views.seen.sum(1)  # (B, V, J), (B, J)
    plain, found, _ = views.solve(seen)
    plain = torch.where(found[..., None], plain, _middle(plain, found))
    scored, found_too, _ = views.solve(seen * score)
    scored = torch.where(found_too[..., None], scored, plain)
    pairs = Pairs.of(views)
    size_m = _size(plain, found)
    distance_m = views.residuals(plain)[1].abs().flatten(1).median(1).values
    floor_m = _floor(size_m, distance_m, found.sum(1))
    scale_m = pairs.scale_m(seen, floor_m)
    unit = scale_m[:, None, None]
    sigmas2 = pairs.squared / unit[:, None].square()
    # Who agrees at the scene's scale, and who does at one that is four times as large.
    costs = [_cost(sigmas2, cutoff2) * seen[:, None] for cutoff2 in (CUTOFF2, 16 * CUTOFF2)]
    best, start = best_points(views, pairs, costs[0], unit, plain)
    by_scale: list[Tensor] = []
    for cost in costs:  # (B, H, V, J)
        alone, rest = pairs.without(cost, number)
        by_scale += [_log(alone, unit), rest, pairs.with_view(cost, number)]
    leverage, openness = views.leverage(seen)
    others, depth = _nearest_other(views, start)
    fit = _log(_length(views.residuals(start)[0]), unit)
    of_score = _of_score(score, seen)
    features = [
        *(_log(_length(views.residuals(points)[0]), unit) for points in (plain, scored, best)),
        *by_scale,
        _correlation(of_score[2], fit, seen),
        _correlation(of_score[3], fit, seen),
        pairs.meeting(number, unit),
        _log(others, unit),
        (depth <= 0).double(),
        leverage,
        openness.clamp_min(1e-9).log().clamp(-_FARTHEST, _FARTHEST)[:, None].expand_as(seen),
        *of_score,
        _relative_scale(depth, views),
        (1 / number.clamp_min(1))[:, None].expand_as(seen),
        (number == 2).double()[:, None].expand_as(seen),
        (number == 3).double()[:, None].expand_as(seen),
        _log(scale_m, size_m)[:, None, None].expand_as(seen),
        (size_m > 1e-6 * distance_m).double()[:, None, None].expand_as(seen),
        *_of_maps(map_features, views, depth, unit),
    ]
    static = torch.stack(features, dim=-1) * seen[..., None]
    return Evidence(static.float(), scale_m, scale_m.square() - floor_m.square(), start)


def current_features(
    views: Views, points_world: Tensor, weights: Tensor, scale_m: Tensor
) -> Tensor:
    """What a point says of the views and the views of it, (B, V, J, NUM_CURRENT).

    Args:
        views: the rays.
        points_world: (B, J, 3) where the joints are thought to be.
        weights: (B, V, J) that multiply the residuals.
        scale_m: (B,).
    """
    unit = scale_m[:, None, None]
    offset, depth = views.residuals(points_world)
    leverage, _ = views.leverage(weights)
    total = views.seen.sum(2, keepdim=True)[..., None].clamp_min(1)
    common = (offset * views.seen[..., None]).sum(2, keepdim=True) / total
    features = [
        _log(_length(offset), unit),
        _log(_length(offset - common), unit),
        leverage,
        (depth <= 0).double(),
        weights.square().clamp_min(1e-6).log() / 4,
    ]
    return (torch.stack(features, dim=-1) * views.seen[..., None]).float()


def _nearest_other(views: Views, points_world: Tensor) -> tuple[Tensor, Tensor]:
    """How far each point is from the nearest detection of another joint, (B, V, J); and depths."""
    offset, depth = views.residuals(points_world)
    at = offset / views.stretch[..., None] + views.points_n * depth[..., None]
    apart = at[..., :, None, :] - views.points_n[..., None, :, :] * depth[..., None, None]
    squared = apart.square().sum(-1) * views.stretch[..., None, :].square()
    itself = torch.eye(squared.shape[-1], dtype=torch.bool, device=squared.device)
    squared = torch.where(itself | (views.seen[..., None, :] == 0), torch.inf, squared)
    least = squared.amin(-1)
    return torch.where(torch.isfinite(least), least, 1e12).sqrt(), depth


def _of_score(score: Tensor, seen: Tensor) -> list[Tensor]:
    """The score, its logarithm, its rank in the scene, and its share of the joint's best."""
    best = (score * seen).amax(1, keepdim=True).clamp_min(1e-6)
    log_score = score.clamp_min(1e-4).log()
    return [score, log_score / 4, _rank(score, seen), (score / best).clamp_min(1e-4).log() / 2]


def _correlation(score: Tensor, residual: Tensor, seen: Tensor) -> Tensor:
    """(B, V, J), the same all over a scene: how much the scores tell of the residuals."""
    number = seen.sum((1, 2), keepdim=True).clamp_min(1)

    def centred(values: Tensor) -> Tensor:
        return (values - (values * seen).sum((1, 2), keepdim=True) / number) * seen

    a, b = centred(score), centred(residual)
    scale = (a.square().sum((1, 2), keepdim=True) * b.square().sum((1, 2), keepdim=True)).sqrt()
    return ((a * b).sum((1, 2), keepdim=True) / (scale + 1e-3 * number)).expand_as(seen)


def _of_maps(
    map_features: Tensor | None, views: Views, depth: Tensor, unit: Tensor
) -> list[Tensor]:
    """Whether there are any, their ranks in the scene, and the spread in the scene's scale."""
    seen = views.seen
    if map_features is None:
        return [torch.zeros_like(seen)] * 6
    values = torch.where(seen[..., None] > 0, map_features.double(), 0.0)
    spread, peak, second = values.unbind(-1)
    spread_m = spread * depth.abs() / views.focal_px[..., None]
    ranks = [_rank(value, seen) for value in (spread_m, peak, second)]
    return [torch.ones_like(seen), *ranks, _log(spread_m, unit), peak]


def _rank(values: Tensor, seen: Tensor) -> Tensor:
    """(B, V, J) in [-1, 1]: how many of the scene's others are lower, less how many are higher."""
    flat = torch.where(seen > 0, values, torch.inf).flatten(1).contiguous()
    ordered = flat.sort(1).values
    low = torch.searchsorted(ordered, flat)
    high = torch.searchsorted(ordered, flat, right=True)
    number = seen.flatten(1).sum(1, keepdim=True).clamp_min(1)
    return ((low + high) / number - 1).clamp(-1, 1).reshape(values.shape) * seen


def _size(points: Tensor, known: Tensor) -> Tensor:
    """(B,) median distance of the joints from their middle; 0 for one joint."""
    distance = (points - _middle(points, known)).norm(dim=-1)
    return torch.where(known, distance, torch.nan).nanmedian(1).values.nan_to_num(0.0)


def _middle(points: Tensor, known: Tensor) -> Tensor:
    """(B, 1, 3): the mean of the points that are known."""
    total = known.sum(1).clamp_min(1)[:, None, None]
    return (points * known[..., None]).sum(1, keepdim=True) / total


def _floor(size_m: Tensor, distance_m: Tensor, num_joints: Tensor) -> Tensor:
    """(B,) metres below which a scale is not believed.

    Of perfect data every rounding error would be an outlier; and two of three views of a single
    joint agree by chance.
    """
    few = (1 - (num_joints - 1) / _TELLING_JOINTS).clamp(0, 1)
    return torch.maximum(2e-4 * size_m, (1e-7 + 5e-4 * few) * distance_m).clamp_min(1e-12)


def _cost(sigmas2: Tensor, cutoff2: float) -> Tensor:
    """Truncated squares, 1 at most, but for a slope that leaves no two far ones alike."""
    return sigmas2.clamp_max(cutoff2) / cutoff2 + 1e-4 * sigmas2 / (sigmas2 + 16 * cutoff2)


def _relative_scale(depth: Tensor, views: Views) -> Tensor:
    """How much larger than in the scene's average view a pixel is at the point, logarithmic."""
    log_scale = (depth.abs().clamp_min(1e-9) / views.focal_px[..., None]).log()
    total = views.seen.sum((1, 2), keepdim=True).clamp_min(1)
    return log_scale - (log_scale * views.seen).sum((1, 2), keepdim=True) / total


def _length(vectors: Tensor) -> Tensor:
    return vectors.square().sum(-1).clamp_min(1e-30).sqrt()


def _log(length: Tensor, unit: Tensor) -> Tensor:
    """Half the logarithm of the squared ratio, soft below a tenth, bounded."""
    ratio = length / unit.clamp_min(1e-30)
    return (0.5 * torch.log(ratio.clamp_max(1e6).square() + 0.01)).clamp_max(_FARTHEST)
