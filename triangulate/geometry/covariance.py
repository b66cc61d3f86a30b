"""The covariance of triangulated points."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_information(information: Tensor) -> tuple[Tensor, Tensor]:
    """Invert symmetric 3x3 matrices where they are safely positive definite.

    Args:
        information: (*B, 3, 3).

    Returns:
        (*B, 3, 3) inverses and (*B,) validity; the inverse is zero where it is False.
    """
    xx, xy, xz = information[..., 0, :].unbind(-1)
    yy, yz, zz = information[..., 1, 1], information[..., 1, 2], information[..., 2, 2]
    minor_xx, minor_xy, minor_xz = yy * zz - yz * yz, yz * xz - xy * zz, xy * yz - yy * xz
    minor_yy, minor_yz, minor_zz = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    determinant = xx * minor_xx + xy * minor_xy + xz * minor_xz
    mean = (xx + yy + zz) / 3
    number = torch.finfo(mean.dtype)
    smallest = (max(1e-13, 8 * number.eps) * mean**3).clamp_min(number.tiny)
    valid = (mean > 0) & (determinant > smallest)  # False where the mean is NaN or infinite
    scale = 1 / torch.where(valid, determinant, 1.0)
    rows = [minor_xx, minor_xy, minor_xz, minor_xy, minor_yy, minor_yz]
    rows += [minor_xz, minor_yz, minor_zz]
    inverse = torch.stack([torch.where(valid, row * scale, 0.0) for row in rows], dim=-1)
    return inverse.unflatten(-1, (3, 3)), valid


def point_covariance(jacobians: Tensor, precision: Tensor) -> tuple[Tensor, Tensor]:
    """First-order covariance of a point from the Jacobian of its residuals.

    P = (sum_v p_v J_v^T J_v)^-1 (Hartley & Zisserman, 5.2.3, isotropic pixel noise).

    Args:
        jacobians: (V, *B, 2, 3) pixels a metre, see `Camera.project_with_jacobian`.
        precision: (V, *B) 1 / sigma^2 of a pixel coordinate, times the weight; 0 drops a view.

    Returns:
        (*B, 3, 3) in square metres and (*B,) validity: False where the views leave a direction
        open; the covariance is zero there.
    """
    return inverse_information(information_matrix(jacobians, precision))


def information_matrix(jacobians: Tensor, precision: Tensor) -> Tensor:
    """sum_v p_v J_v^T J_v; arguments as in `point_covariance`, returns (*B, 3, 3)."""
    rows = jacobians.movedim(0, -3).flatten(-3, -2)  # (*B, 2V, 3)
    weighted = (jacobians * precision[..., None, None]).movedim(0, -3).flatten(-3, -2)
    return weighted.mT @ rows
