from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoint_formats.mediapipe import read_mediapipe
from triangulate.skeleton import Skeleton

SIZE = (640, 480)
LEFT_WRIST = 15


def landmarks(x: float = 0.25, visibility: float | None = 0.5) -> list[dict[str, float]]:
    """Landmark j at (x + j / 64, j / 32) of the image: pixels (640 x + 10 j, 15 j) of 640 x 480."""
    told = {} if visibility is None else {"visibility": visibility}
    return [{"x": x + j / 64, "y": j / 32, "z": -0.1, **told} for j in range(33)]


def as_lists(person: list[dict[str, float]]) -> list[list[float]]:
    return [[item["x"], item["y"], item["z"], item["visibility"]] for item in person]


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


PEOPLE = landmarks(0.25), landmarks(0.5)
# Frame 0 shows one person, frame 1 nobody, frame 2 another.
SHAPES = {
    "list": [PEOPLE[0], None, PEOPLE[1]],
    "lists of numbers": [as_lists(PEOPLE[0]), [], as_lists(PEOPLE[1])],
    "several people a frame": [[PEOPLE[0]], [], [PEOPLE[1]]],
    "people of numbers": [[as_lists(PEOPLE[0])], [], [as_lists(PEOPLE[1])]],
    "frames": {"fps": 30, "frames": [PEOPLE[0], [], PEOPLE[1]]},
    "landmarks": {"landmarks": [PEOPLE[0], None, PEOPLE[1]]},
    "numbered": [
        {"frame": 2, "landmarks": PEOPLE[1]},
        {"frame": 0, "landmarks": PEOPLE[0]},
        {"frame": 1, "landmarks": None},
    ],
    "tasks": {
        "frames": [
            {"frame_index": 0, "timestamp_ms": 0, "pose_landmarks": [PEOPLE[0]]},
            {"frame_index": 1, "timestamp_ms": 33, "pose_landmarks": []},
            {"frame_index": 2, "timestamp_ms": 66, "pose_landmarks": [PEOPLE[1]]},
        ]
    },
    "javascript": [
        {"poseLandmarks": PEOPLE[0], "poseWorldLandmarks": PEOPLE[0]},
        {"poseLandmarks": None},
        {"poseLandmarks": PEOPLE[1]},
    ],
    "capitals": [
        [{key.capitalize(): value for key, value in item.items()} for item in PEOPLE[0]],
        [],
        PEOPLE[1],
    ],
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(tmp_path, name):
    view = read_mediapipe(write(tmp_path / "a.json", SHAPES[name]), SIZE)
    assert view.frames.tolist() == [0, 1, 2]
    assert view.skeleton == Skeleton.named("mediapipe33")
    assert view.points_px.shape == (3, 1, 33, 2)
    assert view.points_px[0, 0, LEFT_WRIST].tolist() == [310, 225]
    assert view.points_px[2, 0, LEFT_WRIST].tolist() == [470, 225]
    assert view.confidence[:, 0, LEFT_WRIST].tolist() == [0.5, 0, 0.5]
    assert view.confidence[2, 0, 32] == 0.5  # x = 1: at the edge of the image is no reason
    assert view.size == SIZE


def test_where_the_size_comes_from(tmp_path):
    """What is told goes before the file's, that before the calibration's."""
    bare, own = SHAPES["frames"], SHAPES["frames"] | {"width": 320, "height": 240.0}
    bare, own = write(tmp_path / "bare.json", bare), write(tmp_path / "own.json", own)
    wrists = [
        read_mediapipe(path, *sizes).points_px[0, 0, LEFT_WRIST].tolist()
        for path, sizes in (
            (own, (SIZE, (1, 1))),
            (own, (None, (1, 1))),
            (bare, (None, (1280, 960))),
        )
    ]
    assert wrists == [[310, 225], [155, 112.5], [620, 450]]
    assert read_mediapipe(bare, None, SIZE).notes == (
        "frames without numbers counted from 0",
        "multiplied by the calibration's image sizes",
    )
    odd = write(tmp_path / "odd.json", {"width": "a", "height": 3, "frames": []})
    with pytest.raises(InputError, match=r"odd\.json: width and height must be pixels, got 'a'"):
        read_mediapipe(odd)
    with pytest.raises(InputError, match=r"bare\.json: .*pass sizes=\{'bare': \(width, height\)\}"):
        read_mediapipe(bare)


def test_several_people_missing_points_and_visibilities(tmp_path):
    first, second = landmarks(0.25), landmarks(0.5)
    first[3] = {"x": float("nan"), "y": 0.5, "visibility": 0.9}
    first[4] = None
    second[5]["visibility"] = 7.25  # as MediaPipe wrote before 0.8
    view = read_mediapipe(write(tmp_path / "a.json", [[first, second]]), SIZE)
    assert view.points_px.shape == (1, 2, 33, 2)
    assert view.confidence[0, 0, 2:6].tolist() == [0.5, 0, 0, 0.5]
    assert view.confidence[0, 1, 5] == 7.25
    assert view.points_px[0, :, 1].tolist() == [[170, 15], [330, 15]]


def test_without_visibilities(tmp_path):
    view = read_mediapipe(write(tmp_path / "a.json", [landmarks(visibility=None)]), SIZE)
    assert np.unique(view.confidence).tolist() == [1]
    assert view.notes[-1] == "landmarks without visibility have confidence 1"


def test_through_the_door(tmp_path):
    for name in ("cam1", "cam2"):
        write(tmp_path / f"{name}.json", SHAPES["numbered"])
    keypoints = load_keypoints_from(tmp_path, sizes={"cam1": SIZE}, rig_sizes=[None, (480, 640)])
    assert keypoints.skeleton == Skeleton.named("mediapipe33")
    assert keypoints.sizes == (SIZE, (480, 640))
    assert keypoints.points_px[0, :, 0, LEFT_WRIST].tolist() == [[310, 225], [232.5, 300]]
    assert keypoints.source == "MediaPipe landmarks; multiplied by the calibration's image sizes"
    coco = load_keypoints_from(tmp_path, ["cam2", "cam1"], "coco17", sizes=[SIZE, SIZE])
    assert coco.points_px[2, 0, 0, 9].tolist() == [470, 225]
    with pytest.raises(InputError, match=r"cam2\.json: .*neither the file nor the calibration"):
        load_keypoints_from(tmp_path, sizes={"cam1": SIZE})


def test_nobody(tmp_path):
    assert not read_mediapipe(write(tmp_path / "a.json", [None, []])).has_points


TRIPLES = [item[:3] for item in as_lists(PEOPLE[0])]
PIXELS = [{"x": 640 * item["x"], "y": 480 * item["y"], "visibility": 1} for item in PEOPLE[0]]
TEXT = [item | {"x": "left"} for item in PEOPLE[0]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (3, "holds no list of frames"),
        ({"frames": 3}, "holds no list of frames"),
        ({"frames": [], "landmarks": []}, "holds frames and landmarks"),
        ({"fps": 30}, "holds no landmarks"),
        ({"pose_world_landmarks": [PEOPLE[0]]}, "world landmarks alone"),
        ([{"pose_world_landmarks": PEOPLE[0]}], "frame 0 of the file holds world landmarks alone"),
        ([{"landmarks": [], "pose_landmarks": []}], "holds landmarks and pose_landmarks"),
        (PEOPLE[0], "the landmarks of a single image"),
        (as_lists(PEOPLE[0]), "the landmarks of a single image"),
        ({"landmarks": PEOPLE[0]}, "the landmarks of a single image"),
        ([PEOPLE[0], 3], "frame 1 of the file holds no list of landmarks"),
        ([[[3, "a"]]], "holds no lists of landmarks"),
        ([PEOPLE[0][:21]], "frame 0 holds 21 landmarks, but a body has 33"),
        ([PEOPLE[0], PEOPLE[1] + PEOPLE[1]], "frame 1 holds 66 landmarks"),
        ([TRIPLES], "or the list x, y, z, visibility, got"),
        ([[*PEOPLE[0][:-1], "a"]], "must be an object with x, y and visibility"),
        ([TEXT], "holds no numbers"),
        ([PIXELS], "pixels already"),
        ([{"frame": 0, "landmarks": []}, {"landmarks": []}], "frame 1 of the file has no whole"),
        ([{"frame": 0.5, "landmarks": []}], "frame 0 of the file has no whole number 'frame'"),
        ([{"frame": 4, "landmarks": []}] * 2, "holds frame 4 twice"),
    ],
)
def test_refusals_name_the_file(tmp_path, content, words):
    with pytest.raises(InputError, match=f"cam1.json: .*{words}") as caught:
        read_mediapipe(write(tmp_path / "cam1.json", content), SIZE)
    assert "\n" not in str(caught.value)
