"""Cameras around one person, no two alike, and crops that hold the person."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.rigs import looking_at

_MARGIN = 0.09  # hands, feet and clothes beyond the joints, in sizes of the joints' box


def random_cameras(
    dice: Dice,
    person_m: Tensor,
    views: int,
    *,
    distance_m: tuple[float, float] = (2.5, 6.0),
    height_m: tuple[float, float] = (0.5, 3.0),
) -> Camera:
    """Full-frame cameras (B, V), 1280 x 720, all around people (B, J, 3), the floor at z = 0.

    The person is anywhere near the middle of each frame. Lenses bend by a few per cent.
    """
    low, high = person_m.amin(1), person_m.amax(1)
    middle = ((low + high) / 2)[:, None].expand(-1, views, -1)
    spacing = 2 * math.pi / views
    order = dice.uniform(0, 1, views).argsort(-1)  # neighbours in number are none in place
    azimuth = spacing * (order + dice.uniform(-0.35, 0.35, views))
    azimuth = azimuth + dice.uniform(0, 2 * math.pi)[:, None]
    away = dice.uniform(*distance_m, views)
    height = dice.uniform(*height_m, views)
    rise = (height - middle[..., 2]).clamp(-0.75 * away, 0.75 * away)
    flat = (away.square() - rise.square()).sqrt()
    around = torch.stack([torch.cos(azimuth) * flat, torch.sin(azimuth) * flat, rise], dim=-1)
    centre = middle + around
    aim = middle + dice.normal(0.12, views, 3) * away[..., None] / 3
    rotation = torch.from_numpy(
        looking_at(centre.numpy(), aim.numpy(), dice.normal(0.06, views).numpy())
    )
    translation = -(rotation @ centre[..., None])[..., 0]
    return Camera(_random_K(dice, views), _random_lens(dice, views), Rigid(rotation, translation))


def person_boxes(cameras: Camera, person_m: Tensor) -> Tensor:
    """Where people (B, J, 3) are in the images of cameras (B, V), (B, V, 4): x0 y0 x1 y1."""
    points_px, _ = cameras.project(person_m[:, None].expand(-1, cameras.K.shape[1], -1, -1))
    low, high = points_px.amin(-2), points_px.amax(-2)
    margin = _MARGIN * (high - low).amax(-1, keepdim=True)
    return torch.cat([low - margin, high + margin], dim=-1)


def random_crops(dice: Dice, cameras: Camera, boxes: Tensor, size: tuple[int, int]) -> Camera:
    """Cameras (B, V) of crops of `size` (width, height) around boxes (B, V, 4), roughly."""
    views = boxes.shape[1]
    low, high = boxes[..., :2], boxes[..., 2:]
    middle, extent = (low + high) / 2, high - low
    aspect = size[0] / size[1]
    width = torch.maximum(extent[..., 0], extent[..., 1] * aspect)
    width = width * torch.exp(dice.uniform(-0.05, 0.3, views))
    stretch = torch.exp(dice.normal(0.04, views))
    whole = torch.stack([width * stretch, width / aspect / stretch], dim=-1)
    middle = middle + dice.normal(0.035, views, 2) * whole
    scale = torch.tensor(size, dtype=whole.dtype) / whole
    return cameras.cropped(middle - whole / 2 + 0.5).resized(scale)


def _random_K(dice: Dice, views: int) -> Tensor:
    """(B, V, 3, 3) of horizontal fields of view from 50 to 85 degrees."""
    focal = 640 / torch.tan(dice.uniform(math.radians(25), math.radians(42.5), views))
    K = torch.zeros(*focal.shape, 3, 3, dtype=focal.dtype)
    K[..., 0, 0] = focal
    K[..., 1, 1] = focal * (1 + dice.normal(0.003, views))
    K[..., 0, 2] = 639.5 + dice.normal(12.0, views)
    K[..., 1, 2] = 359.5 + dice.normal(8.0, views)
    K[..., 2, 2] = 1
    return K


def _random_lens(dice: Dice, views: int) -> Lens:
    """(B, V) radtan lenses."""
    k1, k2 = dice.uniform(-0.16, 0.06, views), dice.uniform(-0.02, 0.04, views)
    p1, p2 = dice.normal(6e-4, 2, views).unbind(1)
    return Lens.of("radtan", torch.stack([k1, k2, p1, p2, torch.zeros_like(k1)], dim=-1))
