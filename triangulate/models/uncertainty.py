"""The covariance of linearly triangulated points, from heatmaps and residuals.

The noise of view v is taken as isotropic with variance s^2 u_v: u_v says how the views compare (a
wide heatmap, a view of little confidence), and s^2, how far off they are, comes from the residuals.
A point that minimises sum_v a_v |r_v|^2 moves with the noise e by H^-1 sum_v a_v J_v^T e_v, where
H = sum_v a_v J_v^T J_v, so that its covariance is H^-1 (sum_v a_v^2 s^2 u_v J_v^T J_v) H^-1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from triangulate.geometry.covariance import information_matrix, inverse_information

_PRIOR_COUNT = 0.1
"""Pseudo-residuals that hold a moment's s^2 to 1, where few views say little."""

_JOINT_PRIOR_COUNT = 10.0
"""Pseudo-residuals that hold a joint's s^2 to its moment's."""


@torch.no_grad()
def triangulation_covariance(
    points_world: Tensor, points_px: Tensor, projections: Tensor, weights: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    """How far off points of `triangulate_dlt` are; no gradient passes.

    Args:
        points_world: (*B, J, 3).
        points_px: (*B, V, J, 2), undistorted.
        projections: (*B, V, 3, 4), pixel from world.
        weights: (*B, V, J) of the rows, as given to `triangulate_dlt`.
        variance: (*B, V, J) u_v, positive, in square pixels. s^2 is 1 where residuals are few.

    Returns:
        (*B, J, 3, 3) square metres and (*B, J) whether the views that weigh, and are before the
        point, leave no direction open; zero where they do.
    """
    projected_px, depth, jacobians = _project(points_world, projections)
    used = (weights > 0) & (depth > 0)
    # Where a row of the system is w times depth times the residual in pixels.
    pull = torch.where(used, (weights * depth).square(), 0.0)
    pull = pull / pull.amax(-2, keepdim=True).clamp_min(torch.finfo(pull.dtype).tiny)
    by_view = jacobians.movedim(-4, 0), pull.movedim(-2, 0), variance.movedim(-2, 0)
    jacobians, pull, variance = by_view
    inverse, valid = inverse_information(information_matrix(jacobians, pull))
    middle = information_matrix(jacobians, pull.square() * variance)
    unit = inverse @ middle @ inverse  # the covariance for s = 1
    squared = (points_px - projected_px).square().sum(-1).movedim(-2, 0)
    expected = _expected_residuals(jacobians, pull, variance, inverse, unit)
    counts = used.movedim(-2, 0) & valid
    shown = torch.where(counts, squared / variance, 0.0).sum(0)
    return unit * _scale(shown, torch.where(counts, expected, 0.0).sum(0))[..., None, None], valid


def _expected_residuals(
    jacobians: Tensor, pull: Tensor, variance: Tensor, inverse: Tensor, unit: Tensor
) -> Tensor:
    """(V, *B) what |r_v|^2 / u_v is in the mean for s = 1: 2 but for what the fit takes."""
    fitted = ((jacobians @ inverse) * jacobians).sum((-2, -1))
    moved = ((jacobians @ unit) * jacobians).sum((-2, -1))
    return (2 - 2 * pull * fitted + moved / variance).clamp_min(0)


def _scale(shown: Tensor, expected: Tensor) -> Tensor:
    """(*B, J) s^2 from residuals and what they would be for s = 1, joints held to their moment."""
    of_moment = (shown.sum(-1, keepdim=True) + _PRIOR_COUNT) / (
        expected.sum(-1, keepdim=True) + _PRIOR_COUNT
    )
    return (shown + _JOINT_PRIOR_COUNT * of_moment) / (expected + _JOINT_PRIOR_COUNT)


def _project(points_world: Tensor, projections: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(*B, J, 3) and (*B, V, 3, 4) -> pixels (*B, V, J, 2), depths, Jacobians (*B, V, J, 2, 3)."""
    image = points_world[..., None, :, :] @ projections[..., :3].mT + projections[..., None, :, 3]
    depth = image[..., 2]
    inverse = 1 / torch.where(depth.abs() < 1e-9, 1e-9, depth)
    pixels = image[..., :2] * inverse[..., None]
    rows = projections[..., None, :2, :3] - pixels[..., None] * projections[..., None, 2:, :3]
    return pixels, depth, rows * inverse[..., None, None]
