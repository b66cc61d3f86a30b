from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats.sources import find_sources, natural_order
from triangulate.keypoints import Keypoints2D
from triangulate.skeleton import Skeleton

FRAME = json.dumps({"people": [{"pose_keypoints_2d": [1, 2, 0.5]}]})
RESULTS = json.dumps([{"image_id": 0, "keypoints": [1, 2, 0.5]}])
PERSON = {"keypoints": [[1, 2]], "keypoint_scores": [0.5], "bbox": [[0, 0, 4, 4]]}
LANDMARK = {"x": 0.5, "y": 0.25, "z": 0, "visibility": 0.9}
# What recognises a JSON file -> its format.
CONTENTS = [
    ([], "coco"),
    ([3], "coco"),
    ([{"image_id": 0}], "coco"),
    ([{"frame_id": 0, "instances": []}], "mmpose"),
    ({"meta_info": {}, "instance_info": []}, "mmpose"),
    ({"instance_info": [{"frame_id": 1, "instances": [PERSON]}]}, "mmpose"),
    ([None, [], [LANDMARK] * 33], "mediapipe"),
    ([[[0.5, 0.25, 0, 0.9]] * 33], "mediapipe"),
    ([{"frame": 0, "landmarks": []}], "mediapipe"),
    ({"frames": [None, {"pose_landmarks": [[LANDMARK] * 33]}]}, "mediapipe"),
    ({"width": 4, "height": 2, "frames": [[LANDMARK] * 33]}, "mediapipe"),
    ({"poseLandmarks": [[LANDMARK] * 33]}, "mediapipe"),
    ({"info": {}, "images": [], "annotations": [], "categories": []}, "coco_annotations"),
    ({"0.jpg": {"version": "AlphaPose v0.3", "people": []}}, "alphapose"),
    ({"0.jpg": {"version": "AlphaPose v0.3", "bodies": []}}, "alphapose"),
    ({"people": []}, "openpose"),
]
TABLE = "scorer,s,s\nbodyparts,a,a\ncoords,x,y\n0,10,20\n"


def write(folder: Path, **texts: str) -> None:
    """Files `name__suffix=content`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)


def write_sleap(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["tracks"] = np.zeros((1, 2, 1, 1))
        file["node_names"] = np.array([b"a"])


def found(path: Path) -> list[tuple[str, str, str]]:
    return [(s.name, s.path.name, s.format) for s in find_sources(path)]


def test_numbers_sort_as_numbers():
    names = ["cam10", "cam2", "cam1", "b", "1"]
    assert sorted(names, key=natural_order) == ["1", "b", "cam1", "cam2", "cam10"]


def test_single_files(tmp_path):
    write(tmp_path, a__json=FRAME, b__json="\ufeff \n" + RESULTS, c__csv=TABLE)
    write_sleap(tmp_path / "d.h5")
    points = np.ones((1, 1, 1, 1, 2))
    Keypoints2D(points, points[..., 0], ("a",), Skeleton.anonymous(1)).save(tmp_path / "e.npz")
    formats = ("openpose", "coco", "deeplabcut", "sleap", "npz")
    for name, format_name in zip("abcde", formats, strict=True):
        path = next(tmp_path.glob(f"{name}.*"))
        assert found(path) == [(name, path.name, format_name)]


@pytest.mark.parametrize(("content", "format_name"), CONTENTS)
def test_json_by_content(tmp_path, content, format_name):
    write(tmp_path, a__json=json.dumps(content))
    assert found(tmp_path / "a.json") == [("a", "a.json", format_name)]


def test_long_lists_are_not_read_to_their_end(tmp_path):
    """The first frames, longer than what is read at once, are empty; the end is cut off."""
    empty = json.dumps({"frame_id": 0, "instances": [PERSON] * 20_000})
    write(tmp_path, a__json="[[], null,\n {},  " + empty + ", {")
    assert (tmp_path / "a.json").stat().st_size > 2**20
    assert found(tmp_path / "a.json") == [("a", "a.json", "mmpose")]


def test_a_folder_of_images_of_mmpose_is_one_camera(tmp_path):
    text = json.dumps([PERSON])
    write(tmp_path / "cam1", a_0__json=text, a_1__json=text)
    write(tmp_path / "cam2", a_0__json=json.dumps({"meta_info": {}, "instance_info": [PERSON]}))
    assert found(tmp_path) == [("cam1", "cam1", "mmpose"), ("cam2", "cam2", "mmpose")]


def test_tables_without_the_words(tmp_path):
    write(tmp_path, a__csv=",s,s\n,a,a\n,x,y\n0,10,20\n", b__csv=",s,s\n,a,a\n0,10,20\n")
    assert found(tmp_path / "a.csv") == [("a", "a.csv", "deeplabcut")]
    with pytest.raises(InputError, match=r"b\.csv: is of no format known here"):
        find_sources(tmp_path / "b.csv")


def test_deeplabcut_h5_is_no_sleap_h5(tmp_path):
    pytest.importorskip("tables")
    columns = pd.MultiIndex.from_product([["s"], ["a"], ["x", "y"]])
    frame = pd.DataFrame([[1.0, 2.0]], columns=columns)
    frame.to_hdf(tmp_path / "cam1.h5", key="df_with_missing", format="table", mode="w")
    assert found(tmp_path / "cam1.h5") == [("cam1", "cam1.h5", "deeplabcut")]


def test_a_folder_of_frames_is_one_camera(tmp_path):
    write(tmp_path / "cam1_json", a_0__json=FRAME, a_1__json=FRAME)
    assert found(tmp_path / "cam1_json") == [("cam1_json", "cam1_json", "openpose")]


def test_the_folder_one_stands_in_has_a_name(tmp_path, monkeypatch):
    write(tmp_path / "cam1", a_0__json=FRAME)
    monkeypatch.chdir(tmp_path / "cam1")
    assert find_sources(Path("."))[0].name == "cam1"


def test_a_folder_of_camera_folders(tmp_path):
    for name in ("cam10", "cam2"):
        write(tmp_path / name, a_0__json=FRAME)
    write(tmp_path / "videos", readme__txt="")
    write(tmp_path, calibration__json="{}", notes__csv="a,b\n", rig__yaml="")
    assert found(tmp_path) == [("cam2", "cam2", "openpose"), ("cam10", "cam10", "openpose")]


def test_a_folder_of_files(tmp_path):
    write(tmp_path, cam1__json=RESULTS, cam2__json=RESULTS, _hidden__txt="")
    assert found(tmp_path) == [("cam1", "cam1.json", "coco"), ("cam2", "cam2.json", "coco")]


def test_camera_folders_with_a_file_each(shared):
    """The mouse's folders hold videos and SLEAP projects too, and 3D points lie beside them."""
    folder = shared / "sleap_anipose_mouse" / "minimal_session"
    assert [(s.name, s.format) for s in find_sources(folder)] == [
        (name, "sleap") for name in ("back", "mid", "side", "top")
    ]


def test_of_a_table_written_twice_one_is_taken(tmp_path, monkeypatch):
    write(tmp_path, cam1__csv=TABLE)
    write_sleap(tmp_path / "cam1.h5")  # stands for DeepLabCut's
    assert [s.path.suffix for s in find_sources(tmp_path)] == [".h5"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [s.path.suffix for s in find_sources(tmp_path)] == [".csv"]


def test_a_stray_file_among_frames_is_left_to_the_reader(tmp_path):
    write(tmp_path, calibration__json="{}", a_0__json=FRAME)
    assert found(tmp_path) == [(tmp_path.name, tmp_path.name, "openpose")]


def test_unknown_and_broken_files(tmp_path):
    write(
        tmp_path,
        text__json="hello",
        object__json="{}",
        dataset__json='{"annotations": []}',
        cut__json='{"people": [',
        list__json='[[], {"frame_id": 0, "inst',
        transforms__json='{"frames": [{"transform_matrix": [[1]]}]}',
        body__json='{"version": "AlphaPose v0.3", "bodies": [{"joints": [1, 2, 3]}]}',
        empty__json="",
        table__csv="a,b\n1,2\n",
        broken__h5="\u0089HDF",
    )
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    np.savez(tmp_path / "arrays.npz", points=np.zeros(3))
    with h5py.File(tmp_path / "project.h5", "w") as file:
        for name in ("frames", "instances", "metadata"):
            file[name] = 0
    with h5py.File(tmp_path / "points3d.h5", "w") as file:
        file["tracks"] = np.zeros(3)
    for name, words in {
        "text.json": "no format known",
        "object.json": "a JSON object without 'people' or other keypoints; known are",
        "dataset.json": "a JSON object without 'people' or other keypoints",
        "transforms.json": "a JSON object without 'people' or other keypoints",
        "body.json": "one image of AlphaPose's form cmu; point at its alphapose-results.json",
        "list.json": "no JSON, or cut short",
        "cut.json": "no JSON, or cut short",
        "empty.json": "is empty",
        "table.csv": "no format known",
        "broken.h5": "no HDF5 file, or cut short",
        "broken.npz": "is broken",
        "arrays.npz": "an archive without keypoints",
        "project.h5": "a SLEAP project, from which the analysis HDF5",
        "points3d.h5": "an HDF5 file without keypoints",
        "missing.json": "no such file or folder",
    }.items():
        with pytest.raises(InputError, match=f"{name}: .*{words}") as caught:
            find_sources(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_folders_without_keypoints(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no keypoints; known are"):
        find_sources(tmp_path / "empty")
    write(tmp_path / "other" / "sub", table__csv="a,b\n")
    with pytest.raises(InputError, match=r"other: .*\(table\.csv is of no format known here\)"):
        find_sources(tmp_path / "other")


def test_open_questions(tmp_path):
    write(tmp_path / "both", cam1__json=RESULTS)
    write(tmp_path / "both" / "cam2", cam2__json=RESULTS)
    with pytest.raises(InputError, match=r"both: holds keypoints itself \(cam1\.json\) and in"):
        find_sources(tmp_path / "both")
    write(tmp_path / "two" / "cam1", a__csv=TABLE, b__csv=TABLE)
    with pytest.raises(InputError, match=r"cam1: holds several files of keypoints \(a\.csv, b"):
        find_sources(tmp_path / "two")
