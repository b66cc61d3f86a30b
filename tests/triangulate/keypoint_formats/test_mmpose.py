from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoint_formats.mmpose import read_mmpose
from triangulate.skeleton import Skeleton

COCO = Skeleton.named("coco17")


def person(x: float, joints: int = 17, score: float = 0.5) -> dict[str, Any]:
    """Joint j at (x + j, 100 + j), as MMPose's inferencer writes a person: the box is a 1-tuple."""
    return {
        "keypoints": [[x + j, 100.0 + j] for j in range(joints)],
        "keypoint_scores": [score] * joints,
        "bbox": [[1.0, 2.0, 3.0, 4.0]],
        "bbox_score": 0.9,
    }


def video(*frames: tuple[int, list]) -> list[dict[str, Any]]:
    return [{"frame_id": number, "instances": people} for number, people in frames]


def meta(skeleton: Skeleton) -> dict[str, Any]:
    """What `dataset_meta` of a model holds, as JSON has it."""
    return {
        "dataset_name": "coco",
        "num_keypoints": len(skeleton.joint_names),
        "keypoint_id2name": {str(j): name for j, name in enumerate(skeleton.joint_names)},
        "keypoint_name2id": {name: j for j, name in enumerate(skeleton.joint_names)},
        "flip_pairs": [pair for a, b in skeleton.flip_pairs for pair in ([b, a], [a, b])],
        "skeleton_links": [list(edge) for edge in skeleton.edges],
        "sigmas": [0.026] * len(skeleton.joint_names),
    }


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent="  "))
    return path


def test_a_bare_list(tmp_path):
    frames = video((0, [person(1), person(50)]), (1, []), (4, [person(3, score=1.25)]))
    frames[0]["instances"][1]["keypoints"][2] = [float("nan"), 5]
    frames[0]["instances"][1]["keypoint_scores"][3] = 0
    view = read_mmpose(write(tmp_path / "a.json", frames))
    assert view.frames.tolist() == [0, 1, 4]
    assert view.skeleton is None
    assert view.points_px.shape == (3, 2, 17, 2)
    assert view.points_px[0, :, 5].tolist() == [[6, 105], [55, 105]]
    assert view.points_px[2, 0, 16].tolist() == [19, 116]
    assert view.confidence[0, 1, :5].tolist() == [0.5, 0.5, 0, 0, 0.5]
    assert view.confidence[1].max() == 0
    assert view.confidence[2, 0, 0] == 1.25


@pytest.mark.parametrize("name", ["coco17", "halpe26", "coco_wholebody133"])
def test_meta_info_names_the_joints(tmp_path, name):
    skeleton = Skeleton.named(name)
    frames = video((1, [person(1, len(skeleton.joint_names))]))
    content = {"meta_info": meta(skeleton), "instance_info": frames}
    view = read_mmpose(write(tmp_path / "a.json", content))
    assert view.skeleton == skeleton
    assert view.frames.tolist() == [1]


def test_joints_of_ones_own(tmp_path):
    own = Skeleton.from_edges(["nose", "left_paw", "right_paw"], [(0, 1), (0, 2)])
    content = {"meta_info": meta(own), "instance_info": video((0, [person(1, 3)]))}
    assert read_mmpose(write(tmp_path / "a.json", content)).skeleton == own


def test_meta_info_without_names_counts_the_joints(tmp_path):
    content = {"meta_info": {"dataset_name": "coco"}, "instance_info": video((0, [person(1)]))}
    assert read_mmpose(write(tmp_path / "a.json", content)).skeleton is None


def test_through_the_door(tmp_path):
    for name, first in (("cam1", 0), ("cam2", 1)):
        frames = video((first, [person(1, score=1.5)]), (first + 2, [person(2)]))
        write(tmp_path / f"{name}.json", {"meta_info": meta(COCO), "instance_info": frames})
    with pytest.raises(InputError, match="camera 'cam1' shares no frame number"):
        load_keypoints_from(tmp_path)
    frames = video((0, [person(1, score=1.5)]), (3, [person(2)]))
    write(tmp_path / "cam2.json", {"meta_info": meta(COCO), "instance_info": frames})
    keypoints = load_keypoints_from(tmp_path)
    assert keypoints.skeleton == COCO
    assert keypoints.frames.tolist() == [0, 1, 2, 3]
    assert keypoints.source == "MMPose; confidences above 1 (up to 1.50) clipped to 1"
    seen = keypoints.confidence[:, :, 0, 0]
    assert seen.tolist() == [[1, 1], [0, 0], [0.5, 0], [0, 0.5]]
    some = load_keypoints_from(tmp_path, skeleton=Skeleton.from_edges(["right_ankle"], []))
    np.testing.assert_array_equal(some.points_px[0, 0, 0], [[17, 116]])


def test_a_file_an_image(tmp_path):
    for camera, x in (("cam1", 1), ("cam2", 7)):
        write(tmp_path / camera / "img_0004.json", [person(x), person(x + 50)])
        write(tmp_path / camera / "img_0010.json", [person(x + 1)])
        write(tmp_path / camera / "img_0012.json", [])
    keypoints = load_keypoints_from(tmp_path)
    assert keypoints.skeleton == COCO
    assert keypoints.frames.tolist() == list(range(4, 13))
    np.testing.assert_array_equal(keypoints.points_px[0, :, 1, 0], [[51, 100], [57, 100]])
    np.testing.assert_array_equal(keypoints.points_px[6, :, 0, 0], [[2, 100], [8, 100]])
    named = {"meta_info": meta(COCO), "instance_info": [person(1)]}
    write(tmp_path / "named" / "a_1.json", named)
    assert read_mmpose(tmp_path / "named").skeleton == COCO
    write(tmp_path / "named" / "a_2.json", [person(1)])
    with pytest.raises(InputError, match=r"a_2\.json: has other joints than .*a_1\.json"):
        read_mmpose(tmp_path / "named")
    with pytest.raises(InputError, match=r"img_0004\.json: holds the people of a single image"):
        load_keypoints_from(tmp_path / "cam1" / "img_0004.json")


def test_nobody(tmp_path):
    view = read_mmpose(write(tmp_path / "a.json", video((0, []), (1, []))))
    assert not view.has_points
    assert view.frames.tolist() == [0, 1]


SHORT = person(1) | {"keypoint_scores": [0.5] * 16}
FLAT = person(1) | {"keypoints": [1.0, 2.0, 0.5]}
TEXT = person(1) | {"keypoints": [["a", 2.0]] * 17}
IN_3D = person(1) | {"keypoints": [[1.0, 2.0, 3.0]] * 17}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"instance_info": 3}, "no list of frames or people"),
        ({"meta_info": {}}, "no list of frames or people"),
        ([3], "entry 0 is no frame of MMPose's"),
        ([{"frame_id": "0", "instances": []}], "entry 0 is no frame of MMPose's"),
        ([{"instances": []}], "entry 0 is no frame of MMPose's"),
        (video((0, []), (0, [])), "holds frame 0 twice"),
        (video((0, [3])), "somebody in frame 0 has no 'keypoints' and 'keypoint_scores'"),
        (video((0, [{"keypoints": [[1, 2]]}])), "somebody in frame 0 has no 'keypoints'"),
        (video((0, [SHORT])), "as many 'keypoint_scores'"),
        (video((0, [FLAT])), r"must be \[x, y\] for every joint"),
        (video((0, [TEXT])), r"must be \[x, y\] for every joint"),
        (video((0, [IN_3D])), "three coordinates"),
        (
            video((0, [person(1)]), (5, [person(1, 26)])),
            "frame 5 has 26 joints, but frame 0 17",
        ),
        (
            {"meta_info": meta(COCO), "instance_info": video((0, [person(1, 16)]))},
            "frame 0 has 16 joints, but 'meta_info' names 17",
        ),
        (
            {"meta_info": {"keypoint_id2name": {"1": "nose"}}, "instance_info": []},
            "does not name joints 0, 1, 2",
        ),
        (
            {"meta_info": meta(COCO) | {"flip_pairs": [[1, 1e999]]}, "instance_info": []},
            "and pairs of them",
        ),
        (video((10**30, [])), "too large for a frame number"),
    ],
)
def test_refusals_name_the_file(tmp_path, content, words):
    with pytest.raises(InputError, match=f"cam1.json: .*{words}") as caught:
        read_mmpose(write(tmp_path / "cam1.json", content))
    assert "\n" not in str(caught.value)


def test_a_file_cut_short(tmp_path):
    path = write(tmp_path / "cam1.json", video((0, [person(1)]), (1, [person(1)])))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=r"cam1\.json: is no JSON, or cut short"):
        load_keypoints_from(path)
