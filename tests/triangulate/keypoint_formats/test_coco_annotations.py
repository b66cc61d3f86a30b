from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoint_formats.coco_annotations import read_coco_annotations
from triangulate.skeleton import Skeleton

COCO = Skeleton.named("coco17")
ANIMAL = {
    "id": 1,
    "name": "mouse",
    "supercategory": "animal",
    "keypoints": ["Snout", "LeftEar", "RightEar"],
    "skeleton": [[1, 2], [1, 3]],
}


def image(number: int, name: str, size: tuple[int, int] = (640, 480)) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": size[0], "height": size[1], "license": 1}


def annotation(image_id: int, keypoints: list[float], **more: Any) -> dict[str, Any]:
    return {
        "id": 100 + image_id,
        "image_id": image_id,
        "category_id": 1,
        "keypoints": keypoints,
        "num_keypoints": sum(v > 0 for v in keypoints[2::3]),
        "iscrowd": 0,
        "area": 12.5,
        "bbox": [1, 2, 3, 4],
        **more,
    }


def dataset(annotations: list, images: list | None = None, category: Any = ANIMAL) -> dict:
    known = [image(7, "walk/img_0003.png"), image(5, "img_0001.png"), image(9, "img_0004.png")]
    return {
        "info": {},
        "licenses": [],
        "images": known if images is None else images,
        "annotations": annotations,
        "categories": [category],
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_visibilities_frames_and_joints(tmp_path):
    annotations = [
        annotation(7, [10, 20, 2, 30, 40, 1, 0, 0, 0]),
        annotation(7, [0, 0, 0, 0, 0, 0, 0, 0, 0], iscrowd=1),
        annotation(7, [11, 21, 2, 31, 41, 2, 51, 61, 2]),
        annotation(5, [12, 22, 0, 32, 42, 2, 0, 0, 2]),
        {"id": 1, "image_id": 9, "category_id": 2, "bbox": [0, 0, 1, 1]},
    ]
    view = read_coco_annotations(write(tmp_path / "a.json", dataset(annotations)))
    assert view.frames.tolist() == [1, 3, 4]
    assert view.size == (640, 480)
    assert view.points_px.shape == (3, 2, 3, 2)
    assert view.confidence.tolist() == [
        [[0, 1, 0], [0, 0, 0]],
        [[1, 1, 0], [1, 1, 1]],
        [[0, 0, 0], [0, 0, 0]],
    ]
    assert view.points_px[1, :, 0].tolist() == [[10, 20], [11, 21]]
    assert view.skeleton.joint_names == ("snout", "left_ear", "right_ear")
    assert view.skeleton.edges == ((0, 1), (0, 2))
    assert view.skeleton.flip_pairs == ((1, 2),)


def test_confidences_where_visibilities_stand(tmp_path):
    content = dataset([annotation(5, [10, 20, 0.25, 30, 40, 0.75, 5, 6, 0])])
    view = read_coco_annotations(write(tmp_path / "a.json", content))
    assert view.confidence[0, 0].tolist() == [0.25, 0.75, 0]
    assert view.notes == ()


def test_through_the_door(tmp_path):
    links = [[a + 1, b + 1] for a, b in COCO.edges]
    person = ANIMAL | {"name": "person", "keypoints": COCO.joint_names, "skeleton": links}
    for name, size in (("cam1", (640, 480)), ("cam2", (480, 640))):
        keypoints = [value for j in range(17) for value in (j + 1, 100 + j, 2)]
        images = [image(0, f"{name}_000008.jpg", size)]
        content = dataset([annotation(0, keypoints, score=0.5)], images, person)
        write(tmp_path / f"{name}_labels.json", content)
    keypoints = load_keypoints_from(tmp_path)
    assert keypoints.skeleton == COCO
    assert keypoints.sizes == ((640, 480), (480, 640))
    assert keypoints.frames.tolist() == [8]
    assert keypoints.source == "COCO annotations; visibilities replaced by the detection's score"
    np.testing.assert_array_equal(keypoints.points_px[0, :, 0, 16], [[17, 116]] * 2)
    assert np.unique(keypoints.confidence).tolist() == [0.5]
    told = load_keypoints_from(tmp_path, sizes={"cam2": (10, 20)}, rig_sizes=[(1, 1), (2, 2)])
    assert told.sizes == ((640, 480), (10, 20))


def test_sizes_and_bones_that_are_not_told(tmp_path):
    images = [{"id": 5, "file_name": "1.png"}]
    category = {"id": 1, "keypoints": ["a", "b"], "skeleton": [[0, 1]]}  # counted from 0
    content = dataset([annotation(5, [1, 2, 2, 3, 4, 2])], images, category)
    view = read_coco_annotations(write(tmp_path / "a.json", content))
    assert (view.size, view.skeleton.edges) == (None, ())
    assert view.notes[-1] == "its image sizes are not told"


def test_nobody(tmp_path):
    view = read_coco_annotations(write(tmp_path / "a.json", dataset([])))
    assert not view.has_points
    assert view.frames.tolist() == [1, 3, 4]
    crowd = dataset([annotation(5, [0] * 9)])
    assert not read_coco_annotations(write(tmp_path / "a.json", crowd)).has_points


GOOD = annotation(5, [1, 2, 2, 3, 4, 2, 5, 6, 2])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "has no list 'images' of objects"),
        ({"images": [3], "annotations": [], "categories": []}, "has no list 'images'"),
        ({"images": [], "annotations": {}}, "has no list 'annotations'"),
        ({"images": [], "annotations": []}, "has no list 'categories'"),
        (dataset([GOOD], [{"id": 5}]), "every image needs 'id' and 'file_name'"),
        (dataset([GOOD], [{"id": 5.5, "file_name": "1.png"}]), "every image needs 'id'"),
        (dataset([GOOD], [image(5, "a.png")]), "'a' has no frame number"),
        (dataset([GOOD], [image(5, "1.png"), image(5, "2.png")]), "holds image 5 twice"),
        (dataset([GOOD], [image(5, "a/1.png"), image(6, "b/1.png")]), "holds frame 1 twice"),
        (dataset([GOOD], [image(5, "1.png"), image(6, "2.png", (4, 3))]), "differ in size"),
        (dataset([annotation(3, [1, 2, 2])]), "an annotation is of the image 3, which is none"),
        (dataset([GOOD | {"image_id": [5]}]), r"an annotation is of the image \[5\]"),
        (dataset([GOOD | {"category_id": {}}]), "name no joints"),
        (
            dataset([GOOD], [image(5, "1.png"), image(6, "2.png", ([], {}))]),
            r"differ in size \(640 x 480 and \[\] x \{\}\)",
        ),
        (dataset([annotation(5, [1, 2, 2])]), "annotation 105 has 1 joints.* names 3"),
        (dataset([annotation(5, [1, 2])]), "3 x J numbers"),
        (
            dataset([GOOD, annotation(7, [1, 2, 2])]),
            "annotation 107 has 3 keypoint numbers, but annotation 105 has 9",
        ),
        (dataset([GOOD], category={"id": 1, "name": "a"}), "name no joints"),
        (dataset([GOOD], category=ANIMAL | {"id": 4}), "name no joints"),
        (dataset([GOOD], category=ANIMAL | {"keypoints": ["a", "a", "b"]}), "given twice: a"),
        (dataset([GOOD | {"score": "high"}]), "'score' must be a number"),
    ],
)
def test_refusals_name_the_file(tmp_path, content, words):
    with pytest.raises(InputError, match=f"cam1.json: .*{words}") as caught:
        read_coco_annotations(write(tmp_path / "cam1.json", content))
    assert "\n" not in str(caught.value)


def test_two_kinds_of_joints_are_refused(tmp_path):
    content = dataset([GOOD, annotation(7, [1, 2, 2, 3, 4, 2, 5, 6, 2], category_id=2)])
    content["categories"].append(ANIMAL | {"id": 2, "keypoints": ["a", "b", "c"]})
    with pytest.raises(InputError, match="the categories of its annotations differ in their"):
        read_coco_annotations(write(tmp_path / "a.json", content))
