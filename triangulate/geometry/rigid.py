"""Rigid transforms between named frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields


@dataclass(frozen=True)
class Rigid(TensorFields):
    """b_from_a: x_b = rotation @ x_a + translation.

    Attributes:
        rotation: (*B, 3, 3), determinant +1.
        translation: (*B, 3), metres.
    """

    rotation: Tensor
    translation: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """Map points (*B, N, 3) from frame a to frame b."""
        return points @ self.rotation.mT + self.translation[..., None, :]

    def inverse(self) -> Rigid:
        """a_from_b."""
        rotation = self.rotation.mT
        return Rigid(rotation, -(rotation @ self.translation[..., None])[..., 0])

    def __matmul__(self, other: Rigid) -> Rigid:
        """c_from_b @ b_from_a -> c_from_a."""
        moved = self.apply(other.translation[..., None, :])[..., 0, :]
        return Rigid(self.rotation @ other.rotation, moved)

    def matrix(self) -> Tensor:
        """[rotation | translation], (*B, 3, 4)."""
        return torch.cat([self.rotation, self.translation[..., None]], dim=-1)


def skew(vectors: Tensor) -> Tensor:
    """The matrices [v]x with [v]x a = v x a, (*B, 3) -> (*B, 3, 3)."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def rotation_from_vector(vectors: Tensor) -> Tensor:
    """The rotations about `vectors` by their length in radians (Rodrigues), (*B, 3) -> (*B, 3, 3).

    R = I + a [v]x + b [v]x^2 with a = sin t / t, b = (1 - cos t) / t^2, t = |v|.
    """
    angle2 = vectors.square().sum(-1)[..., None, None]
    near = angle2 < torch.finfo(vectors.dtype).eps ** 0.5  # there the quotients cancel
    safe2 = torch.where(near, 1.0, angle2)
    angle = safe2.sqrt()
    a = torch.where(near, 1 - angle2 / 6, torch.sin(angle) / angle)
    b = torch.where(near, 0.5 - angle2 / 24, 2 * torch.sin(0.5 * angle).square() / safe2)
    cross = skew(vectors)
    identity = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return identity + a * cross + b * (cross @ cross)
