from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoint_formats.alphapose import read_alphapose
from triangulate.keypoint_formats.joint_sets import OPENPOSE18
from triangulate.skeleton import Skeleton

FORMS = [("people", "pose_keypoints_2d"), ("bodies", "joints")]


def person(x: float, c: float = 0.5) -> list[float]:
    """Joint j at (x + j, 100 + j)."""
    return [value for j in range(18) for value in (x + j, 100 + j, c)]


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def image(form: tuple[str, str], *people: list[float]) -> dict[str, Any]:
    return {"version": "AlphaPose v0.3", form[0]: [{form[1]: values} for values in people]}


@pytest.mark.parametrize("form", FORMS)
def test_both_forms(tmp_path, form):
    hole = person(50)
    hole[:3] = [0, 0, 0.9]
    content = {"10.jpg": image(form, person(1, 5.5)), "2.jpg": image(form, person(20), hole)}
    view = read_alphapose(write(tmp_path / "a.json", content))
    assert view.frames.tolist() == [2, 10]
    assert view.skeleton == OPENPOSE18
    assert view.points_px[:, :, 1, 0].tolist()[0] == [21, 51]
    assert view.confidence[0, 1, :2].tolist() == [0, 0.5]
    assert view.confidence[1].tolist() == [[5.5] * 18, [0] * 18]


def test_through_the_door_in_another_order(tmp_path):
    for name in ("left", "right"):
        content = {"a_000.png": image(FORMS[0], person(1, 5.5))}
        write(tmp_path / f"{name}_alphapose.json", content)
    keypoints = load_keypoints_from(tmp_path, ["right", "left"], "coco17")
    assert keypoints.skeleton == Skeleton.named("coco17")
    assert keypoints.source == "AlphaPose; confidences above 1 (up to 5.50) clipped to 1"
    # COCO's left shoulder is OpenPose's joint 5, its right ankle 10.
    np.testing.assert_array_equal(keypoints.points_px[0, :, 0, 5], [[6, 105]] * 2)
    np.testing.assert_array_equal(keypoints.points_px[0, 0, 0, 16], [11, 110])
    assert keypoints.confidence.max() == 1


def test_nobody_in_an_image(tmp_path):
    view = read_alphapose(write(tmp_path / "a.json", {"0.jpg": image(FORMS[0])}))
    assert not view.has_points
    assert view.frames.tolist() == [0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "is no object with an entry an image"),
        ({"0.jpg": {"people": 3}}, "'0.jpg' holds neither 'people'"),
        ({"0.jpg": image(FORMS[0]), "1.jpg": []}, "'1.jpg' holds neither 'people'"),
        ({"0.jpg": {"bodies": [{}]}}, "'0.jpg' holds neither"),
        ({"a.jpg": image(FORMS[0])}, "'a' has no frame number"),
        (
            {"0.jpg": image(FORMS[0], person(1)), "0.png": image(FORMS[0], person(1))},
            "holds frame 0 twice",
        ),
        ({"0.jpg": image(FORMS[0], person(1)[:-1])}, "3 x J numbers"),
        ({"0.jpg": image(FORMS[0], person(1)[:-3])}, "holds 17 joints, but this form"),
        (
            {"0.jpg": image(FORMS[0], person(1)), "1.jpg": image(FORMS[0], person(1)[:51])},
            "'1.jpg' has 51 keypoint numbers, but '0.jpg' has 54",
        ),
    ],
)
def test_refusals_name_the_file(tmp_path, content, words):
    with pytest.raises(InputError, match=f"cam1.json: .*{words}") as caught:
        read_alphapose(write(tmp_path / "cam1.json", content))
    assert "\n" not in str(caught.value)
