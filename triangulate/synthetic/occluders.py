"""Things between a camera and the person: boxes, ellipsoids, pillars and limbs of others."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from triangulate.synthetic.dice import Dice
from triangulate.synthetic.shapes import BOX, ELLIPSOID, Shapes, frames_along

Occlusion = Literal["none", "light", "heavy"]
OCCLUDER_MATERIALS = 3

_KINDS = (BOX, BOX, ELLIPSOID, ELLIPSOID)
_IS_LONG = (False, True, False, True)
NUM_OCCLUDERS = len(_KINDS)
_LIGHT_SHARE, _LIGHT_HEAVY_SHARE = 0.35, 0.18


def random_occluders(
    dice: Dice, person_cam: Tensor, level: str, first_material: int
) -> tuple[Shapes, Tensor]:
    """Occluders for each view, in its camera's frame.

    Args:
        dice: of B scenes.
        person_cam: (B, V, J, 3) the joints in the cameras' frames.
        level: "none"; "light": small things in about a third of the views, a large one in a sixth;
            "heavy": one or two of the views heavily covered (of four, and as many of more or
            fewer), small things in some of the others.
        first_material: index of the first of `OCCLUDER_MATERIALS`.

    Returns:
        (B, V, 4) solids, those not there with half sizes of zero, and (B, V) whether a view is
        heavily covered.
    """
    if level not in get_args(Occlusion):
        raise ValueError(
            f"occlusion must be one of {', '.join(get_args(Occlusion))}, not {level!r}"
        )
    views, count = person_cam.shape[1], len(_KINDS)
    heavy = _heavy_views(dice, views, level)
    some = dice.chance(_LIGHT_SHARE, views) & (level != "none")
    is_it = dice.integers(0, count, views)[..., None] == torch.arange(count)
    also = dice.chance(0.25, views, count)
    there = (is_it | also) & (some | heavy)[..., None]

    low, high = person_cam.amin(-2), person_cam.amax(-2)
    distance = person_cam[..., 2].mean(-1)[..., None]  # (B, V, 1)
    tall = (high - low)[..., :2].norm(dim=-1)[..., None] + 0.1
    share = dice.uniform(0.35, 0.8, views, count)
    depth = share * distance
    small = dice.uniform(0.04, 0.13, views, count)
    large = dice.uniform(0.16, 0.3, views, count)
    leading = is_it & heavy[..., None]
    half_size = torch.where(leading, large, small) * tall * share
    centre = _places(dice, person_cam, share, leading, depth)
    shapes = _solids(dice, centre, half_size, there, leading, first_material)
    return shapes, heavy


def _heavy_views(dice: Dice, views: int, level: str) -> Tensor:
    """(B, V): which are heavily covered."""
    # The same numbers are drawn at every level, so that all else in a scene stays as it is.
    order = dice.uniform(0, 1, views).argsort(-1).argsort(-1)
    most = dice.integers(1, max(2, round(views / 2) + 1))
    lucky = dice.chance(_LIGHT_HEAVY_SHARE, views)
    return order < most[:, None] if level == "heavy" else lucky & (level == "light")


def _places(
    dice: Dice, person_cam: Tensor, share: Tensor, leading: Tensor, depth: Tensor
) -> Tensor:
    """(B, V, K, 3) before some joint, large ones before the person's middle."""
    views, count = share.shape[1:]
    joints = person_cam.shape[2]
    which = dice.integers(0, joints, views, count)
    at = torch.gather(person_cam, 2, which[..., None].expand(-1, -1, -1, 3))
    middle = person_cam.mean(2)[:, :, None]
    at = torch.where(leading[..., None], 0.45 * at + 0.55 * middle, at)
    at = at + dice.normal(0.08, views, count, 3)
    return at / at[..., 2:].clamp_min(0.1) * depth[..., None]


def _solids(
    dice: Dice, centre: Tensor, half_size: Tensor, there: Tensor, leading: Tensor, first: int
) -> Shapes:
    """Solids about as large as `half_size` (B, V, K), long ones among them."""
    views, count = half_size.shape[1:]
    sizes = half_size[..., None] * torch.exp(dice.normal(0.3, views, count, 3))
    long = torch.tensor(_IS_LONG)[:, None] & ~leading[..., None]
    stretched = torch.where(long, torch.tensor([0.5, 0.5, 2.5]), 1.0)
    axes = frames_along(dice.direction(views, count), dice.direction(views, count))
    material = first + dice.integers(0, OCCLUDER_MATERIALS, views, count, 2)
    half = torch.where(there[..., None], sizes * stretched, 0.0)
    return Shapes(
        torch.tensor(_KINDS).expand(*half.shape[:-1]),
        centre,
        axes,
        half,
        torch.zeros_like(half_size),
        material,
        dice.normal(0.1, views, count),
    )


def no_occluders(batch: int, views: int) -> Shapes:
    """(B, V, 4) solids that are not there."""
    zero = torch.zeros(batch, views, NUM_OCCLUDERS, dtype=torch.float64)
    return Shapes(
        torch.tensor(_KINDS).expand(zero.shape),
        zero[..., None].expand(*zero.shape, 3),
        torch.eye(3, dtype=torch.float64).expand(*zero.shape, 3, 3),
        zero[..., None].expand(*zero.shape, 3),
        zero,
        torch.zeros(*zero.shape, 2, dtype=torch.int64),
        zero,
    )
