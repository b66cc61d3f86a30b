"""The similarity or rigid transform that best maps one set of points to another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields


@dataclass(frozen=True)
class Similarity(TensorFields):
    """b_from_a: x_b = scale * rotation @ x_a + translation.

    Attributes:
        scale: (*B,).
        rotation: (*B, 3, 3), determinant +1.
        translation: (*B, 3).
    """

    scale: Tensor
    rotation: Tensor
    translation: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """Map points (*B, N, 3) from frame a to frame b."""
        turned = points @ self.rotation.mT
        return self.scale[..., None, None] * turned + self.translation[..., None, :]


def align(
    points_a: Tensor, points_b: Tensor, weights: Tensor | None = None, *, with_scale: bool = True
) -> tuple[Similarity, Tensor]:
    """The least-squares similarity b_from_a (Umeyama 1991).

    Args:
        points_a: (*B, N, 3).
        points_b: (*B, N, 3), matched one to one.
        weights: (*B, N), non-negative; a missing pair has weight 0 and any finite value.
        with_scale: False keeps scale 1.

    Returns:
        The similarity and (*B,) validity: False where the rotation is open, because the weighted
        points do not span a plane (in either set), or because one set is best turned on to a
        mirror image of the other in many ways; the similarity is then the identity. Gradients are
        exact to first order, also where singular values tie.
    """
    weights = torch.ones_like(points_a[..., 0]) if weights is None else weights
    total = weights.sum(-1, keepdim=True)
    share = (weights / torch.where(total > 0, total, 1.0))[..., None]
    mean_a, mean_b = ((share * points).sum(-2, keepdim=True) for points in (points_a, points_b))
    centred_a, centred_b = points_a - mean_a, points_b - mean_b
    cross = (share * centred_b).mT @ centred_a
    variance = (share * centred_a.square()).sum((-2, -1))
    rotation, valid = _nearest_rotation(cross)
    one = torch.ones_like(variance)
    # The rotation is held here: where it is best, the trace does not change with it.
    trace = (rotation.detach() * cross).sum((-2, -1))
    scale = trace / torch.where(valid, variance, one) if with_scale else one
    scale = torch.where(valid, scale, one)
    moved = scale[..., None] * (rotation @ mean_a.mT)[..., 0]
    translation = torch.where(valid[..., None], mean_b[..., 0, :] - moved, 0.0)
    return Similarity(scale, rotation, translation), valid


def _nearest_rotation(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The rotation R that maximises tr(R^T M), and whether there is one best; else identity.

    A change of M turns R by Theta with Theta P + P Theta = R^T dM - dM^T R, P = R^T M symmetric.
    That is finite wherever R is unique, whereas the singular vectors' own derivative is not where
    singular values tie.
    """
    with torch.no_grad():
        left, singular, right = torch.linalg.svd(matrix)
        handedness = torch.det(left @ right).sign()
        signs = torch.stack([torch.ones_like(handedness)] * 2 + [handedness], dim=-1)
        stretch = singular * signs  # eigenvalues of P, to the rows of `right`
        least = 1e-6 * singular[..., 0].clamp_min(torch.finfo(matrix.dtype).tiny)
        valid = (stretch[..., 1] + stretch[..., 2] > least)[..., None, None]
        identity = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
        rotation = torch.where(valid, (left * signs[..., None, :]) @ right, identity)
        sums = stretch[..., :, None] + stretch[..., None, :]
        per_sum = torch.where(valid & (identity == 0), 1 / sums, 0.0)
    product = rotation.mT @ matrix
    skew = right @ (product - product.mT) @ right.mT
    return rotation + rotation @ (right.mT @ (skew * per_sum) @ right), valid[..., 0, 0]
