"""The door: whole recordings in, `Keypoints2D` out."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoints import Keypoints2D
from triangulate.skeleton import Skeleton

TWO = Skeleton.anonymous(2)


def write_openpose(folder: Path, frames: dict[int, list], name: str = "x") -> None:
    folder.mkdir(parents=True)
    for number, people in frames.items():
        objects = [{"pose_keypoints_2d": person} for person in people]
        (folder / f"{name}_{number:06d}.json").write_text(json.dumps({"people": objects}))


def person(x: float) -> list[float]:
    return [x, 100, 0.5, x + 1, 101, 0.25]


def test_real_openpose_recording(shared):
    folder = shared / "pose2sim_balancing" / "pose_openpose_body25b"
    cameras = ["cam04", "cam01", "cam02", "cam03"]
    sizes = {"cam01": (1080, 1920)}
    keypoints = load_keypoints_from(folder, cameras, fps=60, sizes=sizes)
    assert keypoints.names == tuple(cameras)
    assert keypoints.points_px.shape == (100, 4, 3, 25, 2)
    assert keypoints.skeleton == Skeleton.named("body25b")
    assert (keypoints.fps, keypoints.source) == (60, "OpenPose JSON")
    assert keypoints.sizes == (None, (1080, 1920), None, None)
    assert keypoints.points_px.dtype == keypoints.confidence.dtype == np.float32
    people = (keypoints.confidence > 0).any(-1).sum((0, 2))
    assert people.tolist() == [100, 201, 200, 100]
    missing = np.isnan(keypoints.points_px)
    assert (missing.any(-1) == (keypoints.confidence == 0)).all()
    assert (missing.all(-1) == missing.any(-1)).all()
    np.testing.assert_allclose(keypoints.points_px[0, 1, 0, 0], [505.232, 431.63])
    told = load_keypoints_from(folder, skeleton="body25b")
    assert told.names == ("cam01", "cam02", "cam03", "cam04")
    np.testing.assert_array_equal(told.points_px[:, 3], keypoints.points_px[:, 0])


def test_real_sleap_recording(shared):
    folder = shared / "sleap_anipose_mouse" / "minimal_session"
    keypoints = load_keypoints_from(folder, ["top", "side", "mid", "back"])
    assert keypoints.points_px.shape == (120, 4, 1, 15, 2)
    assert keypoints.source == "SLEAP analysis; confidences above 1 (up to 1.10) clipped to 1"
    np.testing.assert_allclose(keypoints.points_px[7, 3, 0, 0], [806.09265137, 538.1116333])
    np.testing.assert_allclose(keypoints.points_px[7, 0, 0, 0], [624.45812988, 678.734375])
    assert (keypoints.confidence > 0).sum((0, 2, 3)).tolist() == [1800, 1568, 1800, 1408]
    assert len(keypoints.skeleton.edges) == 14
    files = {
        name: folder / name / f"minimal_{name}_proofread.analysis.h5" for name in ("side", "back")
    }
    by_name = load_keypoints_from(files)
    assert by_name.names == ("side", "back")
    np.testing.assert_array_equal(by_name.points_px, keypoints.points_px[:, [1, 3]])
    listed = load_keypoints_from(list(files.values()), cameras=["back", "side"])
    np.testing.assert_array_equal(listed.points_px, keypoints.points_px[:, [3, 1]])


def test_gaps_people_and_cameras_of_different_length(tmp_path):
    write_openpose(tmp_path / "a_json", {3: [person(1), person(5)], 6: [person(2)]})
    write_openpose(tmp_path / "b_json", {4: [person(7)], 5: [], 6: [person(8)]})
    keypoints = load_keypoints_from(tmp_path, skeleton=TWO)
    assert keypoints.names == ("a", "b")
    assert keypoints.frames.tolist() == [3, 4, 5, 6]
    seen = keypoints.confidence[..., 0] > 0  # (T, V, P)
    assert seen[:, 0].tolist() == [[True, True], [False, False], [False, False], [True, False]]
    assert seen[:, 1, 0].tolist() == [False, True, False, True]


def test_cameras_left_out_are_told(tmp_path):
    for name in "abc":
        write_openpose(tmp_path / f"{name}_json", {0: [person(1)]})
    (tmp_path / "c_json" / "x_000000.json").write_text("broken, but not asked for: {")
    (tmp_path / "c_json" / "w_000000.json").write_text('{"people": []}')
    keypoints = load_keypoints_from(tmp_path, ["b", "a"], TWO)
    assert keypoints.names == ("b", "a")
    assert keypoints.source == "OpenPose JSON; left out, being no camera of the rig: c_json"


def test_bind(tmp_path):
    write_openpose(tmp_path / "GX01", {0: [person(1)]})
    write_openpose(tmp_path / "GX02", {0: [person(2)]})
    bound = load_keypoints_from(tmp_path, ["l", "r"], TWO, bind={"GX01": "r", "GX02": "l"})
    assert bound.points_px[0, :, 0, 0, 0].tolist() == [2, 1]
    with pytest.raises(InputError, match=r"--camera GX01=l"):
        load_keypoints_from(tmp_path, ["l", "r"], TWO)


def test_one_camera(tmp_path):
    write_openpose(tmp_path / "cam7_json", {0: [person(1)]})
    keypoints = load_keypoints_from(str(tmp_path / "cam7_json"), skeleton=TWO)
    assert keypoints.names == ("cam7",)
    assert keypoints.points_px.shape == (1, 1, 1, 2, 2)


def test_coco_and_deeplabcut_files(tmp_path):
    results = [{"image_id": 4, "keypoints": [1, 2, 3, 4, 5, 1.5], "score": 1}]
    (tmp_path / "coco").mkdir()
    for name in ("a", "b"):
        (tmp_path / "coco" / f"{name}_results.json").write_text(json.dumps(results))
    keypoints = load_keypoints_from(tmp_path / "coco", skeleton=TWO)
    assert keypoints.names == ("a", "b")
    assert keypoints.frames.tolist() == [4]
    assert keypoints.confidence.tolist() == [[[[1, 1]], [[1, 1]]]]
    assert keypoints.source == "COCO results; confidences above 1 (up to 3.00) clipped to 1"
    (tmp_path / "dlc").mkdir()
    text = "scorer,s,s,s\nbodyparts,LeftEar,LeftEar,LeftEar\ncoords,x,y,likelihood\n0,10,20,0.5\n"
    for name in ("a", "b"):
        (tmp_path / "dlc" / f"{name}DLC_resnet50_shuffle1_10.csv").write_text(text)
    keypoints = load_keypoints_from(tmp_path / "dlc", ["b", "a"])
    assert keypoints.skeleton.joint_names == ("left_ear",)
    assert keypoints.confidence.tolist() == [[[[0.5]], [[0.5]]]]


def own_file(path: Path) -> Keypoints2D:
    points = np.arange(1, 17, dtype=np.float32).reshape(2, 2, 1, 2, 2)
    skeleton = Skeleton.from_edges(["nose", "tail"], [[0, 1]])
    saved = Keypoints2D(
        points, np.full((2, 2, 1, 2), 0.5), ("a", "b"), skeleton, 30, ((64, 48), None), source="me"
    )
    saved.save(path)
    return saved


def test_own_file(tmp_path):
    saved = own_file(tmp_path / "keypoints.npz")
    loaded = load_keypoints_from(tmp_path)
    np.testing.assert_array_equal(loaded.points_px, saved.points_px)
    assert (loaded.fps, loaded.sizes, loaded.source) == (30, ((64, 48), None), "me")
    chosen = load_keypoints_from(
        tmp_path / "keypoints.npz",
        ["right", "a"],
        Skeleton.from_edges(["tail"], []),
        fps=25,
        bind={"b": "right"},
        sizes=[(1, 2), (3, 4)],
    )
    assert chosen.names == ("right", "a")
    np.testing.assert_array_equal(chosen.points_px, saved.points_px[:, ::-1, :, 1:])
    assert (chosen.fps, chosen.sizes) == (25, ((1, 2), (3, 4)))
    with pytest.raises(InputError, match=r"keypoints\.npz: .*keypoints for camera c, only a, b"):
        load_keypoints_from(tmp_path / "keypoints.npz", ["a", "b", "c"])
    with pytest.raises(InputError, match=r"keypoints\.npz: lacks joints.* it has nose, tail"):
        load_keypoints_from(tmp_path / "keypoints.npz", skeleton="coco17")
    own_file(tmp_path / "again.npz")
    with pytest.raises(InputError, match=r"2 files of keypoints; point at one \.npz"):
        load_keypoints_from(tmp_path)


def test_mixed_formats_are_refused(tmp_path):
    write_openpose(tmp_path / "a", {0: [person(1)]})
    (tmp_path / "b").mkdir()
    with h5py.File(tmp_path / "b" / "b.h5", "w") as file:
        file["tracks"] = np.ones((1, 2, 1, 1))
        file["node_names"] = np.array([b"a"])
    with pytest.raises(InputError, match=r"several formats \(a is OpenPose JSON, b.h5 is SLEAP"):
        load_keypoints_from(tmp_path)


def test_refusals_in_one_line(tmp_path):
    write_openpose(tmp_path / "deep" / "a" / "json", {0: [person(1)]})
    write_openpose(tmp_path / "blind" / "a", {0: [], 1: []})
    write_openpose(tmp_path / "apart" / "a", {0: [person(1)]})
    write_openpose(tmp_path / "apart" / "b", {1: [person(1)]})
    write_openpose(tmp_path / "three" / "a", {0: [[1, 2, 0.5] * 3]})
    write_openpose(tmp_path / "three" / "b", {0: [[1, 2, 0.5] * 2]})
    cases: dict[str, tuple[dict, str]] = {
        "deep": ({}, "deep: holds no keypoints"),
        "blind": ({}, "blind: nobody is detected in any of 2 frames"),
        "apart": ({"skeleton": TWO}, "apart: camera 'a' shares no frame number"),
        "three": ({}, r"three: the cameras hold different numbers of joints \(a 3, b 2\)"),
        "nowhere": ({}, "nowhere: there is no such file or folder"),
        "apart/a": ({}, "a: holds 2 joints without names"),
        "apart/b": ({"skeleton": "coco71"}, "no skeleton is called 'coco71'"),
    }
    for name, (options, words) in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            load_keypoints_from(tmp_path / name, **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"apart: holds keypoints of 2 cameras, but .* 'a' alone"):
        load_keypoints_from({"a": tmp_path / "apart"})
    with pytest.raises(InputError, match="two cameras have the same name"):
        load_keypoints_from([tmp_path / "apart" / "a", tmp_path / "three" / "a"])
