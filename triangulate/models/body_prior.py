"""What a body's size says of a joint that the views leave open.

Joints lie about the middle of the body, as far off as the others do. Beside good views that says
nothing; where views are few, poor or nearly parallel, it keeps errors along the open direction
small. In terms of estimation: the mean of a Gaussian posterior whose prior has the middle and the
variance of the joints (e.g. Bishop, "Pattern Recognition and Machine Learning", section 3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor

MIN_JOINTS = 5
"""With fewer, the joints do not show a body."""


def with_body_prior(
    points_world: Tensor, shape: Tensor, valid: Tensor, noise_m2: Tensor
) -> tuple[Tensor, Tensor]:
    """Draw joints towards the middle of the body, each by as much as its views leave it open.

    Args:
        points_world: (B, J, 3) what the views say; finite.
        shape: (B, J, 3, 3) the points' covariance where residuals have a variance of one.
        valid: (B, J) which points are known.
        noise_m2: (B, J) variance of residuals: how much the prior counts beside the views.

    Returns:
        The points, and their covariance where residuals have a variance of one.
    """
    middle, variance_m2 = _body(points_world, valid)
    identity = torch.eye(3, dtype=shape.dtype, device=shape.device)
    prior = torch.where(variance_m2 > 0, noise_m2 / variance_m2.clamp_min(1e-30), 0.0)
    kept = torch.linalg.inv(identity + prior[..., None, None] * shape)
    narrowed = kept @ shape
    drawn = middle + (kept @ (points_world - middle)[..., None])[..., 0]
    return torch.where(valid[..., None], drawn, points_world), 0.5 * (narrowed + narrowed.mT)


def _body(points_world: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The middle (B, 1, 3), and the variance of a coordinate (B, 1); 0 where no body shows."""
    there = valid[..., None]
    number = valid.sum(1)[:, None].clamp_min(1)  # (B, 1)
    middle = torch.where(there, points_world, 0.0).sum(1) / number
    away = torch.where(there, points_world - middle[:, None], 0.0)
    variance = away.square().sum((1, 2))[:, None] / (3 * number)
    return middle[:, None], torch.where(number >= MIN_JOINTS, variance, 0.0)
