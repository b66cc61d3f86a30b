from __future__ import annotations

import json

import numpy as np
import pytest

from triangulate.poses import Reason
from triangulate.reporting.findings import Found


def test_the_numbers_are_those_of_the_poses(walked, found) -> None:
    numbers = found.numbers
    poses = walked.poses
    assert numbers["verdict"] == "good"
    assert numbers["fps"] == 50 and numbers["frames"] == 60 and numbers["last_frame"] == 59
    assert numbers["reprojection_px"]["median"] == pytest.approx(
        np.nanmedian(poses.reprojection_px)
    )
    assert [camera["name"] for camera in numbers["cameras"]] == list(poses.names)
    joint = numbers["joints"][3]
    assert joint["name"] == poses.skeleton.joint_names[3]
    sigma = np.sqrt(np.trace(poses.covariance_m2[:, 0, 3], axis1=-2, axis2=-1) / 3)
    assert joint["sigma_mm"]["median"] == pytest.approx(1e3 * np.nanmedian(sigma))
    assert len(numbers["people"][0]["bones"]) == len(poses.skeleton.edges)
    assert numbers["run"] == poses.run
    json.dumps(numbers)


def test_the_longest_gaps_come_first(perfect, without) -> None:
    poses = without(perfect, (slice(5, 8), 0, 4), Reason.narrow_rays)
    poses = without(poses, (slice(20, 31), 0, 2), Reason.high_error)
    gaps = Found.of(poses).numbers["longest_gaps"]
    assert [(gap["first_frame"], gap["last_frame"], gap["frames"]) for gap in gaps] == [
        (20, 30, 11),
        (5, 7, 3),
    ]
    assert [gap["reason"] for gap in gaps] == ["high_error", "narrow_rays"]
    assert gaps[0]["joint"] == poses.skeleton.joint_names[2]


def test_a_joint_that_is_never_found_has_no_numbers(perfect, without) -> None:
    joint = Found.of(without(perfect, (slice(None), 0, 0), Reason.too_few_views)).numbers["joints"][
        0
    ]
    assert (joint["found"], joint["views_used"]) == (0, 0)
    assert np.isnan(joint["sigma_mm"]["median"])
