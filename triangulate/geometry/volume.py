"""From 2D maps to 3D volumes, and from volumes to points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from triangulate.geometry.aggregation import (
    AGGREGATIONS,
    LINEAR,
    LOGSUM_FLOOR,
    Aggregation,
    join_views,
    mean_of_counted,
    weighted_maps,
)
from triangulate.geometry.camera import Camera
from triangulate.geometry.heatmap import Normalise, normalise_maps
from triangulate.geometry.sampling import Sampler, Sampling

_CHUNK = {"cpu": 2**20}  # values in a chunk, over samples, points, views and channels: the cache's
_CHUNK_ELSEWHERE = 2**26
_LEAST_POINTS = 64


def cuboid_grid(
    centre_world: Tensor, side_m: float, size: int, rotation: Tensor | None = None
) -> Tensor:
    """Where the voxels of cubes lie (Iskakov et al. 2019, section 3.2).

    Args:
        centre_world: (*B, 3) metres.
        side_m: from the first voxel's centre to the last one's.
        size: voxels along each axis, at least 2.
        rotation: (*B, 3, 3) or (3, 3) turns the cubes about their centres.

    Returns:
        (*B, X, Y, Z, 3): voxel i of an axis lies at centre - side / 2 + i side / (size - 1); the
        axes are x, y and z, before the rotation.
    """
    if size < 2 or not side_m > 0:
        raise ValueError(f"a cube needs size >= 2 and side_m > 0, got {size} and {side_m}")
    at = torch.arange(size, dtype=centre_world.dtype, device=centre_world.device)
    axis = at * (side_m / (size - 1)) - side_m / 2
    offset = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    if rotation is not None:
        turned = offset.reshape(-1, 3) @ rotation.to(centre_world).mT
        offset = turned.unflatten(-2, (size, size, size))
    return centre_world[..., None, None, None, :] + offset


def unproject(
    features: Tensor,
    cameras: Camera,
    points_world: Tensor,
    views: Tensor | None = None,
    *,
    aggregation: Aggregation = "sum",
    confidence: Tensor | None = None,
    sampling: Sampling = "exact",
    floor: float = LOGSUM_FLOOR,
) -> Tensor:
    """Look maps up where world points project to, and join the views (Iskakov et al. 2019, 3.2).

    Maps are interpolated bilinearly between the centres of their cells and fade to zero within one
    cell around them; they are zero at points that a camera does not see: behind it, outside its
    image, or where its lens model folds over. The points are worked through in chunks, which are
    computed again for gradients, so that no more than a few of them are in memory.

    Args:
        features: (B, V, C, h, w), or (V, C, h, w) for one sample.
        cameras: (B, V) or (V,), of the maps: an image's camera, resized as the map is.
        points_world: (B, X, Y, Z, 3) or (B, N, 3); (X, Y, Z, 3) for one sample, or all of them.
        views: (B, V) or (V,) bool, False where a view is missing, whatever its map holds.
        aggregation: what becomes of the values s of the views at a point:
            sum; mean over the views that see it;
            max; softmax: sum s exp(s) / sum exp(s); in both, views that do not see it count as 0;
            conf: sum s c; conf_norm: the same with c / sum c;
            logsum: sum log(s + floor / (h w)), for maps of mass one: as if the views were
            independent and every map had a little mass everywhere; a view that does not see the
            point says log(floor / (h w)), a missing one nothing.
        confidence: (B, V, C) or (V, C) c of conf and conf_norm, not negative.
        sampling: "published" repeats the sampling that published weights have learned to live with:
            x is scaled by (w - 1) / h and y by (h - 1) / w, and lenses do not bend.
        floor: of logsum, positive, a share of what a flat map's cells hold.

    Returns:
        (B, C, X, Y, Z) or (B, C, N), channels last in memory; without B for one sample.
    """
    if features.ndim == 4:
        with_batch = unproject(
            features[None],
            cameras,
            points_world[None] if points_world.ndim == 4 else points_world,
            views,
            aggregation=aggregation,
            confidence=None if confidence is None else confidence[None],
            sampling=sampling,
            floor=floor,
        )
        return with_batch[0]
    _check(features, points_world, aggregation, confidence)
    batch = len(features)
    points = points_world if points_world.ndim != 4 else points_world[None]
    shape = points.shape[1:-1]
    points = points.expand(batch, *points.shape[1:]).flatten(1, -2)  # (B, N, 3)
    present = _present(views, features)
    cameras = _of_each_view(cameras, present)
    maps = weighted_maps(features, present, aggregation, confidence)
    sampler = Sampler.of(maps, cameras, points.mean(1), sampling)
    least = floor / features[0, 0, 0].numel()

    def at(sampler: Sampler, chunk: Tensor) -> Tensor:
        if aggregation in LINEAR:
            added = sampler.together(chunk)
            return mean_of_counted(added) if aggregation == "mean" else added
        return join_views(sampler.by_view(chunk), present, aggregation, least)

    per_chunk = _CHUNK.get(points.device.type, _CHUNK_ELSEWHERE) // maps[..., 0, 0].numel()
    num_points = max(per_chunk, _LEAST_POINTS)
    if points.shape[1] <= num_points:
        values = at(sampler, points)
    else:
        values = _InChunks.apply(at, num_points, sampler, points, *sampler.tensors())
    return values.to(features.dtype).mT.unflatten(-1, shape)


def look_up(
    features: Tensor, cameras: Camera, points_world: Tensor, views: Tensor | None = None
) -> Tensor:
    """What each view's map holds at world points, as `unproject` sees it.

    Args:
        features: (B, V, C, h, w).
        cameras: (B, V) or (V,), of the maps.
        points_world: (B, N, 3).
        views: (B, V) bool.

    Returns:
        (B, V, N, C), zero where a view is missing or does not see the point.
    """
    _check(features, points_world, "sum", None)
    present = _present(views, features)
    maps = weighted_maps(features, present, "sum", None)
    sampler = Sampler.of(maps, _of_each_view(cameras, present), points_world.mean(1))
    return sampler.by_view(points_world).transpose(1, 2).to(features.dtype)


class _InChunks(torch.autograd.Function):
    """`at(sampler, points)` for some of the points at a time, computed again for gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        at: Callable[[Sampler, Tensor], Tensor],
        num_points: int,
        sampler: Sampler,
        points: Tensor,
        *tensors: Tensor,
    ) -> Tensor:
        ctx.at, ctx.num_points = at, num_points
        ctx.sampler = replace(sampler, table=sampler.table[:0])  # the table is saved below
        ctx.save_for_backward(points, *tensors)
        fixed = sampler.with_tensors(tensors)
        first = at(fixed, points[:, :num_points])
        values = first.new_empty(*points.shape[:2], first.shape[-1])
        values[:, :num_points] = first
        for start in range(num_points, points.shape[1], num_points):
            part = slice(start, start + num_points)
            values[:, part] = at(fixed, points[:, part])
        return values

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        points, *tensors = ctx.saved_tensors
        wanted = ctx.needs_input_grad[3:]
        leaves = [
            tensor.detach().requires_grad_(need)
            for tensor, need in zip(tensors, wanted[1:], strict=True)
        ]
        found = [
            torch.zeros_like(each) if need else None
            for each, need in zip((points, *tensors), wanted, strict=True)
        ]
        for start in range(0, points.shape[1], ctx.num_points):
            part = slice(start, start + ctx.num_points)
            chunk = points[:, part].detach().requires_grad_(wanted[0])
            with torch.enable_grad():
                values = ctx.at(ctx.sampler.with_tensors(leaves), chunk)
            given = [leaf for leaf in (chunk, *leaves) if leaf.requires_grad]
            grads = iter(torch.autograd.grad(values, given, grad[:, part], allow_unused=True))
            for index, total in enumerate(found):
                each = None if total is None else next(grads)
                if total is None or each is None:
                    continue
                (total[:, part] if index == 0 else total).add_(each)
        return None, None, None, *found


def _present(views: Tensor | None, features: Tensor) -> Tensor:
    """(B, V) bool."""
    shape = features.shape[:2]
    if views is None:
        return torch.ones(shape, dtype=torch.bool, device=features.device)
    if views.shape not in (shape, shape[1:]):
        raise ValueError(f"views must have shape {tuple(shape)}, got {tuple(views.shape)}")
    return views.bool().expand(shape)


def _of_each_view(cameras: Camera, present: Tensor) -> Camera:
    """The cameras (B, V); those of missing views see nothing, whatever they were."""
    if cameras.K.shape[:-2] not in (present.shape, present.shape[1:]):
        raise ValueError(
            f"cameras must have leading dims {tuple(present.shape)} or {tuple(present.shape[1:])}, "
            f"got {tuple(cameras.K.shape[:-2])}"
        )

    def keep(tensor: Tensor) -> Tensor:
        tail = tensor.shape[cameras.lens.model.ndim :]
        there = present.reshape(*present.shape, *(1 for _ in tail))
        return torch.where(there, tensor.expand(*present.shape, *tail), tensor.new_zeros(()))

    kept = cameras.map(keep)
    unit = torch.eye(3, dtype=kept.K.dtype, device=kept.K.device)
    return replace(kept, K=torch.where(present[..., None, None], kept.K, unit))


def _check(
    features: Tensor, points_world: Tensor, aggregation: str, confidence: Tensor | None
) -> None:
    if features.ndim != 5:
        raise ValueError(f"features must have shape (B, V, C, h, w), got {tuple(features.shape)}")
    ndim, batch = points_world.ndim, len(features)
    if ndim not in (3, 4, 5) or points_world.shape[-1] != 3:
        raise ValueError(
            f"points_world must have shape (B, X, Y, Z, 3), (X, Y, Z, 3) or (B, N, 3), "
            f"got {tuple(points_world.shape)}"
        )
    if ndim != 4 and len(points_world) not in (1, batch):
        raise ValueError(f"points_world must be of {batch} samples, got {len(points_world)}")
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation must be one of {AGGREGATIONS}, got {aggregation!r}")
    if aggregation.startswith("conf") and (
        confidence is None or confidence.shape != features.shape[:3]
    ):
        given = None if confidence is None else tuple(confidence.shape)
        raise ValueError(
            f"{aggregation} needs a confidence of shape {tuple(features.shape[:3])}, got {given}"
        )


def soft_argmax_3d(
    volumes: Tensor, coordinates: Tensor | None = None, normalise: Normalise = "softmax"
) -> tuple[Tensor, Tensor]:
    """The expected position in each volume (Iskakov et al. 2019, section 3.2).

    Args:
        volumes: (*B, X, Y, Z); the axes are x, y and z of the world.
        coordinates: (*B, X, Y, Z, 3) where each voxel lies (leading dims broadcast); by default
            its indices.
        normalise: see `normalise_maps`.

    Returns:
        (*B, 3) points and the (*B, X, Y, Z) normalised volumes.
    """
    mass = normalise_maps(volumes, 3, normalise)
    if coordinates is not None:
        return torch.einsum("...xyz,...xyzc->...c", mass, coordinates), mass
    marginals = [mass.sum((-2, -1)), mass.sum((-3, -1)), mass.sum((-3, -2))]
    expected = [
        (marginal * torch.arange(marginal.shape[-1], dtype=mass.dtype, device=mass.device)).sum(-1)
        for marginal in marginals
    ]
    return torch.stack(expected, dim=-1), mass
