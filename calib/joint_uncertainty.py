"""How far camera poses found from people's joints are right.

Detections of one joint err together, over all frames, so the gradients that the joints leave are
compared with what independent detections would leave (the sandwich estimator with a joint as a
cluster: Liang & Zeger 1986), and what reweighting costs comes on top (Huber & Ronchetti 2009, 7.6).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from calib.bundle import columns_of
from calib.camera_motion import held_covariance, motion_by_step
from calib.joint_bundle import POINT, Fit, free_of
from calib.projection import residuals


@dataclass(frozen=True)
class Known:
    """What the detections tell of all cameras' motions (`calib.camera_motion`).

    Attributes:
        information: (6V, 6V), as if the detections were independent; seven combinations of the
            motions, a change of world and scale, are in nothing.
        inflation: by what the variance is larger, because they are not.
        point_gain: (K, 3, 6V) how the fit's points follow the cameras.
    """

    information: Tensor
    inflation: float
    point_gain: Tensor

    def covariance(self, held: Tensor) -> Tensor:
        """(6V, 6V) where some combinations (k, 6V) are held at zero."""
        return self.inflation * held_covariance(self.information, held)


def known_from(fit: Fit, num_joints: int) -> Known:
    """What a fit tells of its cameras.

    Args:
        fit: at its end.
        num_joints: J; point n is of joint n % J.
    """
    matrix, gradient, gain = _reduced(fit)
    pose = fit.camera.cam_from_world
    back = torch.block_diag(*torch.linalg.inv(motion_by_step(pose)))
    information = back.mT @ matrix @ back
    by_joint = gradient.new_zeros(num_joints, gradient.shape[1])
    by_joint.index_add_(0, fit.index % num_joints, gradient @ back)
    clusters = int((by_joint != 0).any(-1).sum())
    values, vectors = _spectrum(information)
    open_ = len(values) - 7
    inverse_root = vectors[:, -open_:] * values[-open_:].clamp_min(1e-300).rsqrt()
    spread = (by_joint @ inverse_root).square().sum() / open_
    together = float(spread) * clusters / max(clusters - 1, 1)
    return Known(information, max(1.0, together) / fit.hardness**2, gain @ back)


def _spectrum(information: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and vectors under a unit diagonal; vectors are scaled back."""
    scale = information.diagonal().clamp_min(1e-300).rsqrt()
    values, vectors = torch.linalg.eigh(information * scale[:, None] * scale)
    return values, scale[:, None] * vectors


def _reduced(fit: Fit) -> tuple[Tensor, Tensor, Tensor]:
    """With the points eliminated, in the adjuster's steps of all cameras.

    Returns:
        (6V, 6V) normal matrix, (K, 6V) the gradient that each point leaves, and (K, 3, 6V) how
        the points follow.
    """
    num_points, num_cameras = len(fit.index), len(fit.moved)
    free = free_of(torch.ones_like(fit.moved), num_points)
    columns = columns_of(fit.state, POINT, fit.views, free)
    error_px, in_front = residuals(fit.state, POINT, fit.views)
    weight = torch.where(in_front[:, 0], fit.views.weights[:, 0], 0.0)[:, None, None]
    kept, own, error = columns.kept[:, 0], columns.eliminated[:, 0], error_px[:, 0, :, None]
    place, point = fit.views.camera, fit.views.target

    def by_point(values: Tensor) -> Tensor:  # (M, ...) -> (K, ...)
        return values.new_zeros(num_points, *values.shape[1:]).index_add_(0, point, values)

    def by_both(values: Tensor) -> Tensor:  # (M, 6, ...) -> (K, 6V, ...)
        out = values.new_zeros(num_points, num_cameras, *values.shape[1:])
        return out.index_put_((point, place), values, accumulate=True).flatten(1, 2)

    blocks = by_point(own.mT @ (weight * own))
    lift = 1e-12 * blocks.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-12)
    inverse = torch.linalg.inv(blocks + lift[:, None, None] * torch.eye(3, dtype=blocks.dtype))
    cross = by_both(kept.mT @ (weight * own))  # (K, 6V, 3)
    gain = cross @ inverse
    matrix = kept.new_zeros(num_cameras, 6, 6).index_add_(0, place, kept.mT @ (weight * kept))
    size = 6 * num_cameras
    taken = gain.transpose(0, 1).reshape(size, -1) @ cross.transpose(0, 1).reshape(size, -1).mT
    right = by_point(own.mT @ (weight * error))
    left = by_both(kept.mT @ (weight * error)) - gain @ right
    return torch.block_diag(*matrix) - taken, left[..., 0], -gain.mT
