"""What training makes small for view weights: distances, and the covariance's surprise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from triangulate.models.prediction import Prediction

_DAMPED_FROM = 1.5  # in sizes of the pose: there a distance's pull is half
_FINEST = 0.003  # smallest mean error of a scene, in sizes, that makes it count more
_BALANCE = 0.25
_EARLIER_SHARE = 0.3
_SURPRISE_SHARE = 0.05
_FREEDOM = 4.0  # of the Student distribution that the covariance stands for
_SIZE_OF_A_POINT_M = 0.5  # of poses that have none


def weighing_loss(
    prediction: Prediction, earlier: Sequence[Tensor], truth_world: Tensor, weights: Tensor
) -> Tensor:
    """The loss of `ViewWeights.in_passes`.

    Distances are in sizes of the pose, and a scene's count is divided by the fourth root of its
    mean: else poor detectors, whose points are a hundred times as far off as those of good ones,
    would be nearly all that is learned from.

    Args:
        prediction: of the last pass.
        earlier: (B, J, 3) points of the passes before.
        truth_world: (B, J, 3), finite everywhere.
        weights: (B, J) how much a joint counts, in [0, 1]; or bool, whether it does.
    """
    counts = (weights * prediction.valid).to(truth_world)
    size_m = _size(truth_world, weights > 0)
    total = _distance_term(prediction.points_world, truth_world, size_m, counts)
    for points in earlier:
        total = total + _EARLIER_SHARE * _distance_term(points, truth_world, size_m, counts)
    return total + _SURPRISE_SHARE * surprise(prediction, truth_world, counts)


def surprise(prediction: Prediction, truth_world: Tensor, weights: Tensor) -> Tensor:
    """Mean negative logarithm of the truth's probability, but for a constant.

    The distribution is Student's, so that a wrong point does not outweigh a thousand good ones. No
    gradient reaches the points.
    """
    number = truth_world.shape[-1]
    offset = (prediction.points_world - truth_world).detach()
    identity = torch.eye(number, dtype=offset.dtype, device=offset.device)
    with torch.no_grad():
        safe = torch.linalg.cholesky_ex(prediction.covariance).info == 0
        counts = weights * safe
    covariance = torch.where((counts > 0)[..., None, None], prediction.covariance, identity)
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(factor, offset[..., None], upper=False)
    squared = white.square().sum((-1, -2))
    log_density = 0.5 * (_FREEDOM + number) * torch.log1p(squared / _FREEDOM)
    log_density = log_density + factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (log_density * counts).sum() / counts.sum().clamp_min(1)


def _distance_term(points: Tensor, truth: Tensor, size_m: Tensor, counts: Tensor) -> Tensor:
    squared = (points - truth).square().sum(-1)
    distance = squared.clamp_min(1e-12).sqrt() / size_m
    damped = _DAMPED_FROM * torch.log1p(distance / _DAMPED_FROM)
    mean = (damped.detach() * counts).sum(1, keepdim=True) / counts.sum(1, keepdim=True).clamp_min(
        1
    )
    balanced = damped / mean.clamp_min(_FINEST) ** _BALANCE
    return (balanced * counts).sum() / counts.sum().clamp_min(1)


def _size(points_world: Tensor, known: Tensor) -> Tensor:
    """(B, 1) root of the summed variances of the known joints' places."""
    number = known.sum(1)[:, None]  # (B, 1)
    there = known[..., None]
    middle = torch.where(there, points_world, 0.0).sum(1) / number.clamp_min(1)
    away = torch.where(there, points_world - middle[:, None], 0.0)
    total = away.square().sum((1, 2))[:, None] / (number - 1).clamp_min(1)
    size_m = total.clamp_min(1e-12).sqrt()
    return torch.where(size_m < 0.1 * _SIZE_OF_A_POINT_M, _SIZE_OF_A_POINT_M, size_m)
