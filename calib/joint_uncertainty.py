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

_MEANINGLESS = 7  # combinations of motions: of the world, and of its scale
_LEAST_LEFT = 0.1  # of what is known of a motion, without the joint that knows most of it
_MOST_GIVE = -0.45  # at -0.5 a detection pulls no more, and beyond it pushes


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
    back = torch.block_diag(*torch.linalg.inv(motion_by_step(fit.camera.cam_from_world)))
    firm = _reduced(fit, num_joints, torch.zeros_like(fit.slope))
    information = back.mT @ firm.matrix.sum(0) @ back
    root = _inverse_root(information)
    giving = _reduced(fit, num_joints, fit.slope)
    share = root.mT @ (back.mT @ giving.matrix @ back) @ root
    inflation = _inflation(share, firm.gradient @ back @ root)
    return Known(information, max(1.0, inflation), firm.point_gain @ back)


def _inflation(share: Tensor, gradient: Tensor) -> float:
    """By what the variance is larger than that of independent detections.

    The fit follows each joint, so that what is left of its gradient is too small; it is brought
    back to what it would be against a fit without that joint (Bell & McCaffrey 2002).

    Args:
        share: (J, r, r) by how much each joint's pull on r independent motions changes with them,
            in units of their information.
        gradient: (J, r) what each joint pulls.
    """
    whole = share.sum(0)
    others = whole - share
    values, vectors = torch.linalg.eigh(others)
    values = torch.maximum(values, _LEAST_LEFT * torch.linalg.eigvalsh(whole)[0].clamp_min(1e-3))
    moved = (vectors @ ((vectors.mT @ gradient[..., None]) / values[..., None]))[..., 0]
    return float(moved.square().sum()) / gradient.shape[1]


def _inverse_root(information: Tensor) -> Tensor:
    """(6V, r) whose columns are as many independent motions, each known to one sigma."""
    scale = information.diagonal().clamp_min(1e-300).rsqrt()
    values, vectors = torch.linalg.eigh(information * scale[:, None] * scale)
    kept = slice(_MEANINGLESS, None)
    return scale[:, None] * vectors[:, kept] * values[kept].clamp_min(1e-300).rsqrt()


@dataclass(frozen=True)
class _Reduced:
    """The normal equations with the points eliminated, in the adjuster's steps of all cameras.

    Attributes:
        matrix: (J, 6V, 6V) each joint's part.
        gradient: (J, 6V) what each joint pulls.
        point_gain: (K, 3, 6V) how the points follow.
    """

    matrix: Tensor
    gradient: Tensor
    point_gain: Tensor


def _reduced(fit: Fit, num_joints: int, slope: Tensor) -> _Reduced:
    """Reduce the normal equations.

    Args:
        fit: at its end.
        num_joints: J.
        slope: (M,) zero for weights that stay as they are; else by how they give way.
    """
    num_points, num_cameras = len(fit.index), len(fit.moved)
    free = free_of(torch.ones_like(fit.moved), num_points)
    columns = columns_of(fit.state, POINT, fit.views, free)
    error_px, in_front = residuals(fit.state, POINT, fit.views)
    kept, own, error = columns.kept[:, 0], columns.eliminated[:, 0], error_px[:, 0, :, None]
    # Along the residual a weight that gives way pulls by less than it weighs.
    along = error / error.norm(dim=1, keepdim=True).clamp_min(1e-12)
    give = 2 * slope.clamp_min(_MOST_GIVE)[:, None, None] * along @ along.mT
    weight = torch.where(in_front[:, 0], fit.views.weights[:, 0], 0.0)[:, None, None]
    weight = weight * (torch.eye(2, dtype=weight.dtype) + give)  # (M, 2, 2)
    place, point = fit.views.camera, fit.views.target
    joint = fit.index % num_joints

    def by_point(values: Tensor) -> Tensor:  # (M, ...) -> (K, ...)
        return values.new_zeros(num_points, *values.shape[1:]).index_add_(0, point, values)

    def by_both(values: Tensor) -> Tensor:  # (M, 6, ...) -> (K, 6V, ...)
        out = values.new_zeros(num_points, num_cameras, *values.shape[1:])
        return out.index_put_((point, place), values, accumulate=True).flatten(1, 2)

    blocks = by_point(own.mT @ (weight @ own))
    lift = 1e-12 * blocks.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-12)
    inverse = torch.linalg.inv(blocks + lift[:, None, None] * torch.eye(3, dtype=blocks.dtype))
    cross = by_both(kept.mT @ (weight @ own))  # (K, 6V, 3)
    gain = cross @ inverse
    matrix = kept.new_zeros(num_joints, num_cameras, 6, 6)
    squares = kept.mT @ (weight @ kept)
    matrix.index_put_((joint[point], place), squares, accumulate=True)
    whole = torch.stack([torch.block_diag(*some) for some in matrix])
    pull = by_both(kept.mT @ (weight @ error)) - gain @ by_point(own.mT @ (weight @ error))
    gradient = pull.new_zeros(num_joints, 6 * num_cameras).index_add_(0, joint, pull[..., 0])
    return _Reduced(whole - _by_joint(gain, cross, fit.index, num_joints), gradient, -gain.mT)


def _by_joint(gain: Tensor, cross: Tensor, index: Tensor, num_joints: int) -> Tensor:
    """The sums of gain @ cross^T over the points of each joint, (K, 6V, 3) twice -> (J, 6V, 6V)."""
    frames = int(index.max()) // num_joints + 1
    at = index % num_joints, index // num_joints

    def arranged(values: Tensor) -> Tensor:  # (K, 6V, 3) -> (J, 6V, 3T)
        out = values.new_zeros(num_joints, frames, *values.shape[1:])
        out[at] = values
        return out.transpose(1, 2).flatten(2)

    return arranged(gain) @ arranged(cross).mT
