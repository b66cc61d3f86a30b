"""What detectors of all kinds would report of a batch of scenes, for training without images.

`triangulate.synthetic.noise` imitates one detector on one recording; here every scene has a
detector of its own: how far off it usually is, which joints, limbs and views it gets plainly wrong,
whether it confuses sides or people, what it does not see, and what its scores know about all that.
Scenes are single moments. Lengths are shares of the person's size in the view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.tensors import TensorFields
from triangulate.skeleton import Skeleton
from triangulate.synthetic.habits import Habits

MAP_FEATURES = ("spread_px", "peak", "second_mode")
"""What a heatmap shows beside its point: see `Detections.map_features`."""

_F64 = torch.float64


@dataclass(frozen=True)
class Detections(TensorFields):
    """A batch of scenes as detectors saw them.

    Attributes:
        points_px: (B, V, J, 2), finite everywhere.
        score: (B, V, J) in [0, 1]; 0 where not observed.
        observed: (B, V, J) bool.
        map_features: (B, V, J, 3) `MAP_FEATURES`: the heatmap's standard deviation, its highest
            value, and the height of its second mode over the first.
        cameras: (B, V).
        points_world: (B, J, 3) metres, the truth.
    """

    points_px: Tensor
    score: Tensor
    observed: Tensor
    map_features: Tensor
    cameras: Camera
    points_world: Tensor


@dataclass(frozen=True)
class Sides:
    """What a detector can confuse.

    Attributes:
        flip: (J,) the index of each joint's other side, its own where it has none.
        limb: (J,) number of the limb, the same on both sides; -1 where a joint has no side.
    """

    flip: Tensor
    limb: Tensor

    @classmethod
    def of(cls, skeleton: Skeleton) -> Sides:
        """Arms, legs and other parts that a skeleton has twice: joints that bones connect."""
        flip = skeleton.flip_permutation()
        joints = np.arange(len(flip))
        limb = np.where(flip != joints, np.minimum(joints, flip), -1)
        for _ in joints:  # numbers spread along the bones until nothing changes
            for a, b in skeleton.edges:
                if limb[a] >= 0 and limb[b] >= 0 and flip[a] != b:
                    low = min(limb[a], limb[b])
                    limb[[a, b, flip[a], flip[b]]] = low
        return cls(torch.from_numpy(flip), torch.from_numpy(limb))


def detect(
    points_world: Tensor,
    cameras: Camera,
    sides: Sides,
    generator: torch.Generator,
    habits: Habits | None = None,
) -> Detections:
    """Let every scene's detector look at it.

    Args:
        points_world: (B, J, 3).
        cameras: (B, V).
        sides: what can be confused; `Sides.of(skeleton)`.
        generator: source of all that varies.
        habits: of the detectors; `Habits.random` by default.
    """
    points = points_world.double()
    habits = Habits.random(len(points), generator) if habits is None else habits
    habits = habits.map(lambda values: values[:, None, None])  # (B, 1, 1) beside (B, V, J)
    clean_px, in_front = cameras.project(points[:, None])  # (B, V, J, 2)
    size_px = _size(clean_px)
    size_px = torch.where(habits.by_size > 0, size_px, size_px.mean(1, keepdim=True))
    sigma, noise = _usual_error(habits, clean_px.shape[:-1], generator)
    wrong = _plain_error(habits, clean_px / size_px[..., None], generator)
    labelled_px = _confused(clean_px, habits, sides, generator)
    labelled_px = _somebody_else(labelled_px, habits, generator)
    seen_px = labelled_px + size_px[..., None] * (noise + wrong)
    error = (seen_px - clean_px).norm(dim=-1) / size_px
    seen_px = seen_px + size_px[..., None] * _rig_error(
        habits, seen_px / size_px[..., None], generator
    )
    score = _score(error, sigma, habits, generator)
    weak = score + 0.5 * _uniform(generator, score.shape) < habits.missing * 0.75
    lost = _uniform(generator, score.shape) < habits.missing
    by_score = _uniform(generator, (len(points), 1, 1)) < 0.5
    blind = _uniform(generator, (*score.shape[:2], 1)) < habits.missing_views
    observed = in_front & ~torch.where(by_score, weak, lost) & ~blind
    map_features = _map_features(error, sigma, size_px, habits, generator)
    score = torch.where(observed, score.clamp(0.001, 1.0), 0.0)
    return Detections(seen_px, score, observed, map_features, cameras, points_world)


def _size(points_px: Tensor) -> Tensor:
    """How large the person is in the view, (B, V, J, 2) -> (B, V, 1)."""
    extent = points_px.amax(-2) - points_px.amin(-2)
    return extent.amax(-1, keepdim=True).clamp_min(1e-6)


def _usual_error(
    habits: Habits, shape: torch.Size, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Sigmas (B, V, J), and shifts (B, V, J, 2)."""
    batch, views, joints = shape
    spread = habits.joint_spread * _normal(generator, (batch, 1, joints))
    spread = spread + habits.view_spread * _normal(generator, (batch, views, 1))
    sigma = habits.sigma * torch.exp(spread + habits.cell_spread * _normal(generator, shape))
    heavy = _uniform(generator, shape) < habits.heavy
    flank = _uniform(generator, shape).clamp_min(0.01).rsqrt()  # two degrees of freedom
    scale = sigma * torch.where(heavy, flank, 1.0)
    bias = habits.bias[..., None] * _normal(generator, (batch, 1, joints, 2))
    return sigma, scale[..., None] * _normal(generator, (*shape, 2)) + bias


def _plain_error(habits: Habits, points: Tensor, generator: torch.Generator) -> Tensor:
    """Shifts (B, V, J, 2) of what is wrong: single joints, and half a person in some views."""
    batch, views, joints, _ = points.shape
    alone = _uniform(generator, (batch, views, joints)) < habits.wrong_joints
    is_bad = _uniform(generator, (batch, views, 1)) < habits.wrong_views
    # Any joints, or those around one of them.
    centre = torch.randint(joints, (batch, views, 1, 1), generator=generator)
    middle = points.gather(2, centre.expand(-1, -1, -1, 2))
    nearness = (points - middle).norm(dim=-1)
    local = _uniform(generator, (batch, views, 1)) < 0.5
    order = torch.where(local, nearness, _uniform(generator, (batch, views, joints)))
    part = (0.3 + 0.4 * _uniform(generator, (batch, views, 1))) * joints
    in_part = is_bad & (order.argsort(-1).argsort(-1) < part)
    own = _shift(habits, (batch, views, joints), generator)
    common = _shift(habits, (batch, views, 1), generator)
    moved = _uniform(generator, (batch, views, 1)) < habits.together
    shift = torch.where((in_part & moved)[..., None], common, own)
    return torch.where((alone | in_part)[..., None], shift, 0.0)


def _rig_error(habits: Habits, points: Tensor, generator: torch.Generator) -> Tensor:
    """Affine shifts (B, V, J, 2) of whole views."""
    batch, views, _, _ = points.shape
    centred = points - points.mean(2, keepdim=True)
    linear = _normal(generator, (batch, views, 2, 2))
    shift = _normal(generator, (batch, views, 1, 2))
    return habits.rig_error[..., None] * (shift + centred @ linear)


def _shift(habits: Habits, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Shifts in any direction by 0.2 to 1 of the reach, (*shape, 2)."""
    length = habits.reach * (0.2 + 0.8 * _uniform(generator, shape))
    angle = 2 * math.pi * _uniform(generator, shape)
    return length[..., None] * torch.stack([angle.cos(), angle.sin()], dim=-1)


def _confused(
    points_px: Tensor, habits: Habits, sides: Sides, generator: torch.Generator
) -> Tensor:
    """Points with the sides of some limbs, or of all, exchanged or seen twice in some views."""
    batch, views, joints, _ = points_px.shape
    limb = sides.limb.clamp_min(0)

    def chosen(share: Tensor) -> Tensor:
        """(B, V, J) whether the joint's limb is, the same for both sides."""
        whole = _uniform(generator, (batch, 1, 1)) < 0.3
        lot = _uniform(generator, (batch, views, joints))
        lot = torch.where(whole, lot[..., :1], lot[..., limb])
        return (lot < share) & (sides.limb >= 0)

    other_px = points_px[:, :, sides.flip]
    swapped, doubled = chosen(habits.swapped), chosen(habits.doubled)
    first = torch.arange(joints) < sides.flip  # of a pair
    kept = torch.where(_uniform(generator, (batch, views, 1)) < 0.5, first, ~first)
    exchanged = torch.where(swapped[..., None], other_px, points_px)
    return torch.where((doubled & ~swapped & ~kept)[..., None], other_px, exchanged)


def _somebody_else(points_px: Tensor, habits: Habits, generator: torch.Generator) -> Tensor:
    """Another scene's person, somewhere near, in some views."""
    batch, views, _, _ = points_px.shape
    size = _size(points_px)[..., None]
    other = points_px.roll(1, 0)
    centred = (other - other.mean(2, keepdim=True)) / size.roll(1, 0) * size
    offset = size * 0.8 * _normal(generator, (batch, views, 1, 2))
    elsewhere = points_px.mean(2, keepdim=True) + offset + centred
    is_other = _uniform(generator, (batch, views, 1)) < habits.other_person
    return torch.where(is_other[..., None], elsewhere, points_px)


def _score(error: Tensor, sigma: Tensor, habits: Habits, generator: torch.Generator) -> Tensor:
    """(B, V, J) in (0, 1]."""
    usual = 1.25 * sigma  # the mean length of a two-dimensional normal error
    told = error ** (1 - habits.of_kind) * usual**habits.of_kind
    quality = 1 / (1 + told / habits.width)
    chance = _uniform(generator, error.shape)
    # Half of the detectors mix the score with chance, half are at a loss now and then.
    at_loss = _uniform(generator, error.shape) > habits.known
    mixed = habits.known * quality + (1 - habits.known) * chance
    by_mixing = _uniform(generator, (len(error), 1, 1)) < 0.5
    score = torch.where(by_mixing, mixed, torch.where(at_loss, chance, quality))
    own = torch.exp(habits.view_score * _normal(generator, (*error.shape[:2], 1)))
    score = (score * own).clamp(1e-3, 1.0) ** habits.power
    return habits.floor + (1 - habits.floor) * score


def _map_features(
    error: Tensor, sigma: Tensor, size_px: Tensor, habits: Habits, generator: torch.Generator
) -> Tensor:
    """(B, V, J, 3); what they know is drawn anew, from nothing to nearly all."""
    known = _uniform(generator, (3, len(error), 1, 1))
    chance = torch.exp(0.7 * _normal(generator, (3, *error.shape)))
    told = [sigma + 0.3 * error, error, error / (3 * habits.sigma)]
    spread, peak, second = (
        (value.clamp_min(1e-9) ** share)
        * ((value.mean((1, 2), keepdim=True) * luck) ** (1 - share))
        for value, share, luck in zip(told, known, chance, strict=True)
    )
    second = second / (1 + second)
    features = [spread * size_px, 1 / (1 + peak / habits.width), second]
    return torch.stack(features, dim=-1)


def _uniform(generator: torch.Generator, shape: tuple[int, ...] | torch.Size) -> Tensor:
    return torch.rand(tuple(shape), generator=generator, dtype=_F64)


def _normal(generator: torch.Generator, shape: tuple[int, ...] | torch.Size) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, dtype=_F64)
