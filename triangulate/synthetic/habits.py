"""How detectors err: the habits of one detector for each scene of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from triangulate.geometry.tensors import TensorFields

_F64 = torch.float64


@dataclass(frozen=True)
class Habits(TensorFields):
    """How each scene's detector errs, (B,) each. Lengths are shares of the person's size.

    Attributes:
        sigma: usual standard deviation of a coordinate.
        joint_spread: standard deviation of its logarithm between joints,
        view_spread: between views,
        cell_spread: and between single detections.
        heavy: share of detections with flanks of two degrees of freedom.
        bias: of a joint, the same in all views.
        rig_error: by how much cameras are not where they are said to be, or late: shifts, and turns
            and stretches about the person's middle, of a view. No score knows of these.
        wrong_joints: share of detections that are plainly wrong,
        wrong_views: and of views in which part of the person is.
        reach: how far off they are at most.
        together: probability that what is wrong in a view moved together.
        swapped: probability that a view has a limb's sides exchanged,
        doubled: or sees one side twice.
        other_person: probability that a view shows somebody else.
        missing: share of detections that are not there,
        missing_views: and of views that do not show the person.
        by_size: 1 where lengths go with the person's size in each view, 0 where pixels do.
        known: how much of the score tells the error; the rest is chance.
        of_kind: share of what is told that is the error's kind (its sigma) rather than its size.
        width: error at which the score is half.
        power: to which the score is raised.
        floor: lowest score.
        view_score: standard deviation of a view's own factor on the score, logarithmic.
    """

    sigma: Tensor
    joint_spread: Tensor
    view_spread: Tensor
    cell_spread: Tensor
    heavy: Tensor
    bias: Tensor
    rig_error: Tensor
    wrong_joints: Tensor
    wrong_views: Tensor
    reach: Tensor
    together: Tensor
    swapped: Tensor
    doubled: Tensor
    other_person: Tensor
    missing: Tensor
    missing_views: Tensor
    by_size: Tensor
    known: Tensor
    of_kind: Tensor
    width: Tensor
    power: Tensor
    floor: Tensor
    view_score: Tensor

    @classmethod
    def constant(cls, batch: int, **given: float) -> Habits:
        """The same habits for all scenes; what is not given is a harmless value."""
        values = _PLAIN | given
        filled = {key: torch.full((batch,), value, dtype=_F64) for key, value in values.items()}
        return cls(**filled)

    @classmethod
    def random(cls, batch: int, generator: torch.Generator) -> Habits:
        """Detectors from precise to poor, with scores from telling to misleading nothing."""

        def lots() -> Tensor:
            return torch.rand(batch, generator=generator, dtype=_F64)

        def sometimes(often: float, low: float, high: float) -> Tensor:
            is_there = lots() < often
            drawn = low + (high - low) * lots().square()
            return torch.where(is_there, drawn, 0.0)

        def log_between(low: float, high: float) -> Tensor:
            return torch.exp(math.log(low) + (math.log(high) - math.log(low)) * lots())

        def one_of(values: Sequence[float]) -> Tensor:
            index = torch.randint(len(values), (batch,), generator=generator)
            return torch.tensor(values, dtype=_F64)[index]

        partly = lots()
        kind = torch.randint(4, (batch,), generator=generator)
        known = torch.where(kind == 0, 0.0, torch.where(kind == 1, 1.0, 0.4 + 0.6 * partly))
        return cls(
            sigma=log_between(0.001, 0.06),
            joint_spread=sometimes(0.7, 0.0, 0.9),
            view_spread=sometimes(0.6, 0.0, 0.8),
            cell_spread=sometimes(0.8, 0.0, 1.0),
            heavy=sometimes(0.4, 0.0, 1.0),
            bias=sometimes(0.4, 0.0, 0.03),
            rig_error=sometimes(0.5, 0.0, 0.05),
            wrong_joints=sometimes(0.8, 0.0, 0.25),
            wrong_views=sometimes(0.75, 0.0, 0.8),
            reach=log_between(0.08, 0.8),
            together=one_of((0.0, 0.0, 0.5, 1.0)),
            swapped=sometimes(0.6, 0.0, 0.3),
            doubled=sometimes(0.3, 0.0, 0.3),
            other_person=sometimes(0.15, 0.0, 0.5),
            missing=sometimes(0.4, 0.0, 0.4),
            missing_views=sometimes(0.3, 0.0, 0.5),
            by_size=one_of((0.0, 1.0)),
            known=known,
            of_kind=sometimes(0.6, 0.0, 1.0),
            width=log_between(0.005, 0.15),
            power=log_between(0.25, 4.0),
            floor=sometimes(0.5, 0.0, 0.4),
            view_score=sometimes(0.3, 0.0, 0.6),
        )


_PLAIN = {field.name: 0.0 for field in fields(Habits)}
_PLAIN |= {"sigma": 0.015, "reach": 0.2, "by_size": 1.0, "known": 1.0, "width": 0.03, "power": 1.0}
