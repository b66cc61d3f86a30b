"""Figures by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from spots import Spots, exactly

from triangulate.config.evaluation import EvaluateConfig
from triangulate.evaluation.figures import absolute_mm, figures_of, gain_mm
from triangulate.evaluation.measuring import Measured, batches, measure

CONFIG = EvaluateConfig.model_validate({"data": {"kind": "synthetic"}, "threshold_mm": 150.0})


def measured(offset_m: float = 0.0) -> Measured:
    return measure({"": exactly(offset_m)}, batches(Spots(), 10, 5))[0, ""]


def test_an_offset_of_all_joints() -> None:
    figures = figures_of(measured(0.2), Spots.skeleton, Spots.groups, CONFIG)
    assert figures.absolute_mm.value == pytest.approx(200)
    assert figures.absolute_mm.low == pytest.approx(200)
    assert figures.median_mm == pytest.approx(200)
    assert figures.relative_mm is not None
    assert figures.relative_mm.value == pytest.approx(0, abs=1e-6)
    assert figures.aligned_mm.value == pytest.approx(0, abs=1e-6)
    assert (figures.pck, figures.pckh, figures.auc, figures.found) == (1, 1, 1, 1)
    assert figures.by_joint_mm == pytest.approx({"pelvis": 200, "head": 200, "thorax": 200})
    assert set(figures.by_group_mm) == {"even", "odd"}
    assert figures.by_group_mm["odd"].count == 5


def test_a_group_of_one_moment_has_no_interval() -> None:
    exact = measured(0.2)
    group = torch.zeros_like(exact.group)
    group[3] = 1
    by_group = figures_of(
        replace(exact, group=group), Spots.skeleton, Spots.groups, CONFIG
    ).by_group_mm
    assert by_group["even"].is_known and by_group["even"].count == 9
    assert not by_group["odd"].is_known and by_group["odd"].value == pytest.approx(200)


def test_one_wrong_joint_and_one_that_is_missing() -> None:
    exact = measured()
    points = exact.points_world.clone()
    points[:, 1, 2] += 0.098
    valid = exact.valid.clone()
    valid[:5, 2] = False
    figures = figures_of(
        replace(exact, points_world=points, valid=valid), Spots.skeleton, Spots.groups, CONFIG
    )
    assert figures.by_joint_mm == pytest.approx({"pelvis": 0, "head": 98, "thorax": 0})
    assert figures.absolute_mm.value == pytest.approx((49 + 98 / 3) / 2)
    assert figures.found == pytest.approx(25 / 30)
    assert figures.pck == pytest.approx(25 / 30)  # what is missing is not correct
    head = (10 * 11 / 30 + 10 + 5) / 30  # 98 of 150 mm: 11 of 30 thresholds
    assert figures.auc == pytest.approx(head)


def test_no_root_and_no_head() -> None:
    config = CONFIG.model_copy(update={"root": None, "head": ["nose", "chin"]})
    figures = figures_of(measured(0.2), Spots.skeleton, Spots.groups, config)
    assert figures.relative_mm is None
    assert figures.pckh is None
    assert figures.pck == 0  # of the absolute errors


def test_gains_are_over_joints_that_both_predict() -> None:
    before, after = measured(0.2), measured(0.05)
    assert gain_mm(before, after, 0).value == pytest.approx(150)
    assert absolute_mm(after, 0).value == pytest.approx(50)
    points, valid = before.points_world.clone(), before.valid.clone()
    points[:, 0] += 9
    valid[:, 0] = False
    lacking = replace(before, points_world=points, valid=valid)
    assert gain_mm(lacking, after, 0).value == pytest.approx(150)
    none = replace(before, valid=torch.zeros_like(valid))
    assert gain_mm(none, after, 0).count == 0
