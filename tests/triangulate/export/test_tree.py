from __future__ import annotations

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.tree import Tree, tree_of
from triangulate.skeleton import Skeleton, shipped_skeletons


def everywhere(skeleton: Skeleton) -> np.ndarray:
    return np.ones(len(skeleton.joint_names), bool)


def parents_in(tree: Tree) -> dict[str, str]:
    return {
        name: tree.names[parent] if parent >= 0 else ""
        for name, parent in zip(tree.names, tree.parents, strict=True)
    }


@pytest.mark.parametrize("name", shipped_skeletons())
def test_people_stand_on_their_pelvis(name: str) -> None:
    skeleton = Skeleton.named(name)
    tree = tree_of(skeleton, everywhere(skeleton))
    assert tree.names[0] in ("mid_hip", "pelvis")
    assert all(parent < place for place, parent in enumerate(tree.parents))
    assert len(set(tree.names)) == len(tree.names)
    parents = parents_in(tree)
    trunk = {"mid_hip", "pelvis", "neck", "thorax", "upper_neck"}
    for side in ("left", "right"):
        assert parents[f"{side}_hip"] == tree.names[0]
        assert parents[f"{side}_shoulder"] in trunk
        assert parents[f"{side}_knee"] == f"{side}_hip"
        assert parents[f"{side}_wrist"] == f"{side}_elbow"
        assert parents.get(f"{side}_ear", "") in ("", f"{side}_eye", f"{side}_eye_outer")
    left_out = set(skeleton.joint_names) - set(tree.names)
    assert all(joint.startswith("face_") or "hand_root" in joint for joint in left_out)


def test_middles_are_made_where_there_are_none() -> None:
    skeleton = Skeleton.named("coco17")
    tree = tree_of(skeleton, everywhere(skeleton))
    assert parents_in(tree)["neck"] == "mid_hip" and parents_in(tree)["nose"] == "neck"
    assert tree.notes[:2] == (
        "mid_hip is made up as the middle of the hips",
        "neck is made up as the middle of the shoulders",
    )
    points = np.random.default_rng(0).normal(size=(4, 17, 3))
    middle = points[:, [skeleton.index("left_hip"), skeleton.index("right_hip")]].mean(axis=1)
    np.testing.assert_allclose(tree.points(points)[:, 0], middle)
    assert len(tree.used()) == 17


def test_other_spellings_are_understood_and_kept() -> None:
    skeleton = Skeleton.from_edges(
        ["LHip", "RHip", "LKnee", "LShoulder", "RShoulder"], [[0, 2], [0, 1], [3, 4], [0, 3]]
    )
    assert parents_in(tree_of(skeleton, everywhere(skeleton))) == {
        "mid_hip": "", "LHip": "mid_hip", "RHip": "mid_hip", "neck": "mid_hip", "LKnee": "LHip",
        "LShoulder": "neck", "RShoulder": "neck",
    }  # fmt: skip


def test_animals_stand_where_most_bones_meet() -> None:
    mouse = Skeleton.from_edges(
        ["snout", "left_ear", "right_ear", "back", "tail", "paw"],
        [[0, 1], [0, 2], [0, 3], [3, 4], [1, 2]],
    )
    tree = tree_of(mouse, everywhere(mouse))
    assert tree.names == ("snout", "left_ear", "right_ear", "back", "tail")
    assert tree.notes == (
        "the skeleton has no pelvis: its root is snout, where most bones meet",
        "bones that close a circle are left out: left_ear-right_ear",
        "no bone leads to paw: left out",
    )


def test_joints_that_were_never_found() -> None:
    skeleton = Skeleton.named("h36m17")
    found = everywhere(skeleton)
    found[[skeleton.index("left_wrist"), skeleton.index("left_elbow")]] = False
    tree = tree_of(skeleton, found)
    assert len(tree.names) == 15
    assert tree.notes == ("left_elbow, left_wrist: without a position in any frame, left out",)
    found[skeleton.index("left_wrist")] = True
    with pytest.raises(InputError, match="left_elbow has no position in any frame, and the way"):
        tree_of(skeleton, found)


def test_without_bones_there_is_no_tree() -> None:
    with pytest.raises(InputError, match="no bones, and this format needs a tree"):
        tree_of(Skeleton.anonymous(5), np.ones(5, bool))
    skeleton = Skeleton.from_edges(["a", "b", "c"], [[0, 1]])
    with pytest.raises(InputError, match="no bone leads from a to a joint with a position"):
        tree_of(skeleton, np.array([True, False, True]))
