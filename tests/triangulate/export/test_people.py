from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from triangulate.export.people import names_of_missing, points_of
from triangulate.skeleton import Skeleton

SKELETON = Skeleton(("hip", "knee", "ankle"))


def test_the_points_of_one_person_by_hand(made_poses: Any) -> None:
    positions_m = np.arange(2 * 2 * 3 * 3.0).reshape(2, 2, 3, 3)  # (T, P, J, 3)
    poses = made_poses(SKELETON, positions_m=positions_m, with_gaps=False)
    second = points_of(poses, 1)
    np.testing.assert_array_equal(second[0], [[9, 10, 11], [12, 13, 14], [15, 16, 17]])
    np.testing.assert_array_equal(second[1, 2], [33, 34, 35])


def test_people_put_together_are_the_poses(made_poses: Any) -> None:
    poses = made_poses(num_people=3)
    together = np.stack([points_of(poses, person) for person in range(3)], axis=1)
    np.testing.assert_array_equal(together, poses.positions_m)


def test_people_change_places_with_their_points(made_poses: Any) -> None:
    poses = made_poses(num_people=3)
    turned = replace(poses, positions_m=poses.positions_m[:, [2, 0, 1]])
    for place, person in enumerate((2, 0, 1)):
        np.testing.assert_array_equal(points_of(turned, place), points_of(poses, person))


@pytest.mark.parametrize("person", [-1, 2, 7])
def test_nobody_else_is_there(made_poses: Any, person: int) -> None:
    with pytest.raises(ValueError, match=rf"person must lie in \[0, 2\), got {person}"):
        points_of(made_poses(num_people=2), person)


def test_a_joint_is_missing_that_no_frame_has_whole(made_poses: Any) -> None:
    points = np.ones((3, 3, 3))  # (T, J, 3)
    points[:2, 0] = np.nan  # there in the last frame
    points[:, 1] = np.nan  # nowhere
    points[0, 2, 0], points[1, 2, 1], points[2, 2, 2] = np.nan, np.nan, np.inf  # never whole
    poses = made_poses(SKELETON, positions_m=points[:, None], with_gaps=False)
    assert names_of_missing(poses, points) == ["knee", "ankle"]
    assert names_of_missing(poses, points[:, ::-1]) == ["hip", "knee"]
    assert names_of_missing(poses, np.ones((1, 3, 3))) == []
    assert names_of_missing(poses, np.ones((0, 3, 3))) == ["hip", "knee", "ankle"]
