"""What measured predictions are worth, in millimetres and shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from triangulate.evaluation.measuring import Measured
from triangulate.metrics import (
    PCKH_HEADS,
    Interval,
    aligned_errors,
    area_under_curve,
    bootstrap_mean,
    correct,
    head_sizes,
    joint_errors,
    over_joints,
    paired_gain,
    relative_errors,
)
from triangulate.skeleton import Skeleton, joint_places

if TYPE_CHECKING:
    from triangulate.config.evaluation import EvaluateConfig

_MM_PER_M = 1000.0


@dataclass(frozen=True)
class Figures:
    """Of one estimator. Errors are means over joints, then over moments.

    Attributes:
        absolute_mm: MPJPE.
        median_mm: the median error of a joint.
        relative_mm: MPJPE with the root joint of both at the origin; None without a root.
        aligned_mm: MPJPE after the best similarity transform (PA-MPJPE).
        pck: share of joints within the threshold, relative to the root where there is one; a joint
            without a prediction is not.
        pckh: the same for half a head; None where the skeleton has none.
        auc: the mean share over thresholds up to that of `pck`.
        found: share of the known joints that are predicted at all.
        by_joint_mm: absolute, by name.
        by_group_mm: absolute, by name, for groups with moments; one moment has no interval.
        by_views_mm: absolute, by the number of views.
    """

    absolute_mm: Interval
    median_mm: float
    relative_mm: Interval | None
    aligned_mm: Interval
    pck: float
    pckh: float | None
    auc: float
    found: float
    by_joint_mm: dict[str, float]
    by_group_mm: dict[str, Interval]
    by_views_mm: dict[int, Interval]

    @property
    def intervals(self) -> list[Interval]:
        """Of all figures that have one, or would with more moments."""
        whole = [self.absolute_mm, self.relative_mm, self.aligned_mm]
        parts = [*self.by_group_mm.values(), *self.by_views_mm.values()]
        return [interval for interval in (*whole, *parts) if interval is not None]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def figures_of(
    measured: Measured, skeleton: Skeleton, groups: Sequence[str], config: EvaluateConfig
) -> Figures:
    """All figures of one estimator but those by the number of views.

    Args:
        measured: its predictions and the truth.
        skeleton: the joints.
        groups: names of the data set's groups.
        config: the root joint, the head, the threshold and the seed.
    """
    points, truth = measured.points_world, measured.truth_world
    counted = measured.known & measured.valid
    errors = joint_errors(points, truth)
    root = _joint(skeleton, config.root)
    relative = None
    if root is not None:
        has_root = counted & counted[:, root : root + 1]
        relative = relative_errors(points, truth, root), has_root
    aligned, has_transform = aligned_errors(points, truth, counted)
    judged, is_judged = (errors, counted) if relative is None else relative
    judged = torch.where(is_judged, judged, torch.inf)
    threshold_m = config.threshold_mm / _MM_PER_M
    return Figures(
        absolute_mm=_interval(errors, counted, config.seed),
        median_mm=_MM_PER_M * _median(errors[counted]),
        relative_mm=None if relative is None else _interval(*relative, config.seed),
        aligned_mm=_interval(aligned, counted & has_transform[:, None], config.seed),
        pck=_share(correct(judged, threshold_m), measured.known),
        pckh=_pckh(judged, measured, skeleton, config),
        auc=_share(area_under_curve(judged, threshold_m), measured.known),
        found=_share(measured.valid.double(), measured.known),
        by_joint_mm=_by_joint(errors, counted, skeleton),
        by_group_mm=_by_group(errors, counted, measured.group, groups, config.seed),
        by_views_mm={},
    )


def absolute_mm(measured: Measured, seed: int) -> Interval:
    """MPJPE alone."""
    errors = joint_errors(measured.points_world, measured.truth_world)
    return _interval(errors, measured.known & measured.valid, seed)


def gain_mm(before: Measured, after: Measured, seed: int) -> Interval:
    """How much smaller the errors of `after` are, over joints that both predict."""
    both = before.known & before.valid & after.valid
    sums = []
    for measured in (before, after):
        errors = joint_errors(measured.points_world, measured.truth_world)
        by_moment, has_any = over_joints(errors, both)
        sums.append(_MM_PER_M * by_moment[has_any])
    return paired_gain(sums[0], sums[1], seed)


def _joint(skeleton: Skeleton, name: str | None) -> int | None:
    return None if name is None else skeleton.index(name)


def _interval(errors: Tensor, counted: Tensor, seed: int) -> Interval:
    by_moment, has_any = over_joints(errors, counted)
    return bootstrap_mean(_MM_PER_M * by_moment[has_any], seed)


def _median(errors: Tensor) -> float:
    return float(errors.median()) if len(errors) else math.nan


def _share(values: Tensor, known: Tensor) -> float:
    return float(values[known].mean()) if bool(known.any()) else math.nan


def _pckh(
    judged: Tensor, measured: Measured, skeleton: Skeleton, config: EvaluateConfig
) -> float | None:
    head, neck = joint_places(config.head, skeleton.joint_names).tolist()
    if min(head, neck) < 0:
        return None
    has_head = measured.known & measured.known[:, [head, neck]].all(-1, keepdim=True)
    threshold_m = PCKH_HEADS * head_sizes(measured.truth_world, head, neck)
    return _share(correct(judged, threshold_m), has_head)


def _by_joint(errors: Tensor, counted: Tensor, skeleton: Skeleton) -> dict[str, float]:
    sums, counts = (errors * counted).sum(0), counted.sum(0)
    means = _MM_PER_M * sums / counts.clamp_min(1)
    return {
        name: float(mean) if count else math.nan
        for name, mean, count in zip(skeleton.joint_names, means, counts, strict=True)
    }


def _by_group(
    errors: Tensor, counted: Tensor, group: Tensor, groups: Sequence[str], seed: int
) -> dict[str, Interval]:
    return {
        name: _interval(errors[group == number], counted[group == number], seed)
        for number, name in enumerate(groups)
        if bool((group == number).any())
    }
