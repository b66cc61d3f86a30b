from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.options import ExportOptions, Up
from triangulate.export.panoptic import write_json, write_panoptic
from triangulate.skeleton import Skeleton

# As in the studio's own documentation of its 3D files.
JOINTS = (
    "neck nose mid_hip left_shoulder left_elbow left_wrist left_hip left_knee left_ankle "
    "right_shoulder right_elbow right_wrist right_hip right_knee right_ankle left_eye left_ear "
    "right_eye right_ear"
).split()


def read_body(body: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Positions (19, 3) in metres, NaN where the confidence is negative, and confidences."""
    cells = np.array(body["joints19"]).reshape(19, 4)
    points = np.where(cells[:, 3:] < 0, np.nan, cells[:, :3])
    return points / 100, cells[:, 3]


def strictly(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_one_file_holds_all_frames_and_people(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("panoptic19", num_people=2, step=2)
    assert write_json(poses, tmp_path / "a.json") == ()
    document = strictly((tmp_path / "a.json").read_text())
    assert document["joints"] == JOINTS == list(poses.skeleton.joint_names)
    assert (document["unit"], document["up_axis"], document["fps"]) == ("cm", "+Z", 50)
    assert [frame["frame"] for frame in document["frames"]] == list(poses.frames)
    assert document["frames"][3]["univTime"] == pytest.approx(1000 * 16 / 50)
    for row, frame in enumerate(document["frames"]):
        assert [body["id"] for body in frame["bodies"]] == [0, 1]
        for body in frame["bodies"]:
            points, confidence = read_body(body)
            expected = poses.positions_m[row, body["id"]]
            np.testing.assert_allclose(points, expected, atol=1e-6)
            missing = np.isnan(expected[:, 0])
            np.testing.assert_array_equal(confidence, np.where(missing, -1, 1))
            assert not np.array(body["joints19"]).reshape(19, 4)[missing, :3].any()


def test_a_folder_is_read_by_the_reader_of_panoptic_itself(made_poses: Any, tmp_path: Path) -> None:
    from triangulate.data.panoptic import _poses

    poses = made_poses("panoptic19")
    poses.positions_m[7] = np.nan
    assert write_panoptic(poses, tmp_path / "poses") == ()
    names = sorted(path.name for path in (tmp_path / "poses").iterdir())
    assert len(names) == 40 and names[0] == "body3DScene_00000010.json"
    empty = strictly((tmp_path / "poses" / "body3DScene_00000017.json").read_text())
    assert empty["bodies"] == [] and (empty["unit"], empty["up_axis"]) == ("cm", "+Z")
    frames, points_m, known = _poses(tmp_path / "poses", 1, 0.1)
    np.testing.assert_array_equal(frames, np.delete(poses.frames, 7))
    expected = np.delete(poses.positions_m[:, 0], 7, axis=0)
    np.testing.assert_array_equal(known, np.isfinite(expected[..., 0]))
    np.testing.assert_allclose(points_m[known], expected[known], atol=1e-6)


def test_joints_go_by_name_and_what_is_not_there_is_said(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("h36m17", with_gaps=False)
    made, note = write_json(poses, tmp_path / "a.json")
    assert made == "json: neck is the middle of the shoulders"
    assert "no nose, left_eye, left_ear, right_eye, right_ear" in note
    points, confidence = read_body(
        strictly((tmp_path / "a.json").read_text())["frames"][0]["bodies"][0]
    )
    for joint, ours in [("neck", "thorax"), ("mid_hip", "pelvis"), ("left_wrist", "left_wrist")]:
        there = poses.positions_m[0, 0, poses.skeleton.index(ours)]
        np.testing.assert_allclose(points[JOINTS.index(joint)], there, atol=1e-6)
    assert (confidence < 0).sum() == 5


def test_neck_and_pelvis_are_made_up_where_there_is_none(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("coco17", with_gaps=False)
    notes = write_json(poses, tmp_path / "a.json", ExportOptions(up=Up.y))
    assert [note.split(": ")[1] for note in notes] == [
        "mid_hip is the middle of the hips",
        "neck is the middle of the shoulders",
    ]
    document = strictly((tmp_path / "a.json").read_text())
    assert document["up_axis"] == "+Y"
    points, _ = read_body(document["frames"][0]["bodies"][0])
    hips = [poses.skeleton.index(f"{side}_hip") for side in ("left", "right")]
    middle = poses.positions_m[0, 0, hips].mean(axis=0)[[1, 2, 0]]
    np.testing.assert_allclose(points[JOINTS.index("mid_hip")], middle, atol=1e-6)


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(made_poses: Any, tmp_path: Path) -> None:
    folder = tmp_path / "poses"
    write_panoptic(made_poses("panoptic19", 40), folder)
    write_panoptic(made_poses("panoptic19", 3), folder)
    assert len(list(folder.iterdir())) == 3
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes\.txt, and is not replaced"):
        write_panoptic(made_poses("panoptic19", 5), folder)
    assert len(list(folder.iterdir())) == 4
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        write_panoptic(made_poses("panoptic19", 5), tmp_path / "file")
    assert {path.name for path in tmp_path.iterdir()} == {"poses", "file"}


def test_animals_are_refused(made_poses: Any, tmp_path: Path) -> None:
    mouse = Skeleton.from_edges(["snout", "tail"], [[0, 1]])
    poses = made_poses(mouse, positions_m=np.zeros((2, 1, 2, 3)), with_gaps=False)
    with pytest.raises(InputError, match=r"none of the joints \(snout, tail\)"):
        write_json(poses, tmp_path / "a.json")
    assert not list(tmp_path.iterdir())
