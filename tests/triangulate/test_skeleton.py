from __future__ import annotations

import json

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.skeleton import (
    Skeleton,
    canonical_name,
    joint_places,
    mapped,
    shipped_skeletons,
    snake_case,
)

SHIPPED = [
    "body25",
    "body25b",
    "coco17",
    "coco_wholebody133",
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
SETS = {"h36m17_lt": "h36m17"}
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
    # Bones are mirrored, and no joint of the body is left out; the face's points have none.
    mirror = skeleton.flip_permutation()
    edges = {frozenset(edge) for edge in skeleton.edges}
    assert len(edges) == len(skeleton.edges)
    assert {frozenset(mirror[list(edge)].tolist()) for edge in edges} == edges
    body = [j for j in skeleton.joint_names if not j.startswith("face_") and "hand_root" not in j]
    assert len(set().union(*edges)) >= len(body) - 4  # Panoptic has no face bones
    sided = {j for j in skeleton.joint_names if {"left", "right"} & set(j.split("_"))}
    paired = {skeleton.joint_names[j] for pair in skeleton.flip_pairs for j in pair}
    assert {joint for joint in paired if not joint.startswith("face_")} == sided
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(skeleton.joint_names)))


@pytest.mark.parametrize(
    "name", [name for name in SHIPPED if name not in ("body25b", "coco_wholebody133")]
)
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


def test_coco_wholebody_is_coco_with_feet_face_and_hands(facts):
    whole, coco = Skeleton.named("coco_wholebody133"), Skeleton.named("coco17")
    assert len(whole.joint_names) == facts["coco_wholebody133"]["n"]
    assert whole.joint_names[:17] == coco.joint_names
    assert whole.edges[: len(coco.edges)] == coco.edges
    assert whole.joint_names[17:23] == Skeleton.named("body25").joint_names[19:]
    assert whole.joint_names[23] == "face_0"
    assert whole.joint_names[91] == "left_hand_root"
    assert whole.joint_names[112] == "right_hand_root"
    # The points of the face in the order of iBUG's 68: jaw, brows, nose, eyes, lips.
    mirror = whole.flip_permutation()[23:91] - 23
    assert mirror[:17].tolist() == list(range(16, -1, -1))
    assert mirror[17:27].tolist() == list(range(26, 16, -1))
    assert mirror[27:36].tolist() == [27, 28, 29, 30, 35, 34, 33, 32, 31]
    assert mirror[36:48].tolist() == [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    assert mirror[48:60].tolist() == [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55]
    assert mirror[60:].tolist() == [64, 63, 62, 61, 60, 67, 66, 65]
    assert (whole.index("face_16"), whole.index("face_0")) in whole.flip_pairs


def test_names_map_as_the_facts_do(facts):
    checked = 0
    for key, expected in facts["maps"].items():
        into, source = key.split("<-")
        a, b = (Skeleton.named(SETS.get(name, name)) for name in (into, source))
        found = a.indices_in(b)
        same = found >= 0
        np.testing.assert_array_equal(found[same], np.array(expected)[same], err_msg=key)
        checked += int(same.sum())
        assert same.all(), key
    assert checked == sum(map(len, facts["maps"].values()))


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_mapped_as_the_facts_do(facts, batch):
    """Every map, on points that say which joint they are; and by the facts' own names."""
    for key, order in facts["maps"].items():
        into, source = key.split("<-")
        fact_key = {"panoptic19": "panoptic19_mmpose"}
        for a, b in (
            (Skeleton.named(SETS.get(into, into)), Skeleton.named(SETS.get(source, source))),
            (
                Skeleton.from_edges(facts[into]["names"], []),
                Skeleton.from_edges(facts[fact_key.get(source, source)]["names"], []),
            ),
        ):
            count = len(b.joint_names)
            points = np.arange(3 * count, dtype=np.float32).reshape(count, 3)
            values, known = mapped(np.broadcast_to(points, (*batch, count, 3)), b, a)
            assert known.all(), key
            assert values.dtype == np.float32
            np.testing.assert_array_equal(
                values, np.broadcast_to(points[order], values.shape), err_msg=key
            )
            assert values.shape == (*batch, len(order), 3)


def test_mapped_puts_hips_and_neck_in_the_middle():
    coco, body25 = Skeleton.named("coco17"), Skeleton.named("body25")
    points = np.zeros((2, 17, 2))
    points[:, coco.index("left_hip")] = 10, 20
    points[:, coco.index("right_hip")] = 30, 60
    points[:, coco.index("left_shoulder")] = 4, 8
    points[0, coco.index("right_shoulder")] = 6, 0
    points[1, coco.index("right_shoulder")] = np.nan
    values, known = mapped(points, coco, body25)
    assert values[:, body25.index("mid_hip")].tolist() == [[20, 40]] * 2
    assert values[0, body25.index("neck")].tolist() == [5, 4]
    assert np.isnan(values[1, body25.index("neck")]).all()
    lacking = {body25.joint_names[j] for j in np.flatnonzero(~known)}
    assert lacking == {joint for joint in body25.joint_names if "toe" in joint or "heel" in joint}
    assert np.isnan(values[:, ~known]).all()
    # Human3.6M's pelvis is the middle of the hips; its thorax, spine and neck are not made up.
    h36m = Skeleton.named("h36m17")
    values, known = mapped(points, coco, h36m)
    assert values[0, h36m.index("pelvis")].tolist() == [20, 40]
    lacking = {h36m.joint_names[j] for j in np.flatnonzero(~known)}
    assert lacking == {"spine", "thorax", "neck_base", "head"}


def test_mapped_takes_what_the_source_has_before_a_middle():
    source = Skeleton.from_edges(["LHip", "RHip", "Root", "HeadTop", "ankle_r"], [])
    target = Skeleton.from_edges(["mid_hip", "head", "right_ankle", "left_ankle"], [])
    values, known = mapped(np.arange(5.0)[:, None], source, target)
    assert known.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(values[:, 0], [2, 3, 4, np.nan])
    same, _ = mapped(np.arange(5.0)[:, None], source, source)
    assert same[:, 0].tolist() == list(range(5))
    with pytest.raises(ValueError, match=r"points must have shape \(\*B, 5, D\), got \(4, 2\)"):
        mapped(np.zeros((4, 2)), source, target)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LBigToe", "left_big_toe"),
        ("ankle_r", "right_ankle"),
        ("Pelvis", "mid_hip"),
        ("hip", "mid_hip"),
        ("left_hip", "left_hip"),
        ("head_top", "head"),
        ("upper_neck", "upper_neck"),
    ],
)
def test_canonical_names(name, expected):
    assert canonical_name(name) == expected


MINE = """# mine
joints:
  - nose
  - left_ear
  - right_ear
  - spot
edges:
  - [nose, left_ear]
  - [0, 2]
  - [nose, 3]
"""


def test_load(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    skeleton = Skeleton.load(path)
    assert skeleton.joint_names == ("nose", "left_ear", "right_ear", "spot")
    assert skeleton.edges == ((0, 1), (0, 2), (0, 3))
    assert skeleton.flip_pairs == ((1, 2),)
    assert skeleton.name == ""
    path.write_text("\ufeff" + MINE + "flip_pairs:\n  - [nose, 3]\n", encoding="utf-8")
    assert Skeleton.load(path).flip_pairs == ((0, 3),)
    path.write_text(MINE.partition("edges")[0] + "edges: []\nflip_pairs: []\n")
    assert Skeleton.load(str(path)) == Skeleton(skeleton.joint_names)


def test_given_by_name_or_file(tmp_path):
    (tmp_path / "coco17.YML").write_text(MINE)
    assert Skeleton.given("coco17") == Skeleton.named("coco17")
    assert Skeleton.given(str(tmp_path / "coco17.YML")).joint_names[3] == "spot"
    with pytest.raises(InputError, match=r"mine\.yaml: cannot be read \(No such file"):
        Skeleton.given(tmp_path / "mine.yaml")
    with pytest.raises(InputError, match=r"no skeleton is called 'coco71'.*is a \.yaml file"):
        Skeleton.given("coco71")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no skeleton, which has the keys joints and edges"),
        ("- nose\n", "is no skeleton"),
        ("joints: [a, b\n", "is no valid YAML: line"),
        ("joints: [a]\njoints: [b]\n", "'joints' is given twice"),
        ("joints: [a]\n", "the key 'edges' is missing"),
        ("edges: []\n", "the key 'joints' is missing"),
        (
            "joints: [a]\nedges: []\nflip_pair: []\n",
            "unknown key 'flip_pair': did you mean 'flip_p",
        ),
        ("joints: [a]\nedges: []\ncolour: red\n", "unknown key 'colour': the known keys are"),
        ("joints: []\nedges: []\n", "joints must be a list of names"),
        ("joints: nose\nedges: []\n", "joints must be a list of names"),
        ("joints: {nose: 0}\nedges: []\n", "joints must be a list of names"),
        ("joints: [a, 1]\nedges: []\n", "joints must be names, got 1"),
        ("joints: [a, '']\nedges: []\n", "joints must be names, got ''"),
        ("joints: [a, a]\nedges: []\n", "given twice: a"),
        ("joints: [a, b]\nedges: 3\n", "edges must be a list of pairs"),
        ("joints: [a, b]\nedges:\n", "edges must be a list of pairs"),
        ("joints: [a, b]\nedges: [a, b]\n", "edges must be a list of pairs"),
        ("joints: [a, b]\nedges: [[a, c]]\n", "no joint 'c'; there are a, b"),
        ("joints: [a, b]\nedges: [[a]]\n", "is no pair of joints"),
        ("joints: [a, b]\nedges: [[a, 2]]\n", "(0, 2) is no pair of different joints out of 2"),
        ("joints: [a, b]\nedges: [[a, -1]]\n", "(0, -1) is no pair"),
        ("joints: [a, b]\nedges: [[a, a]]\n", "(0, 0) is no pair"),
        ("joints: [a, b]\nedges: [[a, 1.0]]\n", "1.0 is no joint, which is a name or an index"),
        ("joints: [a, b]\nedges: [[a, true]]\n", "True is no joint"),
        ("joints: [a, b]\nedges: [[a, [b]]]\n", "['b'] is no joint"),
        (
            "joints: [a, b, c]\nedges: []\nflip_pairs: [[a, b], [c, a]]\n",
            "joint 'a' is in two flip pairs",
        ),
    ],
)
def test_files_that_are_no_skeletons(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        Skeleton.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_binary_file_is_no_skeleton(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"mine\.yaml: is no text"):
        Skeleton.load(tmp_path / "mine.yaml")


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


def test_joints_are_the_same_however_they_are_spelt():
    theirs = Skeleton(("Nose", "LShoulder", "shoulder_r", "Pelvis", "l hip"))
    ours = Skeleton(("left_hip", "right_shoulder", "mid_hip", "left_shoulder", "nose", "tail"))
    assert ours.indices_in(theirs).tolist() == [4, 2, 3, 1, 0, -1]
    assert theirs.indices_in(ours).tolist() == [4, 3, 1, 2, 0]
    assert theirs.index("left_shoulder") == theirs.index("LShoulder") == 1
    with pytest.raises(InputError, match="no joint 'neck'; there are Nose, LShoulder"):
        theirs.index("neck")


def test_the_very_same_name_comes_first():
    both = Skeleton(("pelvis", "root", "LHip"))
    assert both.indices_in(Skeleton(("root", "pelvis"))).tolist() == [1, 0, -1]
    assert joint_places(["mid_hip", "hip", "root", "left_hip"], both.joint_names).tolist() == [
        0, 0, 1, 2,
    ]  # fmt: skip
    assert joint_places([], ["nose"]).tolist() == joint_places([], []).tolist() == []


def test_sets_with_the_same_joints_in_the_same_order():
    coco = Skeleton.named("coco17")
    spelt = Skeleton(tuple(name.title().replace("_", "") for name in coco.joint_names))
    assert coco.has_joints_of(coco) and coco.has_joints_of(spelt) and spelt.has_joints_of(coco)
    assert not coco.has_joints_of(Skeleton(coco.joint_names[::-1]))
    assert not coco.has_joints_of(Skeleton(coco.joint_names[:-1]))
    assert not coco.has_joints_of(Skeleton((*coco.joint_names, "tail")))


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
