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
