from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.joint_sets import (
    body25_or_body25b,
    choose_skeleton,
    named_joints,
)
from triangulate.keypoint_formats.openpose import read_openpose
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton

# Where a standing person's joints are, in heights from the ground; x to the image's right.
STANDING = {
    "nose": (0, 0.92),
    "left_eye": (0.02, 0.94),
    "right_eye": (-0.02, 0.94),
    "left_ear": (0.04, 0.93),
    "right_ear": (-0.04, 0.93),
    "neck": (0, 0.84),
    "left_shoulder": (0.11, 0.82),
    "right_shoulder": (-0.11, 0.82),
    "left_elbow": (0.13, 0.63),
    "right_elbow": (-0.13, 0.63),
    "left_wrist": (0.14, 0.48),
    "right_wrist": (-0.14, 0.48),
    "left_ankle": (0.07, 0.04),
    "right_ankle": (-0.07, 0.04),
}


def view_of(joints: list[str], people: int = 5) -> View:
    """STANDING joints at the places they have in `joints`, others unseen."""
    points = np.zeros((people, 1, len(joints), 2), np.float32)
    confidence = np.zeros(points.shape[:-1], np.float32)
    for j, name in enumerate(joints):
        if name in STANDING:
            x, height = STANDING[name]
            points[:, 0, j] = 500 + 800 * x, 900 - 800 * height
            confidence[:, 0, j] = 0.8
    return View(np.arange(people), points, confidence)


@pytest.mark.parametrize("name", ["body25", "body25b"])
def test_sets_of_25_are_told_apart(name):
    view = view_of(list(Skeleton.named(name).joint_names))
    assert body25_or_body25b({"a": view}, "here") == name
    assert choose_skeleton({"a": view}, None, "here").name == name


def test_the_real_recording_is_body25b(shared):
    folder = shared / "pose2sim_balancing" / "pose_openpose_body25b"
    for camera in ("cam01", "cam02", "cam03", "cam04"):
        view = read_openpose(folder / f"{camera}_json")
        assert body25_or_body25b({camera: view}, "here") == "body25b"


@pytest.mark.parametrize("name", ["body25", "body25b"])
def test_real_people_in_both_orders(shared, name):
    """OpenPose's detections in an operating room, seen from the ceiling and half hidden."""
    detections = json.loads((shared / "mvor" / "openpose_kps.json").read_text())
    values = np.array([entry["coco_keypoints"] for entry in detections]).reshape(-1, 17, 3)
    order = Skeleton.named(name).indices_in(Skeleton.named("coco17"))
    values = np.concatenate([values, np.zeros((len(values), 1, 3))], axis=1)[:, order]
    view = View(np.arange(len(values)), values[:, None, :, :2], values[:, None, :, 2])
    assert body25_or_body25b({"a": view}, "here") == name


def test_undecided_is_refused():
    """Nose and shoulders alone tell nothing; nor do two people."""
    names = list(Skeleton.named("body25b").joint_names)
    hidden = [n if n in ("nose", "left_shoulder", "right_shoulder") else "" for n in names]
    for view in (view_of(hidden), view_of(names, people=2)):
        with pytest.raises(InputError, match=r"here: .*--skeleton body25 or --skeleton body25b"):
            body25_or_body25b({"a": view}, "here")


@pytest.mark.parametrize(
    ("count", "name"),
    [(17, "coco17"), (26, "halpe26"), (33, "mediapipe33"), (133, "coco_wholebody133")],
)
def test_sets_by_count(count, name):
    assert choose_skeleton({"a": view_of([""] * count)}, None, "here").name == name


def test_openposes_18_are_in_its_order():
    skeleton = choose_skeleton({"a": view_of([""] * 18)}, None, "here")
    names = skeleton.joint_names
    assert len(skeleton.flip_pairs) == 8
    assert names[:5] == ("nose", "neck", "right_shoulder", "right_elbow", "right_wrist")
    assert names[8:11] == ("right_hip", "right_knee", "right_ankle")
    assert names[14:] == ("right_eye", "left_eye", "right_ear", "left_ear")


@pytest.mark.parametrize("count", [1, 15, 21, 136])
def test_unknown_counts_are_refused(count):
    view = view_of([""] * count)
    with pytest.raises(InputError, match=f"here: holds {count} joints.*--skeleton"):
        choose_skeleton({"a": view}, None, "here")
    assert choose_skeleton({"a": view}, Skeleton.anonymous(count), "here").joint_names[0] == (
        "joint_0"
    )


def test_a_given_skeleton_must_fit():
    with pytest.raises(InputError, match="17 joints, but the skeleton 'given' has 5"):
        choose_skeleton({"a": view_of([""] * 17)}, Skeleton.anonymous(5), "here")


def test_named_joints_are_a_shipped_set_however_they_are_spelt():
    halpe = [name.replace("mid_hip", "hip") for name in Skeleton.named("halpe26").joint_names]
    assert named_joints(halpe, [], None, Path("a")) == Skeleton.named("halpe26")
    face = [n.replace("face_", "face-") for n in Skeleton.named("coco_wholebody133").joint_names]
    assert named_joints(face, [], [], Path("a")).name == "coco_wholebody133"


def test_named_joints_of_ones_own():
    """MMPose gives every pair twice, and not left first."""
    names = ["Nose", "Left Ear", "Right Ear", "spot-1", "spot-2"]
    pairs = [(2, 1), (1, 2), (3, 4), (4, 3)]
    own = named_joints(names, [(0, 1)], pairs, Path("a"))
    assert own.joint_names == ("nose", "left_ear", "right_ear", "spot_1", "spot_2")
    assert (own.edges, own.flip_pairs) == (((0, 1),), ((1, 2), (4, 3)))
    assert named_joints(names, [], None, Path("a")).flip_pairs == ((1, 2),)
    with pytest.raises(InputError, match="a: joint names must differ"):
        named_joints(["a", "A"], [], None, Path("a"))
