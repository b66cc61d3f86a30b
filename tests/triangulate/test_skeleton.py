from __future__ import annotations

import json

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.skeleton import Skeleton, shipped_skeletons, snake_case

SHIPPED = [
    "body25",
    "body25b",
    "coco17",
    "h36m17",
    "h36m17_mmpose",
    "halpe26",
    "mediapipe33",
    "mpii16",
    "panoptic19",
]
# Called differently here, so that equal joints have equal names in all sets.
SAME_JOINT = {
    "halpe26": {"hip": "mid_hip"},
    "h36m17": {"root": "pelvis", "left_foot": "left_ankle", "right_foot": "right_ankle"},
    "h36m17_mmpose": {"root": "pelvis", "left_foot": "left_ankle", "right_foot": "right_ankle"},
}
KEY = {"h36m17": "h36m17_lt", "panoptic19": "panoptic19_mmpose"}


@pytest.fixture(scope="module")
def facts(shared):
    """Names, edges, pairs and maps, collected from the data sets' own tools."""
    return json.loads((shared.data.parent / "skeletons" / "skeletons.json").read_text())


def test_the_shipped_sets():
    assert shipped_skeletons() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_set_is_sound(name):
    skeleton = Skeleton.named(name)
    assert skeleton.name == name
    assert str(len(skeleton.joint_names)) in name or name == "body25b"
    assert all(snake_case(joint) == joint for joint in skeleton.joint_names)
    # Bones are mirrored, and no joint of the body is left out.
    mirror = skeleton.flip_permutation()
    edges = {frozenset(edge) for edge in skeleton.edges}
    assert len(edges) == len(skeleton.edges)
    assert {frozenset(mirror[list(edge)].tolist()) for edge in edges} == edges
    assert len(set().union(*edges)) >= len(skeleton.joint_names) - 4  # Panoptic has no face bones
    sided = [j for j in skeleton.joint_names if {"left", "right"} & set(j.split("_"))]
    assert len(sided) == 2 * len(skeleton.flip_pairs)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(skeleton.joint_names)))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "body25b"])
def test_a_shipped_set_agrees_with_the_facts(facts, name):
    fact, skeleton = facts[KEY.get(name, name)], Skeleton.named(name)
    rename = SAME_JOINT.get(name, {})
    assert list(skeleton.joint_names) == [rename.get(joint, joint) for joint in fact["names"]]
    unordered = {frozenset(pair) for pair in skeleton.flip_pairs}
    assert unordered == {frozenset(pair) for pair in fact["flip_pairs"]}
    lefts = [skeleton.joint_names[left] for left, _ in skeleton.flip_pairs]
    assert all("left" in joint for joint in lefts)
    links = {frozenset(edge) for edge in fact["edges"]}
    no_bones = {frozenset({2, 17}), frozenset({5, 18})} if name == "body25" else set()
    assert {frozenset(edge) for edge in skeleton.edges} == links - no_bones


def test_body25b_is_coco_with_neck_head_and_feet():
    coco, body25, body25b = (Skeleton.named(name) for name in ("coco17", "body25", "body25b"))
    assert body25b.joint_names[:17] == coco.joint_names
    assert body25b.joint_names[17:19] == ("neck", "head")
    assert body25b.joint_names[19:] == body25.joint_names[19:]


def test_names_map_as_the_facts_do(facts):
    checked = 0
    for key, expected in facts["maps"].items():
        into, source = key.split("<-")
        sets = {"h36m17_lt": "h36m17"}
        a, b = (Skeleton.named(sets.get(name, name)) for name in (into, source))
        found = a.indices_in(b)
        same = found >= 0
        np.testing.assert_array_equal(found[same], np.array(expected)[same], err_msg=key)
        checked += int(same.sum())
        assert same.all(), key
    assert checked == sum(map(len, facts["maps"].values()))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["left_ankle", "nose", "right_ankle"], {(0, 2)}),
        (["ankle_r", "ankle_l"], {(1, 0)}),
        (["LAnkle", "RAnkle", "LBigToe", "RBigToe"], {(0, 1), (2, 3)}),
        (["Left Ear", "Right Ear", "mouth_left", "mouth_right"], {(0, 1), (2, 3)}),
        (["left_paw", "right_ear", "tail", "lr"], set()),
        (["l", "r"], {(0, 1)}),
    ],
)
def test_sides_are_inferred_from_names(names, pairs):
    assert set(Skeleton.from_edges(names, []).flip_pairs) == pairs


def test_pairs_and_edges_by_name_or_index():
    skeleton = Skeleton.from_edges(["a", "b", "c"], [("a", "c"), (1, 2)], [("a", 1)])
    assert skeleton.edges == ((0, 2), (1, 2))
    assert skeleton.flip_pairs == ((0, 1),)
    assert skeleton.flip_permutation().tolist() == [1, 0, 2]
    assert Skeleton.from_edges(["left_a", "right_a"], [], []).flip_pairs == ()
    assert skeleton.index("c") == 2


def test_mapping_by_name():
    mine = Skeleton.from_edges(["tail", "nose", "left_ear"], [])
    assert mine.indices_in(Skeleton.named("coco17")).tolist() == [-1, 0, 3]
    coco = Skeleton.named("coco17")
    assert coco.indices_in(coco).tolist() == list(range(17))


def test_joints_without_names():
    skeleton = Skeleton.anonymous(3)
    assert skeleton.joint_names == ("joint_0", "joint_1", "joint_2")
    assert (skeleton.edges, skeleton.flip_pairs) == ((), ())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Skeleton.named("coco18"), "no skeleton is called 'coco18'; shipped: body25"),
        (lambda: Skeleton.from_edges(["a", "a"], []), "given twice: a"),
        (lambda: Skeleton.from_edges(["a", "b"], [("a", "c")]), "no joint 'c'; there are a, b"),
        (lambda: Skeleton.from_edges(["a", "b"], [(0, 2)]), "(0, 2) is no pair"),
        (lambda: Skeleton.from_edges(["a", "b"], [(1, 1)]), "(1, 1) is no pair"),
        (lambda: Skeleton.from_edges(["a", "b"], [(0, 1, 1)]), "[0, 1, 1] is no pair"),
        (lambda: Skeleton.anonymous(2).index("nose"), "no joint 'nose'"),
    ],
)
def test_what_is_refused(make, said):
    with pytest.raises(InputError) as refused:
        make()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LBigToe", "l_big_toe"),
        ("Shoulder_left", "shoulder_left"),
        ("Right Ankle", "right_ankle"),
        ("left_ankle", "left_ankle"),
        (" Head-Top ", "head_top"),
        ("C7", "c7"),
    ],
)
def test_snake_case(name, expected):
    assert snake_case(name) == expected
