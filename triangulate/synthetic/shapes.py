"""Solids that a ray can be intersected with: ellipsoids, cone frusta and boxes, in one batch.

Each has a frame of its own. With local coordinates (x, y, z), an ellipsoid is
(x / hx)^2 + (y / hy)^2 + (z / hz)^2 <= 1, a frustum (x / hx)^2 + (y / hy)^2 <= (1 + taper z)^2 for
|z| <= hz, and a box |x| <= hx, |y| <= hy, |z| <= hz.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from triangulate.geometry.rigid import Rigid
from triangulate.geometry.tensors import TensorFields

ELLIPSOID, FRUSTUM, BOX = 0, 1, 2


@dataclass(frozen=True)
class Shapes(TensorFields):
    """P solids of each scene.

    Attributes:
        kind: (*B, P) `ELLIPSOID`, `FRUSTUM` or `BOX`.
        centre: (*B, P, 3) metres, in the frame that the axes are given in too.
        axes: (*B, P, 3, 3) rows are the solid's own x, y and z.
        half: (*B, P, 3) metres; what is not there has zeros.
        taper: (*B, P) of frusta, per metre.
        material: (*B, P, 2) what it is made of, for z above `cut` and below it.
        cut: (*B, P) metres along the solid's own z.
    """

    kind: Tensor
    centre: Tensor
    axes: Tensor
    half: Tensor
    taper: Tensor
    material: Tensor
    cut: Tensor

    def moved(self, b_from_a: Rigid) -> Shapes:
        """The solids in another frame; the leading dims must fit."""
        return replace(
            self,
            centre=b_from_a.apply(self.centre),
            axes=self.axes @ b_from_a.rotation.mT[..., None, :, :],
        )

    def grown(self, margin: Tensor) -> Shapes:
        """The solids with `margin` (broadcast to (*B, P)) metres more on all sides."""
        there = self.half[..., :1] > 0
        more = torch.where(there, self.half + margin[..., None], self.half)
        # A wall moves outwards by the margin: the slope in metres stays the same.
        scale = torch.where(there[..., 0], self.half[..., 0] / more[..., 0], 1.0)
        return replace(self, half=more, taper=self.taper * scale)

    def local_form(self) -> tuple[Tensor, Tensor, Tensor]:
        """The quadrics in local coordinates: sum(diagonal p^2) + 2 slope z + constant <= 0.

        Returns:
            (*B, P, 3) diagonals, (*B, P) slopes, (*B, P) constants; +1, so that nothing is hit, for
            boxes and for what is not there.
        """
        is_round = (self.half[..., 0] > 0) & (self.kind != BOX)
        inverse2 = 1 / self.half.clamp_min(1e-6).square()
        is_frustum = self.kind == FRUSTUM
        z_term = torch.where(is_frustum, -self.taper.square(), inverse2[..., 2])
        diagonal = torch.stack([inverse2[..., 0], inverse2[..., 1], z_term], dim=-1)
        slope = torch.where(is_frustum, -self.taper, 0.0)
        constant = torch.where(is_round, -1.0, 1.0)
        keep = is_round.to(diagonal)
        return diagonal * keep[..., None], slope * keep, constant.to(diagonal)


def joined(parts: list[Shapes]) -> Shapes:
    """All the solids of several, along P."""
    names = ("kind", "centre", "axes", "half", "taper", "material", "cut")
    batch = len(parts[0].kind.shape) - 1
    return Shapes(**{n: torch.cat([getattr(p, n) for p in parts], dim=batch) for n in names})


def frames_along(direction: Tensor, hint: Tensor) -> Tensor:
    """Frames (*B, 3, 3), rows x, y, z: z along `direction`, x as near to `hint` as can be."""
    z = unit(direction)
    x = hint - (hint * z).sum(-1, keepdim=True) * z
    spare = torch.roll(z, 1, dims=-1)
    spare = spare - (spare * z).sum(-1, keepdim=True) * z
    degenerate = x.norm(dim=-1, keepdim=True) < 1e-6
    x = unit(torch.where(degenerate, spare, x))
    return torch.stack([x, torch.linalg.cross(z, x), z], dim=-2)


def unit(vectors: Tensor) -> Tensor:
    """Vectors (*B, 3) of length one."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
