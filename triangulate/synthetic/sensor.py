"""From a scene's light to the bytes of an image: exposure, blur, noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields
from triangulate.synthetic.cloth import TILE, grain_tile
from triangulate.synthetic.dice import Dice


@dataclass(frozen=True)
class Sensor(TensorFields):
    """How each of N cameras takes its picture.

    Attributes:
        gain: (N, 3) of red, green and blue.
        offset: (N,) light that is everywhere.
        gamma: (N,) exponent.
        saturation: (N,) 1 keeps the colours, 0 is grey.
        blur: (N,) how much of its light a pixel gives to the next one on each side, below 1/3.
        noise: (N,) standard deviation, full scale 1.
        grain: (N, 2) place in the noise tile.
    """

    gain: Tensor
    offset: Tensor
    gamma: Tensor
    saturation: Tensor
    blur: Tensor
    noise: Tensor
    grain: Tensor


def random_sensor(dice: Dice, views: int) -> Sensor:
    """Sensors (B, V), those of a scene a little alike."""
    exposure = dice.uniform(0.75, 1.25)[:, None] * dice.uniform(0.8, 1.2, views)
    tint = 1 + dice.normal(0.06, views, 3)
    return Sensor(
        exposure[..., None] * tint,
        dice.normal(0.03, views),
        torch.exp(dice.normal(0.2, views)),
        dice.uniform(0.4, 1.2, views),
        dice.uniform(0.04, 0.28, views),
        dice.uniform(0, 1, views).pow(2) * 0.06,
        dice.uniform(0, TILE, views, 2),
    )


def expose(light: Tensor, sensor: Sensor) -> Tensor:
    """The pictures (N, 3, H, W) uint8 of the light (N, 3, H, W) in [0, 1]."""
    picture = _blurred(light, sensor.blur)
    grey = picture.mean(1, keepdim=True)
    picture = torch.lerp(grey, picture, _image_wide(sensor.saturation))
    picture = picture.mul_(sensor.gain[..., None, None]).add_(_image_wide(sensor.offset))
    picture = picture.clamp_(1e-4, 1).pow_(_image_wide(sensor.gamma))
    picture = picture.addcmul_(_grain(sensor, picture), _image_wide(sensor.noise), value=1.0)
    return picture.mul_(255).add_(0.5).clamp_(0, 255.5).to(torch.uint8)


def _grain(sensor: Sensor, picture: Tensor) -> Tensor:
    """(N, 3, H, W) Gaussian noise out of the tile."""
    height, width = picture.shape[-2:]
    start = sensor.grain.floor().to(torch.int64)
    column = start[:, :1] + torch.arange(width, device=picture.device)
    row = start[:, 1:] + torch.arange(height, device=picture.device)
    at = (row & (TILE - 1))[:, :, None] * TILE + (column & (TILE - 1))[:, None]
    tile = grain_tile(picture.device).flatten(1)
    planes = [plane.index_select(0, at.flatten()).unflatten(0, at.shape) for plane in tile]
    return torch.stack(planes, dim=1)


def _blurred(picture: Tensor, share: Tensor) -> Tensor:
    """(N, 3, H, W) with a part of each pixel's light in the next ones."""
    side = _image_wide(share)
    for axis in (2, 3):
        size = picture.shape[axis]
        first, last = picture.narrow(axis, 0, 1), picture.narrow(axis, size - 1, 1)
        padded = torch.cat([first, picture, last], dim=axis)
        beside = padded.narrow(axis, 0, size) + padded.narrow(axis, 2, size)
        picture = beside.mul_(side).addcmul_(picture, 1 - 2 * side)
    return picture


def _image_wide(values: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1)."""
    return values[:, None, None, None]
