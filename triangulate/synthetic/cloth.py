"""What solids look like: colours, stripes, checks and blotches in the solids' own coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from triangulate.geometry.tensors import TensorFields
from triangulate.synthetic.dice import Dice

TILE = 512
"""Pixels a side of the noise tiles, which repeat without a seam; a power of two."""

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Cloth(TensorFields):
    """G materials of each scene.

    Attributes:
        colour: (B, G, 3) in [0, 1].
        second: (B, G, 3) colour of the pattern.
        weight: (B, G, 3) of stripes, checks and blotches, in [0, 1].
        direction: (B, G, 2, 3) of stripes and checks: cycles a metre along the solid's own axes.
        phase: (B, G, 2).
        grain: (B, G) tile pixels a metre, of blotches.
        shift: (B, G, 2) of blotches, tile pixels.
    """

    colour: Tensor
    second: Tensor
    weight: Tensor
    direction: Tensor
    phase: Tensor
    grain: Tensor
    shift: Tensor


def random_cloth(
    dice: Dice, materials: int, skin: int | None = None, hair: int | None = None
) -> Cloth:
    """Colours and patterns for so many materials; skin and hair, by index, take natural ones."""
    colour = random_colours(dice, materials)
    second = random_colours(dice, materials)
    bold = dice.uniform(0, 1, materials, 3).pow(3)
    weight = bold * torch.stack([dice.chance(0.4, materials) for _ in range(3)], dim=-1)
    along = dice.direction(materials, 2)
    straight = torch.nn.functional.one_hot(along.abs().argmax(-1), 3).to(along)
    along = torch.where(dice.chance(0.6, materials, 2)[..., None], straight, along)
    cycles = 4.0 * torch.exp(dice.uniform(0.0, 2.0, materials, 2))
    if skin is not None:
        colour[:, skin] = _skin(dice)
        weight[:, skin] = 0
        second[:, skin] = colour[:, skin] * 0.8
        weight[:, skin, 2] = 0.3
    if hair is not None:
        colour[:, hair] = torch.where(dice.chance(0.8)[:, None], _hair(dice), colour[:, hair])
        weight[:, hair, :2] = 0
    return Cloth(
        colour,
        second,
        weight,
        along * cycles[..., None],
        dice.uniform(0, 1, materials, 2),
        torch.exp(dice.uniform(4.5, 7.0, materials)),
        dice.uniform(0, TILE, materials, 2),
    )


def random_colours(dice: Dice, *shape: int) -> Tensor:
    """(B, *shape, 3): greys and strong colours, dark and light."""
    grey = dice.uniform(0.02, 0.98, *shape)[..., None]
    tint = dice.uniform(0, 1, *shape, 3)
    strength = dice.uniform(0, 1, *shape)[..., None]
    return (grey * (1 - strength) + tint * strength).clamp(0, 1)


def _skin(dice: Dice) -> Tensor:
    """(B, 3) between light and dark skin."""
    light = torch.tensor([0.93, 0.76, 0.66], dtype=torch.float64)
    dark = torch.tensor([0.27, 0.17, 0.12], dtype=torch.float64)
    share = dice.uniform(0, 1)[:, None]
    return (light + share * (dark - light) + dice.normal(0.03, 3)).clamp(0, 1)


def _hair(dice: Dice) -> Tensor:
    """(B, 3) black, brown, blond or grey."""
    ends = torch.tensor(
        [[0.05, 0.04, 0.04], [0.3, 0.2, 0.12], [0.8, 0.66, 0.4], [0.7, 0.7, 0.7]],
        dtype=torch.float64,
    )
    return (ends[dice.integers(0, 4)] * (1 + dice.normal(0.1, 1))).clamp(0, 1)


def paint(cloth: Cloth, material: Tensor, local: Tensor) -> Tensor:
    """Colours of points of the solids' surfaces.

    Args:
        cloth: (N, G).
        material: (N, R) index of each point's material.
        local: (N, 3, R) the points in their solids' own coordinates, metres.

    Returns:
        (N, 3, R) in [0, 1].
    """
    table = torch.cat(
        [
            cloth.colour, cloth.second, cloth.weight, cloth.direction.flatten(-2), cloth.phase,
            cloth.grain[..., None], cloth.shift,
        ],
        dim=-1,
    ).to(local)  # fmt: skip
    rows = rows_of(table, material).mT.contiguous()
    colour, second, weight, along, phase, grain, shift = rows.split([3, 3, 3, 6, 2, 1, 2], dim=1)
    first = (along[:, :3] * local).sum(1) + phase[:, 0]
    other = (along[:, 3:] * local).sum(1) + phase[:, 1]
    odd, odd_too = (value.floor().remainder(2) for value in (first, other))
    checks = (odd - odd_too).abs()
    x, y, z = local.unbind(1)
    place = torch.stack([x + 0.37 * z, y + 0.71 * z], dim=1)
    blotches = tile_values(cloud_tile(local.device), place * grain + shift)
    share = odd * weight[:, 0] + checks * weight[:, 1] + blotches * weight[:, 2]
    return colour + share.clamp(0, 1)[:, None] * (second - colour)


def rows_of(table: Tensor, index: Tensor) -> Tensor:
    """The rows `index` (N, R) of tables (N, P, D), (N, R, D); faster than `gather`."""
    start = torch.arange(len(table), device=table.device)[:, None] * table.shape[1]
    return table.flatten(0, 1).index_select(0, (index + start).flatten()).unflatten(0, index.shape)


def tile_values(tile: Tensor, place_px: Tensor) -> Tensor:
    """Values of a tile (TILE, TILE) at places (N, 2, *S), nearest pixel, repeating, (N, *S)."""
    column, row = place_px.floor().to(torch.int32).unbind(1)
    at = (row & (TILE - 1)) * TILE + (column & (TILE - 1))
    found = tile.flatten().index_select(0, at.flatten())
    return found.unflatten(0, at.shape)


@cache
def cloud_tile(device: torch.device = CPU) -> Tensor:
    """(TILE, TILE) float32 in [0, 1]: noise at several scales."""
    if device != CPU:
        return cloud_tile().to(device)
    drawn = np.random.default_rng(1).standard_normal((4, TILE, TILE))
    sum_ = np.zeros((TILE, TILE))
    for noise, sigma, weight in zip(drawn, (24, 10, 4, 1.5), (1.0, 0.7, 0.5, 0.35), strict=True):
        smooth = gaussian_filter(noise, sigma, mode="wrap")
        sum_ += weight * smooth / smooth.std()
    rank = sum_.ravel().argsort().argsort().reshape(sum_.shape) / (sum_.size - 1)
    return torch.from_numpy(rank.astype(np.float32))


@cache
def grain_tile(device: torch.device = CPU) -> Tensor:
    """(3, TILE, TILE) float32, Gaussian: a sensor's noise."""
    if device != CPU:
        return grain_tile().to(device)
    drawn = np.random.default_rng(2).standard_normal((3, TILE, TILE))
    return torch.from_numpy(drawn.astype(np.float32))
