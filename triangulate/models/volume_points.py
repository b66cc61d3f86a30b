"""Where a cube is put, and what is read off the volume in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from triangulate.geometry.camera import Camera
from triangulate.geometry.heatmap import normalise_maps
from triangulate.geometry.volume import look_up
from triangulate.models.algebraic import solve_views
from triangulate.models.map_statistics import FLOOR_CELLS2, variance_cells2
from triangulate.models.prediction import Prediction

_SAME_PLACE_M = 1e-6


@torch.no_grad()
def algebraic_points(
    points_px: Tensor, mass: Tensor, cameras: Camera, seen: Tensor
) -> tuple[Tensor, Tensor]:
    """Linearly triangulated joints, views weighted by how narrow their heatmaps are.

    Args:
        points_px: (B, V, J, 2) heatmap pixels.
        mass: (B, V, J, h, w) of mass one, or zero.
        cameras: (B, V) of the heatmaps.
        seen: (B, V, J) which of them count.

    Returns:
        (B, J, 3) float64 points and (B, J) validity.
    """
    variance = variance_cells2(mass, points_px).double() + FLOOR_CELLS2
    confidence = torch.where(seen, FLOOR_CELLS2 / variance, 0.0)
    points_world, valid, _ = solve_views(points_px.double(), cameras, confidence, variance)
    return points_world, valid


@torch.no_grad()
def body_centre(
    points_world: Tensor, valid: Tensor, centre_joints: Sequence[int] | None = None
) -> tuple[Tensor, Tensor]:
    """The middle of a body: the mean of some joints, or else the median of all.

    Args:
        points_world: (B, J, 3).
        valid: (B, J).
        centre_joints: whose mean is wanted, where one of them is valid.

    Returns:
        (B, 3) and (B,) whether any joint is valid; the middle is zero where none is.
    """
    missing = points_world.new_full((), torch.nan)
    known = torch.where(valid[..., None], points_world, missing)
    centre = known.nanmedian(1).values
    if centre_joints is not None:
        mean = known[:, list(centre_joints)].nanmean(1)
        centre = torch.where(mean.isnan(), centre, mean)
    return centre.nan_to_num(0.0), valid.any(1)


def read_volume(
    logits: Tensor, grid_world: Tensor, step_m: float, multiplier: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """The expected position in each volume and how far the mass lies from it.

    Args:
        logits: (*B, X, Y, Z).
        grid_world: (*B, X, Y, Z, 3) where the voxels lie; leading dims broadcast.
        step_m: between voxels: what lies between two of them is unknown, as in a rounded number.
        multiplier: sharpens the softmax.

    Returns:
        (*B, 3) points and (*B, 3, 3) covariances in the grid's dtype, (*B, X, Y, Z) mass of one.
    """
    mass = normalise_maps(logits.float() * multiplier, 3, "softmax")
    grid = grid_world.flatten(-4, -2)  # (*B, N, 3)
    middle = grid.mean(-2, keepdim=True)
    offset = (grid - middle).to(mass.dtype)
    flat = mass.flatten(-3)[..., None, :]
    mean = (flat @ offset)[..., 0, :]
    away = offset - mean[..., None, :].detach()
    with torch.no_grad():
        second = (flat * away.mT) @ away
        rounding = torch.eye(3, dtype=second.dtype, device=second.device) * (step_m**2 / 12)
    points_world = middle[..., 0, :] + mean.to(grid.dtype)
    return points_world, (second + rounding).to(grid.dtype), mass


def interpolated(volumes: Tensor, offset: Tensor, rotation: Tensor | None = None) -> Tensor:
    """What lies between the voxels of cubes; beyond them, what is at their faces.

    Args:
        volumes: (B, J, X, Y, Z).
        offset: (B, J, x, y, z, 3) from the cube's centre, in sides of the cube.
        rotation: (B, 3, 3) that turned the cubes about their centres.

    Returns:
        (B, J, x, y, z).
    """
    if rotation is not None:
        offset = offset @ rotation[:, None, None, None].to(offset)
    at = (2 * offset).flip(-1).to(volumes.dtype)  # the last axis of the volume comes first
    values = functional.grid_sample(
        volumes.flatten(0, 1)[:, None],
        at.flatten(0, 1),
        padding_mode="border",
        align_corners=True,
    )
    return values[:, 0].unflatten(0, volumes.shape[:2])


def volume_prediction(
    points_world: Tensor,
    covariance: Tensor,
    volume: Tensor,
    grid_world: Tensor,
    points_px: Tensor,
    mass: Tensor,
    cameras: Camera,
    seen: Tensor,
    *,
    keep_maps: bool,
) -> Prediction:
    """What was read off a volume, with what the heatmaps say of it.

    Args:
        points_world: (B, J, 3).
        covariance: (B, J, 3, 3).
        volume: (B, J, X, Y, Z) of mass one.
        grid_world: (B, X, Y, Z, 3).
        points_px: (B, V, J, 2).
        mass: (B, V, J, h, w) of mass one, or zero.
        cameras: (B, V) of the heatmaps.
        seen: (B, V, J) which heatmaps count.
        keep_maps: whether the prediction has `heatmaps`, `volume` and `grid_world`.
    """
    valid = sees_from_two_places(cameras, points_world, seen)
    return Prediction(
        torch.where(valid[..., None], points_world, 0.0),
        valid,
        points_px,
        support(mass, cameras, points_world, seen),
        torch.where(valid[..., None, None], covariance, 0.0),
        *((mass, volume, grid_world) if keep_maps else ()),
    )


@torch.no_grad()
def support(mass: Tensor, cameras: Camera, points_world: Tensor, seen: Tensor) -> Tensor:
    """How far each view agrees with each point: its heatmap there, relative to its highest cell.

    Args:
        mass: (B, V, J, h, w), not negative.
        cameras: (B, V) of the heatmaps.
        points_world: (B, J, 3).
        seen: (B, V, J) which heatmaps count.

    Returns:
        (B, V, J) in [0, 1]; 0 where a view does not count or does not see the point.
    """
    there = look_up(mass, cameras, points_world).diagonal(dim1=2, dim2=3)
    highest = mass.flatten(-2).amax(-1)
    relative = there / torch.where(highest > 0, highest, 1.0)
    return torch.where(seen & (highest > 0), relative.clamp(0, 1), 0.0)


@torch.no_grad()
def sees_from_two_places(cameras: Camera, points_world: Tensor, seen: Tensor) -> Tensor:
    """Whether two views that stand apart have each point before them.

    Args:
        cameras: (B, V).
        points_world: (B, J, 3).
        seen: (B, V, J) which views count.

    Returns:
        (B, J).
    """
    _, in_front = cameras.project(points_world[:, None])  # (B, V, J)
    counted = (seen & in_front).to(torch.float32)
    centres = cameras.centre_world
    apart = (centres[:, :, None] - centres[:, None]).norm(dim=-1)  # (B, V, V)
    tolerance = _SAME_PLACE_M + 1e-9 * centres.norm(dim=-1).amax(-1)[:, None, None]
    return (counted * ((apart > tolerance).to(counted) @ counted)).sum(1) > 0
