from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.poses import POSES_FORMAT, Poses3D, Reason, load_poses
from triangulate.skeleton import Skeleton

SKELETON = Skeleton.from_edges(["hip", "left_knee", "right_knee"], [["hip", "left_knee"], [0, 2]])
FLOAT32 = ("covariance_m2", "reprojection_px")


def by_hand(**changes: object) -> Poses3D:
    """Two frames, one person, two cameras, three joints; the last joint of frame 1 is missing."""
    positions = np.arange(18.0).reshape(2, 1, 3, 3) / 10
    covariance = np.broadcast_to(np.diag([1e-6, 4e-6, 4e-6]), (2, 1, 3, 3, 3)).copy()
    reprojection = np.array([[[[1.0, 2.0, 3.0], [3.0, 6.0, np.nan]]], [[[0.5, 1, 1], [1.5, 9, 1]]]])
    used = np.array([[[[1, 1, 1], [1, 0, 0]]], [[[1, 1, 0], [1, 1, 0]]]], dtype=bool)
    reason = np.zeros((2, 1, 3), np.uint8)
    reason[1, 0, 2] = Reason.high_error
    positions[1, 0, 2] = covariance[1, 0, 2] = np.nan
    reprojection[1, 0, :, 2] = np.nan
    given: dict = {
        "positions_m": positions,
        "covariance_m2": covariance,
        "reprojection_px": reprojection,
        "views_used": used,
        "reason": reason,
        "sides_swapped": np.array([[[False, True]], [[False, False]]]),
        "skeleton": SKELETON,
        "names": ("a", "b"),
        "fps": 50.0,
        "frames": np.array([10, 12]),
        "up_axis": "z",
    }
    return Poses3D(**(given | changes))


# --- Contracts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("positions_m", (2, 1, 4, 3)),
        ("positions_m", (2, 3, 3)),
        ("covariance_m2", (2, 1, 3, 3)),
        ("reprojection_px", (2, 1, 3, 2)),
        ("views_used", (1, 1, 2, 3)),
        ("reason", (2, 3)),
        ("sides_swapped", (2, 1, 2, 3)),
        ("frames", (3,)),
    ],
)
def test_wrong_shapes_are_named(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"{name} must have shape \(.*\), got"):
        by_hand(**{name: np.zeros(shape)})


def test_frames_count_from_zero_by_default_and_time_goes_by_them() -> None:
    assert by_hand(frames=None).frames.tolist() == [0, 1]
    np.testing.assert_allclose(by_hand().time_s, [0.2, 0.24])
    assert by_hand(fps=None).time_s is None


def test_some_frames_keep_their_numbers_and_all_that_is_of_them() -> None:
    poses = by_hand()
    last, turned = poses.select_frames(slice(1, None)), poses.select_frames(np.array([1, 0]))
    assert np.asarray(last.frames).tolist() == [12]
    assert np.asarray(turned.frames).tolist() == [12, 10]
    for name in ("positions_m", "covariance_m2", "reprojection_px", "views_used", "reason"):
        np.testing.assert_array_equal(getattr(last, name), getattr(poses, name)[1:])
        np.testing.assert_array_equal(getattr(turned, name), getattr(poses, name)[::-1])
    assert last.sides_swapped.tolist() == [[[False, False]]]
    assert (last.fps, last.names, last.skeleton) == (poses.fps, poses.names, poses.skeleton)


def test_the_reasons_keep_their_codes() -> None:
    names = ["ok", "too_few_views", "low_confidence", "high_error", "narrow_rays", "behind_camera"]
    assert [(reason.name, int(reason)) for reason in Reason] == list(
        zip(names, range(6), strict=True)
    )


# --- The table ------------------------------------------------------------------------------------


def test_rows_by_hand() -> None:
    table = by_hand().to_dataframe()
    assert list(table.columns) == [
        "frame",
        "time_s",
        "person",
        "joint",
        "x_m",
        "y_m",
        "z_m",
        "sigma_m",
        "reprojection_px",
        "views_used",
        "reason",
    ]
    assert len(table) == 6
    sigma = math.sqrt(3e-6)
    first, second, last = (table.iloc[row].tolist() for row in (0, 1, 5))
    # Only the used views count: 1 and 3 px, then 2 px alone.
    assert first == [10, 0.2, 0, "hip", 0.0, 0.1, 0.2, pytest.approx(sigma), 2.0, 2, "ok"]
    assert second[3] == "left_knee"
    assert second[8:10] == [2.0, 1]
    assert last[:4] == [12, 0.24, 0, "right_knee"]
    assert all(math.isnan(value) for value in last[4:9])
    assert last[9:] == [0, "high_error"]


def test_rows_of_several_people_and_of_no_rate() -> None:
    one = by_hand(fps=None)
    doubled = {
        field.name: np.concatenate([getattr(one, field.name)] * 2, axis=1)
        for field in fields(one)
        if field.name not in ("skeleton", "names", "fps", "frames", "up_axis", "run")
    }
    table = replace(one, **doubled).to_dataframe()
    assert len(table) == 12
    assert table.person.tolist() == 2 * [0, 0, 0, 1, 1, 1]
    assert table.frame.tolist() == 6 * [10] + 6 * [12]
    assert table.time_s.isna().all()


# --- The file -------------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    saved = by_hand(run={"command": "triangulate reconstruct x", "settings": {"every": 2}})
    saved.save(tmp_path / "deep" / "poses.npz")
    loaded = load_poses(tmp_path / "deep" / "poses.npz")
    for field in fields(saved):
        before, after = getattr(saved, field.name), getattr(loaded, field.name)
        if field.name in FLOAT32:
            assert after.dtype == np.float32
            np.testing.assert_array_equal(after, before.astype(np.float32))
        elif isinstance(before, np.ndarray):
            assert after.dtype == before.dtype
            np.testing.assert_array_equal(after, before)
        else:
            assert after == before
    loaded.save(tmp_path / "again.npz")
    again = load_poses(tmp_path / "again.npz")
    for field in fields(saved):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(loaded, field.name))


def test_what_is_not_known_stays_unknown(tmp_path: Path) -> None:
    by_hand(fps=None, up_axis=None, skeleton=Skeleton.anonymous(3)).save(tmp_path / "p.npz")
    loaded = load_poses(tmp_path / "p.npz")
    assert (loaded.fps, loaded.up_axis, loaded.run) == (None, None, {})
    assert loaded.skeleton == Skeleton.anonymous(3)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    by_hand().save(tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz", allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
    assert header["format"] == POSES_FORMAT == "triangulate-poses3d"
    assert header["version"] == 1
    assert header["joints"] == ["hip", "left_knee", "right_knee"]
    assert header["reasons"] == [reason.name for reason in Reason]


def test_bad_files_end_in_one_line_that_names_them(tmp_path: Path) -> None:
    by_hand().save(tmp_path / "good.npz")
    content = (tmp_path / "good.npz").read_bytes()
    with np.load(tmp_path / "good.npz") as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays.pop("header")))

    def write(name: str, header: dict, **changes: np.ndarray) -> None:
        np.savez(tmp_path / name, header=np.array(json.dumps(header)), **(arrays | changes))

    write("newer.npz", header | {"version": 99})
    write("other.npz", header | {"format": "triangulate-keypoints2d"})
    write("unshaped.npz", header, reason=np.zeros(3))
    write("unsized.npz", header, positions_m=np.zeros(3))
    write("headless.npz", {key: header[key] for key in ("format", "version")})
    np.savez(tmp_path / "lacking.npz", header=np.array(json.dumps(header)))
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.npz").write_text("no archive")
    names = [path.name for path in tmp_path.iterdir() if path.name != "good.npz"]
    assert len(names) == 8
    for name in [*names, "missing.npz"]:
        with pytest.raises(InputError, match=name) as caught:
            load_poses(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="version 99 is not known; this program reads 1"):
        load_poses(tmp_path / "newer.npz")
    with pytest.raises(InputError, match="holds 'triangulate-keypoints2d', not"):
        load_poses(tmp_path / "other.npz")
