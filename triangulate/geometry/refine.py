"""Gauss-Newton on the reprojection error, in the distorted image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.covariance import information_matrix, inverse_information
from triangulate.geometry.tensors import TensorFields


@dataclass(frozen=True)
class Refined(TensorFields):
    """Points at the end of `refine`.

    Attributes:
        points_world: (N, 3).
        covariance_m2: (N, 3, 3), from the residual Jacobian; zero where not valid.
        squared_px: (V, N) squared distance between the projection and the observation.
        leverage_px2: (V, N) trace of J P J^T, the projection's own variance.
        precision: (V, N) what each view weighed in the end, 1 / px^2.
        in_front: (V, N) whether the point is before the camera.
        valid: (N,) False where the views leave the point open.
    """

    points_world: Tensor
    covariance_m2: Tensor
    squared_px: Tensor
    leverage_px2: Tensor
    precision: Tensor
    in_front: Tensor
    valid: Tensor


def refine(
    points_world: Tensor,
    points_px: Tensor,
    camera: Camera,
    weigh: Callable[[Tensor], Tensor],
    steps: int = 2,
) -> Refined:
    """Minimise the weighted reprojection error (Hartley & Zisserman, 12.5 and A6.3).

    With cameras that have leading dims (V, *B), all N below are (*B, N).

    Args:
        points_world: (N, 3) to start from.
        points_px: (V, N, 2) observed, distorted, finite.
        camera: with leading dim V, or (V, *B).
        weigh: from the squared residuals (V, N) to the precision of each view in 1 / px^2, zero
            where a view has no say; robust kernels and given weights enter here.
        steps: Gauss-Newton steps. A step that moves the point by more than half its distance to
            the nearest camera is shortened.

    Returns:
        The points with what is known about them.
    """
    points = points_world
    centres = camera.centre_world[..., None, :]
    for step in range(steps + 1):
        projected_px, jacobian, in_front = camera.project_with_jacobian(points)
        residual = points_px - projected_px
        squared = residual.square().sum(-1)
        precision = torch.where(in_front, weigh(squared), 0.0)
        covariance, valid = inverse_information(information_matrix(jacobian, precision))
        if step == steps:
            break
        gradient = (jacobian * (precision[..., None] * residual)[..., None]).sum((0, -2))
        move = (covariance @ gradient[..., None])[..., 0]
        reach = 0.5 * (points - centres).square().sum(-1).amin(0).clamp_min(1e-12).sqrt()
        length = move.square().sum(-1).clamp_min(1e-24).sqrt()
        points = points + move * (reach / length).clamp_max(1.0)[..., None]
    spread = jacobian @ covariance  # (V, N, 2, 3)
    leverage = (spread * jacobian).sum((-2, -1))
    return Refined(points, covariance, squared, leverage, precision, in_front, valid)
