"""What is behind the person: a wall of gradients, noise, rectangles and bars, and a floor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields
from triangulate.synthetic.cloth import TILE, cloud_tile, random_colours, tile_values
from triangulate.synthetic.dice import Dice

_RECTANGLES, _BARS = 5, 3
_NOISES = 2


@dataclass(frozen=True)
class Scenery(TensorFields):
    """The surroundings in each of N images. Places are shares of the image's width and height.

    Attributes:
        wall: (N, 2, 3) colours at both ends of a gradient.
        gradient: (N, 3) its direction in x and y, and where it is in the middle.
        noise: (N, 2, 4) colour (3) and strength of two layers of noise.
        noise_map: (N, 2, 4) tile pixels an image in x and y, and the shift.
        rectangles: (N, 5, 4) left, top, right, bottom; right of left where there is one.
        rectangle_colours: (N, 5, 3).
        bars: (N, 3, 4) normal (2), offset and half width of lines across the image.
        bar_colours: (N, 3, 3).
        floor: (N, 2, 3) the floor's two colours.
        floor_tiles: (N, 4) tiles a metre, strength of the tiles, of the noise, and the turn.
        has_floor: (N,) 0 or 1.
    """

    wall: Tensor
    gradient: Tensor
    noise: Tensor
    noise_map: Tensor
    rectangles: Tensor
    rectangle_colours: Tensor
    bars: Tensor
    bar_colours: Tensor
    floor: Tensor
    floor_tiles: Tensor
    has_floor: Tensor


def random_scenery(dice: Dice, views: int) -> Scenery:
    """Surroundings (B, V): the floor is the same in all views of a scene, the rest is not."""
    angle = dice.uniform(0, 2 * math.pi, views)
    gradient = torch.stack(
        [torch.cos(angle), torch.sin(angle), dice.uniform(0.2, 0.8, views)], dim=-1
    )
    noise = torch.cat(
        [random_colours(dice, views, _NOISES), dice.uniform(0, 1, views, _NOISES, 1).pow(2)], -1
    )
    scale = torch.exp(dice.uniform(2.5, 6.0, views, _NOISES))[..., None] * dice.uniform(
        0.5, 2.0, views, _NOISES, 2
    )
    middle = dice.uniform(-0.1, 1.1, views, _RECTANGLES, 2)
    half = dice.uniform(0.02, 0.4, views, _RECTANGLES, 2)
    there = dice.chance(0.5, views, _RECTANGLES)[..., None]
    half = torch.where(there, half, -1.0)
    turn = dice.uniform(0, 2 * math.pi, views, _BARS)
    at = dice.uniform(0, 1, views, _BARS, 2)
    normal = torch.stack([torch.cos(turn), torch.sin(turn)], dim=-1)
    width = torch.where(dice.chance(0.4, views, _BARS), dice.uniform(0.003, 0.05, views, _BARS), -1)
    floor = random_colours(dice, 2)[:, None].expand(-1, views, -1, -1)
    tiles = torch.stack(
        [
            torch.exp(dice.uniform(0, 2.3)),
            dice.uniform(0, 1).pow(2),
            dice.uniform(0, 1),
            dice.uniform(0, math.pi / 2),
        ],
        dim=-1,
    )
    return Scenery(
        random_colours(dice, views, 2),
        gradient,
        noise,
        torch.cat([scale, dice.uniform(0, TILE, views, _NOISES, 2)], dim=-1),
        torch.cat([middle - half, middle + half], dim=-1),
        random_colours(dice, views, _RECTANGLES),
        torch.cat([normal, (normal * at).sum(-1)[..., None], width[..., None]], dim=-1),
        random_colours(dice, views, _BARS),
        floor,
        tiles[:, None].expand(-1, views, -1),
        dice.chance(0.85)[:, None].expand(-1, views).to(torch.float64),
    )


def background(
    scenery: Scenery, size: tuple[int, int], directions_world: Tensor, centre_world: Tensor
) -> tuple[Tensor, Tensor]:
    """The empty scene, and where on the floor each pixel looks.

    Args:
        scenery: (N,).
        size: (width, height).
        directions_world: (N, 3, H, W) of the pixels' rays, any length.
        centre_world: (N, 3) of the cameras.

    Returns:
        (N, 3, H, W) colours in [0, 1] and (N, 2, H, W) points of the floor; far away where a pixel
        does not see it.
    """
    width, height = size
    x = ((torch.arange(width) + 0.5) / width).to(directions_world)
    y = ((torch.arange(height) + 0.5) / height).to(directions_world)[:, None]
    picture = _with_things(_wall(scenery, x, y), scenery, x, y)

    down = -directions_world[:, 2:]
    sees_floor = (down > 0.02) & (scenery.has_floor > 0)[:, None, None, None]
    reach = centre_world[:, 2, None, None, None] / torch.where(sees_floor, down, 1.0)
    place = centre_world[:, :2, None, None] + reach * directions_world[:, :2]
    place = torch.where(sees_floor, place, 1e4)
    return torch.where(sees_floor, _floor(scenery, place), picture), place


def _wall(scenery: Scenery, x: Tensor, y: Tensor) -> Tensor:
    """(N, 3, H, W): a gradient under layers of noise."""
    right, down, middle = scenery.gradient[:, :, None, None, None].unbind(1)
    share = (right * (x - 0.5) + (down * (y - 0.5) + middle)).clamp(0, 1)
    low, high = scenery.wall[..., None, None].unbind(1)
    picture = low + share * (high - low)
    for layer in range(scenery.noise.shape[1]):
        scale_x, scale_y, shift_x, shift_y = scenery.noise_map[:, layer, :, None].unbind(1)
        column = (x * scale_x + shift_x).to(torch.int32) & (TILE - 1)
        row = (y[:, 0] * scale_y + shift_y).to(torch.int32) & (TILE - 1)
        at = row[:, :, None] * TILE + column[:, None, :]
        cloud = cloud_tile(x.device).flatten().index_select(0, at.flatten())
        colour, strength = scenery.noise[:, layer, :, None, None].split([3, 1], dim=1)
        weight = strength * cloud.unflatten(0, at.shape)[:, None]
        picture = torch.lerp(picture, colour.expand_as(picture), weight.expand_as(picture))
    return picture


def _with_things(picture: Tensor, scenery: Scenery, x: Tensor, y: Tensor) -> Tensor:
    """The wall with rectangles on it, and bars on those."""
    left, top, right, bottom = scenery.rectangles[..., None, None].unbind(-3)
    inside = [
        ((y > top[:, k]) & (y < bottom[:, k])) & ((x > left[:, k]) & (x < right[:, k]))
        for k in range(scenery.rectangles.shape[1])
    ]
    a, b, offset, half = scenery.bars[..., None, None].unbind(-3)
    inside += [
        (a[:, k] * x + (b[:, k] * y - offset[:, k])).abs() < half[:, k]
        for k in range(scenery.bars.shape[1])
    ]
    colours = torch.cat([scenery.rectangle_colours, scenery.bar_colours], dim=1)
    for covered, colour in zip(inside, colours[..., None, None].unbind(1), strict=True):
        picture = torch.where(covered[:, None], colour, picture)
    return picture


def _floor(scenery: Scenery, place: Tensor) -> Tensor:
    """(N, 2, H, W) metres -> (N, 3, H, W)."""
    per_m, tiled, noisy, turn = scenery.floor_tiles[..., None, None].unbind(1)
    c, s = torch.cos(turn) * per_m, torch.sin(turn) * per_m
    x, y = place.unbind(1)
    odd = ((c * x + s * y).floor() + (c * y - s * x).floor()).remainder(2)
    cloud = tile_values(cloud_tile(place.device), place * 60.0)
    share = (tiled * odd + 0.7 * noisy * cloud).clamp(0, 1)[:, None]
    first, second = scenery.floor[..., None, None].unbind(1)
    return first + share * (second - first)
