from __future__ import annotations

import json
import math

import numpy as np
import pytest

from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton
from triangulate.summary import summarise


def by_hand() -> Poses3D:
    """Four frames, two cameras, a bone from `hip` to `knee`, and `toe`, which nobody ever sees."""
    positions = np.zeros((4, 1, 3, 3))
    positions[:, 0, 1, 2] = [0.40, 0.42, 0.44, np.nan]
    covariance = np.full((4, 1, 3, 3, 3), np.nan)
    covariance[:] = np.diag([1e-4, 1e-4, 4e-4])  # sigma: root of 2e-4
    reprojection = np.full((4, 1, 2, 3), np.nan)
    reprojection[:, 0, 0, 0] = [1, 2, 3, 4]
    reprojection[:, 0, 1, 0] = [5, 6, 7, 8]
    reprojection[:3, 0, 0, 1] = [1, 1, 1]
    reprojection[:3, 0, 1, 1] = [9, 9, 9]
    used = np.zeros((4, 1, 2, 3), dtype=bool)
    used[:, 0, 0, 0] = True
    used[:2, 0, 1, 0] = True
    used[:3, 0, :, 1] = True
    reason = np.zeros((4, 1, 3), np.uint8)
    reason[:, 0, 2] = Reason.too_few_views
    reason[3, 0, 1] = Reason.narrow_rays
    missing = reason != Reason.ok
    positions[missing] = covariance[missing] = np.nan
    return Poses3D(
        positions,
        covariance,
        reprojection,
        used,
        reason,
        np.zeros((4, 1, 2), dtype=bool),
        Skeleton.from_edges(["hip", "knee", "toe"], [["hip", "knee"], ["knee", "toe"]]),
        ("left", "right"),
    )


def test_numbers_by_hand() -> None:
    summary = summarise(by_hand())
    assert summary.frames == 4
    assert summary.points_found == pytest.approx(7 / 12)
    assert summary.missing == {
        "too_few_views": pytest.approx(4 / 12),
        "narrow_rays": pytest.approx(1 / 12),
    }
    # 1 1 1 1 2 3 4 5 6 7 8 9 9 9
    assert summary.median_px == pytest.approx(4.5)
    assert summary.median_sigma_m == pytest.approx(math.sqrt(2e-4))
    assert summary.found_by_joint == {"hip": 1.0, "knee": 0.75, "toe": 0.0}
    assert summary.views_by_joint == {"hip": 1.5, "knee": 2.0, "toe": 0.0}


def test_cameras_by_hand() -> None:
    left, right = summarise(by_hand()).cameras
    assert (left.name, right.name) == ("left", "right")
    assert (left.frames_used, right.frames_used) == (1.0, 0.75)
    assert (left.observations_used, right.observations_used) == (1.0, pytest.approx(5 / 7))
    assert (left.median_px, right.median_px) == (1.0, 8.0)  # 1 1 1 1 2 3 4 and 5 6 7 8 9 9 9
    assert left.p95_px == pytest.approx(np.percentile([1, 1, 1, 1, 2, 3, 4], 95))


def test_bones_by_hand() -> None:
    thigh, foot = summarise(by_hand()).bones
    assert (thigh.name, foot.name) == ("hip-knee", "knee-toe")
    assert thigh.median_m == pytest.approx(0.42)
    assert thigh.spread_m == pytest.approx(0.02 * math.sqrt(2 / 3))
    assert math.isnan(foot.median_m)
    assert math.isnan(foot.spread_m)


def test_plain_values_for_programs() -> None:
    told = summarise(by_hand()).as_dict()
    read = json.loads(json.dumps(told, allow_nan=False))  # NaN is no JSON
    assert read["bones"][1] == {"name": "knee-toe", "median_m": None, "spread_m": None}
    assert read["cameras"][0]["name"] == "left"
    assert read["frames"] == 4


def test_nothing_found() -> None:
    poses = by_hand()
    poses.positions_m[:] = poses.covariance_m2[:] = poses.reprojection_px[:] = np.nan
    poses.views_used[:] = False
    poses.reason[:] = Reason.high_error
    summary = summarise(poses)
    assert summary.points_found == 0
    assert summary.missing == {"high_error": 1.0}
    assert math.isnan(summary.median_px)
    assert math.isnan(summary.cameras[0].median_px)
    assert (summary.cameras[0].frames_used, summary.cameras[0].observations_used) == (0.0, 0.0)
    json.dumps(summary.as_dict(), allow_nan=False)
