from __future__ import annotations

import numpy as np
import pytest

from triangulate.export.landmarks import NECKS, Landmarks, keys_of
from triangulate.skeleton import Skeleton, canonical_name, shipped_skeletons

OURS = ("pelvis", "LKnee", "Knee_R", "right ankle", "snout")
KEYS = ["mid_hip", "left_knee", "right_knee", "right_ankle", "snout"]


def marks_of(names: tuple[str, ...], *batch: int) -> Landmarks:
    """Joint j at (j, 10 j, 100 j) in the first of the batch, and 1 further on in each next."""
    joints = np.arange(len(names))[:, None] * [1.0, 10.0, 100.0]  # (J, 3)
    shift = np.arange(np.prod(batch, dtype=int)).reshape(*batch, 1, 1)
    return Landmarks(Skeleton(names), joints + shift)


def test_one_name_for_each_joint_however_it_is_spelt() -> None:
    assert keys_of(Skeleton(OURS)) == KEYS
    assert keys_of(Skeleton(tuple(KEYS))) == KEYS


def test_joints_that_share_a_name_keep_their_own() -> None:
    assert keys_of(Skeleton(("hip", "pelvis", "LKnee"))) == ["hip", "pelvis", "left_knee"]


@pytest.mark.parametrize("name", shipped_skeletons())
def test_keys_of_shipped_sets_tell_joints_apart(name: str) -> None:
    skeleton = Skeleton.named(name)
    keys = keys_of(skeleton)
    assert len(set(keys)) == len(keys) == len(skeleton.joint_names)
    renamed = Skeleton(tuple(joint.upper() for joint in skeleton.joint_names))
    assert [key.lower() for key in keys_of(renamed)] == keys
    for left, right in skeleton.flip_pairs:
        if keys[left].startswith("left_"):  # points of the face have numbers
            assert keys[right] == keys[left].replace("left_", "right_")


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_the_first_joint_that_is_there(batch: tuple[int, ...]) -> None:
    marks = marks_of(OURS, *batch)
    knee = marks.any_of("right_knee")
    assert knee is not None and knee.shape == (*batch, 3)
    np.testing.assert_array_equal(knee.reshape(-1, 3)[0], [2, 20, 200])
    ankle = marks.any_of("left_hip", "right_ankle", "mid_hip")
    np.testing.assert_array_equal(ankle, marks.points[..., 3, :])
    pelvis = marks.any_of("mid_hip", "right_ankle")
    np.testing.assert_array_equal(pelvis, marks.points[..., 0, :])


def test_a_joint_that_is_not_there_is_none() -> None:
    marks = marks_of(OURS)
    assert marks.any_of("left_hip", "nose") is None
    assert marks.any_of() is None
    assert marks.any_of("pelvis") is None  # asked for by its canonical name


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_the_middle_of_two_sides(batch: tuple[int, ...]) -> None:
    marks = marks_of(OURS, *batch)
    middle = marks.middle("knee")
    assert middle is not None and middle.shape == (*batch, 3)
    np.testing.assert_array_equal(middle.reshape(-1, 3)[0], [1.5, 15, 150])
    assert marks.middle("ankle") is None  # one side alone
    assert marks.middle("hip") is None


def test_the_middle_of_a_missing_joint_is_missing() -> None:
    marks = marks_of(OURS, 2)
    marks.points[1, 1, 2] = np.nan
    middle = marks.middle("knee")
    assert middle is not None
    assert np.isfinite(middle).tolist() == [[True] * 3, [True, True, False]]


def test_sides_exchanged_have_one_middle() -> None:
    ours = marks_of(OURS, 3)
    other = Landmarks(Skeleton(("pelvis", "RKnee", "Knee_L", "right ankle", "snout")), ours.points)
    np.testing.assert_array_equal(ours.middle("knee"), other.middle("knee"))
    np.testing.assert_array_equal(ours.any_of("left_knee"), other.any_of("right_knee"))


def test_necks_are_names_that_stay_themselves() -> None:
    assert [canonical_name(name) for name in NECKS] == list(NECKS)
