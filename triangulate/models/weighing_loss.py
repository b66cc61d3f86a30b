"""What training makes small for view weights: distances, and the covariance's surprise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from triangulate.models.prediction import Prediction

_DAMPED_FROM = 1.5  # in sizes of the pose: there a distance's pull is half
_FINEST = 0.003  # smallest mean error of a scene, in sizes, that makes it count more
_EARLIER_SHARE = 0.3
_SURPRISE_SHARE = 0.05
_FREEDOM = 4.0  # of the Student distribution that the covariance stands for
_SIZE_OF_A_POINT_M = 0.5  # of poses that have none


def weighing_loss(
    prediction: Prediction, earlier: Sequence[Tensor], truth_world: Tensor, known: Tensor
) -> Tensor:
    """The loss of `ViewWeights.in_passes`.

    Distances are in sizes of the pose, and a scene's count is divided by the square root of its
    mean: else poor detectors, whose points are a hundred times as far off as those of good ones,
    would be all that is learned from.

    Args:
        prediction: of the last pass.
        earlier: (B, J, 3) points of the passes before.
        truth_world: (B, J, 3).
        known: (B, J) what counts.
    """
    counts = (known & prediction.valid).to(truth_world)
    size_m = _size(truth_world)
    total = _distance_term(prediction.points_world, truth_world, size_m, counts)
    for points in earlier:
        total = total + _EARLIER_SHARE * _distance_term(points, truth_world, size_m, counts)
    return total + _SURPRISE_SHARE * surprise(prediction, truth_world, counts > 0)


def surprise(prediction: Prediction, truth_world: Tensor, known: Tensor) -> Tensor:
    """Mean negative logarithm of the truth's probability, but for a constant.

    The distribution is Student's, so that a wrong point does not outweigh a thousand good ones. No
    gradient reaches the points.
    """
    number = truth_world.shape[-1]
    offset = (prediction.points_world - truth_world).detach()
    identity = torch.eye(number, dtype=offset.dtype, device=offset.device)
    with torch.no_grad():
        safe = torch.linalg.cholesky_ex(prediction.covariance).info == 0
        there = known & safe
    covariance = torch.where(there[..., None, None], prediction.covariance, identity)
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(factor, offset[..., None], upper=False)
    squared = white.square().sum((-1, -2))
    log_density = 0.5 * (_FREEDOM + number) * torch.log1p(squared / _FREEDOM)
    log_density = log_density + factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (log_density * there).sum() / there.sum().clamp_min(1)


def _distance_term(points: Tensor, truth: Tensor, size_m: Tensor, counts: Tensor) -> Tensor:
    squared = (points - truth).square().sum(-1)
    distance = squared.clamp_min(1e-12).sqrt() / size_m
    damped = _DAMPED_FROM * torch.log1p(distance / _DAMPED_FROM)
    mean = (damped.detach() * counts).sum(1, keepdim=True) / counts.sum(1, keepdim=True).clamp_min(
        1
    )
    balanced = damped / mean.clamp_min(_FINEST).sqrt()
    return (balanced * counts).sum() / counts.sum().clamp_min(1)


def _size(points_world: Tensor) -> Tensor:
    """(B, 1) root of the summed variances of the joints' places."""
    centred = points_world - points_world.mean(1, keepdim=True)
    total = centred.square().sum((1, 2)) / max(1, points_world.shape[1] - 1)
    size_m = total.clamp_min(1e-12).sqrt()[:, None]
    return torch.where(size_m < 0.1 * _SIZE_OF_A_POINT_M, _SIZE_OF_A_POINT_M, size_m)
