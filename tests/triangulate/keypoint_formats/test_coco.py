from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.coco import read_coco


def write(path: Path, detections: Any) -> Path:
    path.write_text(json.dumps(detections))
    return path


def detection(image_id: Any, keypoints: list, score: float = 0.5) -> dict:
    return {"image_id": image_id, "category_id": 1, "keypoints": keypoints, "score": score}


def test_real_results(shared):
    """OpenPose's detections in an operating room; all cameras in one file, told by image_id."""
    view = read_coco(shared / "mvor" / "openpose_kps.json")
    assert len(view.frames) == 2005
    assert view.frames[0] == 10010000001
    assert view.points_px.shape[2:] == (10, 2)  # 'keypoints': the ten joints MVOR labels
    assert (view.confidence > 0).any(-1).sum() == 4091
    first = view.points_px[0, 0]
    assert first[0].tolist() == pytest.approx([3.72591, 338.525])
    assert view.confidence[0, 0, 0] == pytest.approx(0.458892)


def test_several_people_and_missing_points(tmp_path):
    ann, bob, eve = [1, 2, 0.25, 0, 0, 0.5], [3, 4, 0.5, 5, 6, 2.5], [7, 8, 0.75, None, 9, 0.5]
    path = write(tmp_path / "cam1.json", [detection(5, ann), detection(2, bob), detection(5, eve)])
    view = read_coco(path)
    assert view.frames.tolist() == [2, 5]
    assert view.points_px.shape == (2, 2, 2, 2)
    assert view.points_px[0, 0].tolist() == [[3, 4], [5, 6]]
    assert view.confidence.tolist() == [[[0.5, 2.5], [0, 0]], [[0.25, 0], [0.75, 0]]]
    assert view.points_px[1, :, 0].tolist() == [[1, 2], [7, 8]]
    assert view.notes == ()


def test_visibilities_give_way_to_the_score(tmp_path):
    path = write(
        tmp_path / "cam1.json",
        [detection(0, [1, 2, 2, 3, 4, 0], 0.25), detection(1, [1, 2, 1, 3, 4, 2], 1.5)],
    )
    view = read_coco(path)
    assert view.confidence.tolist() == [[[0.25, 0]], [[1.5, 1.5]]]
    assert view.notes == ("visibilities replaced by the detection's score",)


def test_without_scores_visible_is_1(tmp_path):
    path = write(tmp_path / "a.json", [{"image_id": 0, "keypoints": [1, 2, 2, 3, 4, 1]}])
    assert read_coco(path).confidence.tolist() == [[[1, 1]]]


@pytest.mark.parametrize(
    ("image_id", "number"),
    [("12.jpg", 12), ("cam1/img_000034.png", 34), ("56", 56), ("take2_frame78", 78), (9, 9)],
)
def test_image_ids(tmp_path, image_id, number):
    path = write(tmp_path / "a.json", [detection(image_id, [1, 2, 0.5])])
    assert read_coco(path).frames.tolist() == [number]


def test_alphapose(tmp_path):
    """Its usual form: image names, confidences up to 6, a score of its own, and more keys."""
    more = {"box": [1, 2, 3, 4], "idx": [0.0]}
    path = write(
        tmp_path / "alphapose-results.json",
        [
            {**detection("10.jpg", [11, 12, 6.0, 0, 0, 0.25], 3.1), **more},
            {**detection("9.jpg", [13, 14, 0.5, 15, 16, 1e-5], 2.8), **more},
        ],
    )
    view = read_coco(path)
    assert view.frames.tolist() == [9, 10]
    assert view.points_px[:, 0, 0].tolist() == [[13, 14], [11, 12]]
    np.testing.assert_allclose(view.confidence[:, 0], [[0.5, 1e-5], [6, 0]])  # clipped at the door


def test_keypoints_as_triples(tmp_path):
    path = write(tmp_path / "a.json", [detection(0, [[1, 2, 0.5], [3, 4, 0.25]])])
    assert read_coco(path).points_px.tolist() == [[[[1, 2], [3, 4]]]]


def test_an_empty_list_saw_nobody(tmp_path):
    assert not read_coco(write(tmp_path / "a.json", [])).has_points


@pytest.mark.parametrize(
    ("detections", "words"),
    [
        ({"annotations": []}, "no list of detections, as COCO results are"),
        ([3], "entry 0 is no COCO detection; every entry needs 'image_id' and 'keypoints'"),
        ([detection(0, [1, 2, 0.5]), {"image_id": 1}], "entry 1 is no COCO detection"),
        ([{"frame_id": 0, "instances": []}], "entry 0 is no COCO detection"),
        ([detection(True, [1, 2, 0.5])], "'image_id' must be"),
        ([detection(0, [1, 2, 0.5]), detection(1, [1, 2])], "entry 1 has 2 keypoint numbers"),
        ([detection(0, [1, 2])], "3 x J numbers"),
        ([detection(0, ["a", 2, 3])], "3 x J numbers"),
        ([detection("cam.jpg", [1, 2, 0.5])], "'cam' has no frame number"),
        ([detection(1.5, [1, 2, 0.5])], "'image_id' must be"),
        ([detection(None, [1, 2, 0.5])], "'image_id' must be"),
        ([detection(10**30, [1, 2, 0.5])], "too large for a frame number"),
        ([detection(0, [1, 2, 0.5], score="high")], "'score' must be a number"),
    ],
)
def test_refusals_name_the_file(tmp_path, detections, words):
    with pytest.raises(InputError, match=f"cam1.json: .*{words}") as caught:
        read_coco(write(tmp_path / "cam1.json", detections))
    assert "\n" not in str(caught.value)
