"""How tall and stout made-up people are, and what they wear."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields
from triangulate.skeleton import Skeleton
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice

THICKNESS = {
    "pelvis": 0.095, "spine": 0.085, "thorax": 0.085, "neck_base": 0.075, "head": 0.07,
    "hip": 0.085, "knee": 0.045, "ankle": 0.04, "shoulder": 0.055, "elbow": 0.036, "wrist": 0.032,
}  # fmt: skip
"""In front of a seen joint there is so much of its own body, in body heights."""


@dataclass(frozen=True)
class Build(TensorFields):
    """How stout people are and how they are dressed.

    Attributes:
        height_m: (B,) of the body.
        girth: (B, 4) factors of trunk, belly, arms and legs.
        sleeve: (B,) where sleeves end: 0 at the shoulder, 1 at the elbow, 2 at the wrist.
        trouser: (B,) where trousers end: 0 at the hip, 1 at the knee, 2 at the ankle.
        loose: (B, 2) how much shirt and trousers add to the limbs, a factor.
        hair: (B, 3) factors of the hair's half sizes.
        hand_turn: (B, 2) radians, about the forearm.
    """

    height_m: Tensor
    girth: Tensor
    sleeve: Tensor
    trouser: Tensor
    loose: Tensor
    hair: Tensor
    hand_turn: Tensor


def random_build(dice: Dice, positions_m: Tensor) -> Build:
    """A build for each pose (B, J, 3)."""
    stout = dice.normal(0.12)[:, None]
    girth = 1.02 + stout * torch.tensor([1.0, 1.3, 0.8, 0.8]) + dice.normal(0.05, 4)
    short_sleeve = dice.uniform(0.25, 1.0)
    sleeve = torch.where(dice.chance(0.5), dice.uniform(1.7, 2.0), short_sleeve)
    trouser = torch.where(dice.chance(0.65), dice.uniform(1.7, 2.0), dice.uniform(0.4, 1.1))
    return Build(
        height_m=body_height(positions_m),
        girth=girth.clamp(0.75, 1.5),
        sleeve=sleeve,
        trouser=trouser,
        loose=dice.uniform(1.0, 1.22, 2),
        hair=dice.uniform(0.92, 1.12, 3),
        hand_turn=dice.uniform(-1.2, 1.2, 2),
    )


def body_height(positions_m: Tensor) -> Tensor:
    """The height of a person with such legs and trunk (*B, J, 3), (*B,)."""
    at = joints_by_name(positions_m)
    legs = sum(
        (at[f"{side}_{a}"] - at[f"{side}_{b}"]).norm(dim=-1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    )
    trunk = (at["pelvis"] - at["spine"]).norm(dim=-1) + (at["spine"] - at["thorax"]).norm(dim=-1)
    return (legs / 2 + trunk) / 0.77


def thickness(skeleton: Skeleton, build: Build) -> Tensor:
    """(B, J) metres of a person's own body that may lie before each joint."""
    shares = [
        THICKNESS[name.removeprefix("left_").removeprefix("right_")]
        for name in skeleton.joint_names
    ]
    stout = build.girth.amax(-1).clamp_min(1.0) * build.loose.amax(-1)
    return torch.tensor(shares, dtype=stout.dtype) * (stout * build.height_m)[:, None]


def joints_by_name(positions_m: Tensor) -> dict[str, Tensor]:
    """The joints (*B, J, 3) of h36m17 by name, (*B, 3) each."""
    names = h36m17().joint_names
    return dict(zip(names, positions_m.unbind(-2), strict=True))
