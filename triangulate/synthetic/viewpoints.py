"""Random cameras around people, a rig of its own for every scene of a batch.

Training a network that joins views takes thousands of rigs a second: these are made in one piece,
without lenses and image sizes. `triangulate.synthetic.rigs` makes single rigs with both.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid

SIZE_PX = 128.0
"""What the largest views of a person measure across."""

_KINDS = ("ring", "sphere", "arc", "row")


def random_cameras(points_world: Tensor, num_views: int, generator: torch.Generator) -> Camera:
    """Cameras that look at each scene's points: rings, spheres, arcs on one side, and rows.

    Distances lie between 1.3 and 6 diameters of the points, and focal lengths are such that the
    points measure between a quarter of `SIZE_PX` and all of it; half of the scenes have one focal
    length for all views, so that who stands near is seen larger.

    Args:
        points_world: (B, J, 3), z up.
        num_views: V.
        generator: source of all that varies.

    Returns:
        (B, V) cameras, float64.
    """
    points = points_world.double()
    batch = len(points)
    middle = points.mean(1)
    reach = (points - middle[:, None]).norm(dim=-1).amax(-1).clamp_min(1e-9)  # (B,)
    direction = _directions(batch, num_views, generator)
    distance = _between(generator, 2.6, 8.0, (batch, 1))
    distance = distance * _between(generator, 0.6, 1.5, (batch, num_views))
    centre = middle[:, None] + (direction * distance[..., None]) * reach[:, None, None]
    aim = middle[:, None] + 0.15 * reach[:, None, None] * _normal(generator, (batch, num_views, 3))
    roll = 0.05 * _normal(generator, (batch, num_views))
    rolled = _uniform(generator, (batch, 1)) < 0.15  # cameras that were mounted anyhow
    roll = torch.where(rolled, math.pi * _normal(generator, (batch, num_views)), roll)
    rotation = _looking_at(centre, aim, roll)
    translation = -(rotation @ centre[..., None])[..., 0]
    focal = _focal_lengths(distance, generator)
    calibration = torch.diag_embed(torch.stack([focal, focal, torch.ones_like(focal)], dim=-1))
    calibration[..., :2, 2] = 0.5 * SIZE_PX - 0.5
    lens = Lens.of("radtan", calibration.new_zeros(batch, num_views, 0))
    return Camera(calibration, lens, Rigid(rotation, translation))


def _directions(batch: int, num_views: int, generator: torch.Generator) -> Tensor:
    """(B, V, 3) unit vectors from the points to the cameras."""
    kind = torch.randint(len(_KINDS), (batch, 1), generator=generator)
    ring, sphere, arc, row = (kind == k for k in range(len(_KINDS)))
    place = torch.arange(num_views) + 0.35 * _normal(generator, (batch, num_views))
    azimuth = 2 * math.pi * place / num_views
    free = 2 * math.pi * _uniform(generator, (batch, num_views))
    opening = _between(generator, 0.5, 2.6, (batch, 1))
    across = opening * (_uniform(generator, (batch, num_views)) - 0.5)
    in_line = 1.2 * opening * ((torch.arange(num_views) + 0.5) / num_views - 0.5)
    in_line = in_line + 0.05 * _normal(generator, (batch, num_views))
    azimuth = torch.where(sphere, free, azimuth)
    azimuth = torch.where(arc, across, torch.where(row, in_line, azimuth))
    azimuth = azimuth + 2 * math.pi * _uniform(generator, (batch, 1))
    height = _between(generator, -0.1, 0.7, (batch, 1)) + 0.12 * _normal(
        generator, (batch, num_views)
    )
    height = torch.where(ring | row | arc, height, _between(generator, -1, 1, (batch, num_views)))
    height = height.clamp(-0.98, 0.98)
    flat = (1 - height.square()).sqrt()
    return torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), height], dim=-1)


def _focal_lengths(distance: Tensor, generator: torch.Generator) -> Tensor:
    """(B, V) pixels, from distances in units of the points' reach."""
    share = _between(generator, 0.55, 1.0, distance.shape)
    fitting = 0.5 * SIZE_PX * share * distance
    one_for_all = fitting.amin(1, keepdim=True).expand_as(fitting)
    return torch.where(_uniform(generator, (len(distance), 1)) < 0.5, one_for_all, fitting)


def _looking_at(centre: Tensor, target: Tensor, roll: Tensor) -> Tensor:
    """Camera-from-world rotations (B, V, 3, 3), the world's z up in the image at no roll."""
    forward = torch.nn.functional.normalize(target - centre, dim=-1)
    up = centre.new_tensor([0.0, 0.0, 1.0]).expand_as(forward)
    steep = forward[..., 2:].abs() > 0.99
    up = torch.where(steep, centre.new_tensor([1.0, 0.0, 0.0]), up)
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, up), dim=-1)
    down = torch.linalg.cross(forward, right)
    c, s = roll.cos()[..., None], roll.sin()[..., None]
    return torch.stack([c * right + s * down, c * down - s * right, forward], dim=-2)


def _uniform(generator: torch.Generator, shape: tuple[int, ...] | torch.Size) -> Tensor:
    return torch.rand(tuple(shape), generator=generator, dtype=torch.float64)


def _between(
    generator: torch.Generator, low: float, high: float, shape: tuple[int, ...] | torch.Size
) -> Tensor:
    return low + (high - low) * _uniform(generator, shape)


def _normal(generator: torch.Generator, shape: tuple[int, ...] | torch.Size) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
