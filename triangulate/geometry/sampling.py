"""Where world points fall in maps, and what the maps hold there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import LENS_MODELS, Lens
from triangulate.geometry.rigid import Rigid

Sampling = Literal["exact", "published"]

_BORDER_POINTS = 24
_REACH_MARGIN = 1.01  # the border is followed through `_BORDER_POINTS` points only


@dataclass(frozen=True)
class Sampler:
    """The maps of B x V cameras, ready to be looked up at world points.

    Attributes:
        table: (B V (h + 3) (w + 3), C) the cells row by row, with a ring of zeros.
        size: (w, h) of the maps.
        cameras: (B, V) of the maps, whose world starts at `origin_world`.
        origin_world: (B, 3) near the points, so that float32 is exact enough.
        reach: (B, V) radius on the z = 1 plane beyond which nothing is in the map; None for
            lenses that bend nothing.
        sampling: see `triangulate.geometry.volume.unproject`.
    """

    table: Tensor
    size: tuple[int, int]
    cameras: Camera
    origin_world: Tensor
    reach: Tensor | None
    sampling: Sampling

    @classmethod
    def of(
        cls,
        features: Tensor,
        cameras: Camera,
        near_world: Tensor,
        sampling: Sampling = "exact",
    ) -> Sampler:
        """Maps (B, V, C, h, w) of cameras (B, V), for points near `near_world` (B, 3).

        A map holds zero outside its cells and at points that its camera does not see.
        """
        height, width = features.shape[-2:]
        number = torch.promote_types(features.dtype, torch.float32)
        batch, num_views, channels = features.shape[:3]
        table = features.new_zeros(batch, num_views, height + 3, width + 3, channels, dtype=number)
        table[:, :, 1 : height + 1, 1 : width + 1] = features.movedim(2, -1)
        table = table.flatten(0, -2)
        size = (width, height)
        bends = sampling == "exact" and _bends(cameras.lens)
        reach = _reach(cameras, size).to(number) if bends else None
        origin = near_world.detach().to(cameras.K)
        steady = torch.eye(3, dtype=origin.dtype, device=origin.device).expand(*origin.shape, 3)
        shifted = cameras.cam_from_world @ Rigid(steady[:, None], origin[:, None])
        local = replace(cameras, cam_from_world=shifted).to(number)
        return cls(table, size, local, origin, reach, sampling)

    def tensors(self) -> tuple[Tensor, ...]:
        """What gradients may be wanted of."""
        motion, lens = self.cameras.cam_from_world, self.cameras.lens
        cameras = self.cameras.K, lens.coefficients, motion.rotation, motion.translation
        return self.table, *cameras

    def with_tensors(self, tensors: Sequence[Tensor]) -> Sampler:
        """The same with others in place of `tensors`."""
        table, K, coefficients, rotation, translation = tensors
        lens = Lens(self.cameras.lens.model, coefficients)
        cameras = Camera(K, lens, Rigid(rotation, translation))
        return replace(self, table=table, cameras=cameras)

    def together(self, points_world: Tensor) -> Tensor:
        """What all views of a sample hold at its points, added up: (B, n, 3) -> (B, n, C)."""
        index, weight = self._cells(points_world)  # (B, n, V, 4)
        return _look_up(self.table, index.flatten(2), weight.flatten(2))

    def by_view(self, points_world: Tensor) -> Tensor:
        """What each view holds at its sample's points, (B, n, 3) -> (B, n, V, C)."""
        return _look_up(self.table, *self._cells(points_world))

    def _cells(self, points_world: Tensor) -> tuple[Tensor, Tensor]:
        """The four cells around each point in each view, and their bilinear weights."""
        x, y = self._place(points_world)  # (B, V, n)
        width, height = self.size
        x, y = x.clamp(-1, width), y.clamp(-1, height)  # on the ring
        left, above = x.detach().floor(), y.detach().floor()
        right, below = x - left, y - above
        right_below = right * below
        weights = [1 - below - right + right_below, right - right_below, below - right_below]
        weight = torch.stack([each.transpose(1, 2) for each in (*weights, right_below)], dim=-1)
        row = width + 3
        batch, num_views = x.shape[:2]
        maps = torch.arange(batch * num_views, device=x.device) * (row * (height + 3)) + row + 1
        first = (above * row + left).long() + maps.reshape(batch, num_views, 1)
        first = first.transpose(1, 2).contiguous()
        return first[..., None] + first.new_tensor([0, 1, row, row + 1]), weight

    def _place(self, points_world: Tensor) -> tuple[Tensor, Tensor]:
        """Columns x and rows y, (B, V, n) each; outside the map where the camera sees nothing."""
        near = (points_world - self.origin_world[:, None].to(points_world)).to(self.table.dtype)
        motion = self.cameras.cam_from_world
        rows = motion.rotation.transpose(1, 2).flatten(1, 2)  # (B, 3 V, 3): first those of x
        with torch.autocast(near.device.type, enabled=False):  # half precision misses cells
            cam = (rows @ near.mT.contiguous()).unflatten(1, (3, -1))  # (B, 3, V, n)
        x, y, z = (cam + motion.translation.mT[..., None]).unbind(1)
        seen = z > torch.finfo(z.dtype).eps
        if self.reach is not None:
            radius = self.reach[..., None] * z
            seen = seen & (x * x + y * y < radius * radius)
        inverse = 1 / torch.where(seen, z, 1.0)
        x, y = x * inverse, y * inverse
        if self.reach is not None:
            plane = torch.stack([torch.where(seen, each, 0.0) for each in (x, y)], dim=-1)
            x, y = self.cameras.lens.distort(plane).unbind(-1)
        first, second = self.cameras.K[..., :2, :, None].unbind(-3)
        (fx, skew, cx), (rise, fy, cy) = first.unbind(-2), second.unbind(-2)
        x, y = fx * x + skew * y + cx, rise * x + fy * y + cy
        if self.sampling == "published":
            width, height = self.size
            x, y = x * ((width - 1) / height), y * ((height - 1) / width)
        return torch.where(seen, x, -1.0), torch.where(seen, y, -1.0)


def _bends(lens: Lens) -> bool:
    is_fisheye = lens.model == LENS_MODELS.index("fisheye")
    return bool(is_fisheye.any() | (lens.coefficients != 0).any())


def _reach(cameras: Camera, size: tuple[int, int]) -> Tensor:
    """How far from the axis the maps reach on the z = 1 plane, (B, V).

    Lenses fold over: beyond what the image shows, their formulas map points back into it.
    """
    with torch.no_grad():
        last = cameras.K.new_tensor(size)
        along = torch.linspace(-1, 1, _BORDER_POINTS // 4, dtype=last.dtype, device=last.device)
        ends = torch.ones_like(along)
        x = torch.cat([along, along, -ends, ends])
        y = torch.cat([-ends, ends, along, along])
        border_px = (torch.stack([x, y], dim=-1) * (last + 1) + last - 1) / 2  # -1 to w, -1 to h
        n_from_pixel = torch.linalg.inv_ex(cameras.K[..., :2, :2]).inverse
        border_d = (border_px - cameras.K[..., None, :2, 2]) @ n_from_pixel.mT
        border_n, valid = cameras.lens.undistort(border_d)
        valid = valid & ((border_n * border_d).sum(-1) > 0)  # else from beyond the fold
        radius = torch.where(valid, border_n.norm(dim=-1), -1.0).amax(-1)
        return torch.where(radius > 0, _REACH_MARGIN * radius, torch.inf)


class _LookUp(torch.autograd.Function):
    """Weighted sums of rows, whose backward pass adds rows up one tap at a time.

    PyTorch's own, which also differentiates the weights, sorts all indices first: three times
    slower on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(index, weight)
        ctx.num_rows = len(table)
        return _weighted_rows(table, index, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        index, weight = ctx.saved_tensors
        rows = grad.new_zeros(ctx.num_rows, grad.shape[-1])
        for tap in range(index.shape[-1]):
            rows.index_add_(0, index[:, tap], grad * weight[:, tap, None])
        return rows, None, None


def _look_up(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums of rows of `table`, (R, C) at (*B, T) -> (*B, C)."""
    flat = index.flatten(0, -2), weight.flatten(0, -2)
    on_cpu_without_grid = table.device.type == "cpu" and not weight.requires_grad
    look_up = _LookUp.apply if on_cpu_without_grid else _weighted_rows
    return look_up(table, *flat).unflatten(0, index.shape[:-1])


def _weighted_rows(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    return functional.embedding_bag(index, table, per_sample_weights=weight, mode="sum")
