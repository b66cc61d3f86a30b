"""The first solid that each ray meets.

Rays leave the camera's centre, so a ray is a point (x, y) of the z = 1 plane and depth is z. For a
quadric p' M p + 2 b' p + c <= 0, with p = z d and d = (x, y, 1), z solves
(d' M d) z^2 + 2 (b' d) z + c = 0: its coefficients are polynomials in x and y, one small matrix
product for all rays and solids.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.synthetic.shapes import BOX, FRUSTUM, Shapes

FAR_M = 1e6
"""The depth of what meets nothing."""


@dataclass(frozen=True)
class Caster:
    """The solids of N cameras (each in its camera's frame), made ready for their rays.

    Attributes:
        curve: (N, P, 6) d' M d as a polynomial, of x^2, y^2, 1, xy, x, y.
        line: (N, P, 3) b' d, of x, y, 1.
        discriminant: (N, P, 6) (b' d)^2 - c (d' M d).
        frusta: the F frusta among the solids, by index.
        slab: (N, F, 3) their z axes.
        slab_at: (N, F) where their middles are along them.
        slab_half: (N, F).
        boxes: the K boxes among the solids, by index.
        box_axes: (N, K, 3, 3) rows.
        box_at: (N, K, 3) their middles along their axes.
        box_half: (N, K, 3).
    """

    curve: Tensor
    line: Tensor
    discriminant: Tensor
    frusta: Tensor
    slab: Tensor
    slab_at: Tensor
    slab_half: Tensor
    boxes: Tensor
    box_axes: Tensor
    box_at: Tensor
    box_half: Tensor

    @classmethod
    def of(cls, shapes: Shapes, dtype: torch.dtype = torch.float32) -> Caster:
        """Ready the solids (N, P), in the frames of N cameras. All N have the same kinds."""
        diagonal, slope, constant = shapes.local_form()
        axes, centre = shapes.axes, shapes.centre
        M = axes.mT @ (diagonal[..., None] * axes)
        z_axis = axes[..., 2, :]
        middle = (z_axis * centre).sum(-1)
        Mc = (M @ centre[..., None])[..., 0]
        b = slope[..., None] * z_axis - Mc
        c = (centre * Mc).sum(-1) - 2 * slope * middle + constant
        conic = b[..., :, None] * b[..., None, :] - c[..., None, None] * M
        frusta, boxes = (torch.nonzero(shapes.kind[0] == kind)[:, 0] for kind in (FRUSTUM, BOX))
        box_axes = axes[:, boxes]
        box_at = (box_axes @ centre[:, boxes, :, None])[..., 0]
        return cls(
            _polynomial(M).to(dtype), b.to(dtype), _polynomial(conic).to(dtype),
            frusta, z_axis[:, frusta].to(dtype), middle[:, frusta].to(dtype),
            shapes.half[:, frusta, 2].to(dtype),
            boxes, box_axes.to(dtype), box_at.to(dtype), shapes.half[:, boxes].to(dtype),
        )  # fmt: skip

    def depths(self, rays: Tensor) -> Tensor:
        """Where each ray enters each solid, (N, R, 2) -> (N, P, R) depths; `FAR_M` for a miss."""
        x, y = rays.unbind(-1)
        one = torch.ones_like(x)
        linear = torch.stack([x, y, one], dim=1)
        square = torch.stack([x * x, y * y, one, x * y, x, y], dim=1)
        a = torch.bmm(self.curve, square)
        root = torch.bmm(self.discriminant, square)
        hit = (root > 0) & (a > 0)
        z = torch.bmm(self.line, linear).add_(root.clamp_min_(0).sqrt_()).div_(a).neg_()
        depths = torch.where(hit & (z > 0), z, FAR_M)
        if len(self.frusta):
            along = torch.bmm(self.slab, linear).mul_(z[:, self.frusta])
            outside = along.sub_(self.slab_at[..., None]).abs_() > self.slab_half[..., None]
            depths[:, self.frusta] = depths[:, self.frusta].masked_fill_(outside, FAR_M)
        if len(self.boxes):
            depths[:, self.boxes] = self._box_depths(linear)
        return depths

    def first(self, rays: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest entry, (N, R) depths (float32) and (N, R) indices of solids.

        A positive float32 sorts like its bits. The last ones are replaced by the solid's index, so
        that one reduction finds depth and solid; the depth keeps 18 bits or more.
        """
        depths = self.depths(rays).float()
        mask = (1 << max(1, (depths.shape[1] - 1).bit_length())) - 1
        number = torch.arange(depths.shape[1], dtype=torch.int32, device=rays.device)
        coded = (depths.view(torch.int32) & ~mask).add_(number[:, None]).amin(1)
        return (coded & ~mask).view(torch.float32), (coded & mask).to(torch.int64)

    def _box_depths(self, linear: Tensor) -> Tensor:
        """(N, 3, R) -> (N, K, R): a ray is in the box where it is between all three wall pairs."""
        speed = torch.bmm(self.box_axes.flatten(1, 2), linear).unflatten(1, (-1, 3))
        speed = torch.where(speed.abs() < 1e-9, 1e-9, speed)
        first = (self.box_at - self.box_half)[..., None] / speed
        second = (self.box_at + self.box_half)[..., None] / speed
        enter = torch.minimum(first, second).amax(2)
        leave = torch.maximum(first, second).amin(2)
        there = (self.box_half[..., 0] > 0)[..., None]
        return torch.where((enter < leave) & (enter > 0) & there, enter, FAR_M)


def _polynomial(matrix: Tensor) -> Tensor:
    """(N, P, 3, 3) -> (N, P, 6): d' matrix d for d = (x, y, 1), of x^2, y^2, 1, xy, x, y."""
    m = matrix
    terms = [
        m[..., 0, 0], m[..., 1, 1], m[..., 2, 2],
        2 * m[..., 0, 1], 2 * m[..., 0, 2], 2 * m[..., 1, 2],
    ]  # fmt: skip
    return torch.stack(terms, dim=-1)
