from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import frame_number
from triangulate.keypoint_formats.openpose import read_openpose


def write_frame(folder: Path, name: str, people: list, key: str = "pose_keypoints_2d") -> None:
    """A file as OpenPose writes it; a person is a list of numbers, or the whole object."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = [
        {"person_id": [-1], key: person, "face_keypoints_2d": [], "pose_keypoints_3d": []}
        if isinstance(person, list)
        else person
        for person in people
    ]
    (folder / name).write_text(json.dumps({"version": 1.3, "people": objects}))


def test_real_folder(shared):
    """Values read by eye from the files."""
    folder = shared / "pose2sim_balancing" / "pose_openpose_body25b"
    view = read_openpose(folder / "cam01_json")
    assert view.frames.tolist() == list(range(100))
    assert view.points_px.shape == (100, 3, 25, 2)
    assert (view.confidence > 0).any(-1).sum(0).tolist() == [100, 100, 1]
    np.testing.assert_allclose(
        view.points_px[0, 0, :2].ravel(), [505.232, 431.63, 515.849, 410.613]
    )
    np.testing.assert_allclose(view.confidence[0, 0, :2], [0.664216, 0.60741])
    np.testing.assert_allclose(view.points_px[0, 1, 0], [79.3784, 331.803])
    assert view.confidence[0, 1, 24] == 0
    one = read_openpose(folder / "cam03_json")
    assert one.points_px.shape == (100, 1, 25, 2)
    np.testing.assert_allclose(one.points_px[57, 0, 24], [641.921, 978.365])
    np.testing.assert_allclose(one.confidence[57, 0, [0, 24]], [0.0878351, 0.453956])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("cam01.0042", 42),
        ("walk_000000000042_keypoints", 42),
        ("2024-05-06_cam3_7", 7),
        ("frame12_pose2d", 12),
        ("img0042", 42),
        ("7", 7),
    ],
)
def test_frame_number_is_the_last_run_of_digits(name, number):
    assert frame_number(name, "here") == number


@pytest.mark.parametrize("name", ["keypoints", "9" * 30])
def test_names_without_a_frame_number_are_refused(name):
    with pytest.raises(InputError, match=r"here: .*frame number"):
        frame_number(name, "here")


def test_people_frames_and_missing_joints(tmp_path):
    folder = tmp_path / "cam1_json"
    ann, bob = [10, 20, 0.5, 0, 0, 0], [30, 40, 0.25, 50, 60, 1.25]
    write_frame(folder, "cam1_010_keypoints.json", [ann, bob])
    write_frame(folder, "cam1_002_keypoints.json", [{}, bob])
    write_frame(folder, "cam1_004_keypoints.json", [])
    write_frame(folder, "cam1_005_keypoints.json", [[0, 0, 0, 0, 0, 0], [0] * 6, [0] * 6])
    write_frame(folder, "cam1_006_keypoints.json", [[0, 0, 0.5, None, 1, 0.5]])
    (folder / "._cam1_011_keypoints.json").write_bytes(b"\0")
    view = read_openpose(folder)
    assert view.frames.tolist() == [2, 4, 5, 6, 10]
    assert view.points_px.shape == (5, 2, 2, 2)
    present = view.confidence > 0  # (T, P, J)
    assert present[0].tolist() == [[False, False], [True, True]]
    assert not present[1:4].any()
    assert view.points_px[4, 0, 0].tolist() == [10, 20]
    assert view.confidence[4].tolist() == [[0.5, 0], [0.25, 1.25]]


def test_first_versions_of_openpose(tmp_path):
    write_frame(tmp_path / "cam1", "a_0.json", [[1, 2, 0.5]], key="pose_keypoints")
    assert read_openpose(tmp_path / "cam1").points_px.tolist() == [[[[1, 2]]]]


def test_a_single_file_is_one_frame(tmp_path):
    write_frame(tmp_path, "cam1_0007.json", [[1, 2, 0.5]])
    view = read_openpose(tmp_path / "cam1_0007.json")
    assert (view.frames.tolist(), view.points_px.shape) == ([7], (1, 1, 1, 2))


def test_nobody_in_any_frame(tmp_path):
    write_frame(tmp_path, "a_0.json", [])
    write_frame(tmp_path, "a_1.json", [[0] * 75])
    view = read_openpose(tmp_path)
    assert view.frames.tolist() == [0, 1]
    assert not view.has_points


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no JSON"),
        ('{"people": [', "is no JSON, or cut short"),
        ("\xff", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "an object with a list 'people'"),
        ("3", "an object with a list 'people'"),
        ('{"version": 1}', "an object with a list 'people'"),
        ('{"people": {}}', "an object with a list 'people'"),
        ('{"people": [3]}', "a person has no 'pose_keypoints_2d'"),
        ('{"people": [{"hand_left_keypoints_2d": []}]}', "a person has no 'pose_keypoints_2d'"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "3 x J numbers"),
        ('{"people": [{"pose_keypoints_2d": [[1, 2, 3], [4]]}]}', "3 x J numbers"),
        ('{"people": [{"pose_keypoints_2d": [[1, 2, 3]]}]}', "3 x J numbers"),
        ('{"people": [{"pose_keypoints_2d": "abc"}]}', "3 x J numbers"),
        ('{"people": [{"pose_keypoints_2d": {"x": 1}}]}', "3 x J numbers"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 0.5, 3, 4, 0.5]}]}', "holds 2 joints, but"),
    ],
)
def test_a_bad_file_among_good_ones_is_named(tmp_path, content, words):
    write_frame(tmp_path, "a_0.json", [[1, 2, 0.5]])
    (tmp_path / "a_1.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=f"a_1.json: .*{words}") as caught:
        read_openpose(tmp_path)
    assert "\n" not in str(caught.value)


def test_two_cameras_in_one_folder_are_refused(tmp_path):
    write_frame(tmp_path, "cam1_0.json", [[1, 2, 0.5]])
    write_frame(tmp_path, "cam2_0.json", [[1, 2, 0.5]])
    with pytest.raises(InputError, match=r"'cam1_0.json' and 'cam2_0.json' are both frame 0"):
        read_openpose(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.json file"):
        read_openpose(tmp_path)
