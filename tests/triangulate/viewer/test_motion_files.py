from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.c3d import write_c3d
from triangulate.export.options import ExportOptions, LengthUnit, Up
from triangulate.export.trc import write_trc
from triangulate.poses import Poses3D
from triangulate.skeleton import Skeleton, shipped_skeletons
from triangulate.viewer.contents import Motion
from triangulate.viewer.motion_files import read_motion, skeleton_of

HEADER = (
    "PathFileType\t4\t(X/Y/Z)\tE:\\data\\walk.trc\t\t\r\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame"
    "\tOrigNumFrames\t\r\n"
    "120.00\t120.00\t3\t2\tmm\t120.00\t1\t3\t\r\n"
    "Frame#\tTime\tL.Knee\t\t\tR Ankle \t\t\t\r\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\t\r\n"
)
ROWS = (
    "\r\n"
    "11\t0.083\t1000.0\t-2000.5\t3\t\t\t\t\t\r\n"
    "12\t0.092\t \t \t \t1\t2\t3\t\t\r\n"
    "13\t0.100\t4\t5\t6\r\n"
    "\r\n"
)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def same_points(motion: Motion, poses: Poses3D, turn: list[int], person: int = 1) -> None:
    """To 0.01 mm, and the same points are missing."""
    expected = poses.positions_m[:, person][..., turn]
    assert motion.positions_m.shape == (len(expected), 1, 17, 3)
    np.testing.assert_allclose(motion.positions_m[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("unit", list(LengthUnit))
@pytest.mark.parametrize("up", [Up.y, Up.z])
@pytest.mark.parametrize("suffix", ["trc", "c3d"])
def test_what_was_exported_is_read_back(
    suffix: str, up: Up, unit: LengthUnit, poses: Poses3D, tmp_path: Path
) -> None:
    if suffix == "c3d":
        pytest.importorskip("ezc3d")
    path, options = tmp_path / f"a.{suffix}", ExportOptions(unit, up, person=0)
    (write_trc if suffix == "trc" else write_c3d)(poses, path, options)
    motion = read_motion(path)
    same_points(motion, poses, [1, 2, 0] if up == Up.y else [0, 1, 2], person=0)
    assert np.isnan(motion.positions_m[5, 0, 4]).all()
    assert np.isnan(motion.positions_m).sum() == 3
    assert motion.skeleton.joint_names == poses.skeleton.joint_names
    assert set(map(frozenset, motion.skeleton.edges)) == set(map(frozenset, poses.skeleton.edges))
    assert (motion.fps, motion.up_axis, motion.poses) == (25.0, str(up), None)
    np.testing.assert_array_equal(motion.frames, np.arange(30))


@pytest.mark.parametrize("suffix", ["trc", "c3d"])
@pytest.mark.parametrize("axis", ["-y", "-x", "z"])
def test_axes_as_they_are(suffix: str, axis: str, poses: Poses3D, tmp_path: Path) -> None:
    if suffix == "c3d":
        pytest.importorskip("ezc3d")
    path, told = tmp_path / f"a.{suffix}", replace(poses, up_axis=axis)
    (write_trc if suffix == "trc" else write_c3d)(told, path, ExportOptions(up=Up.as_is, person=1))
    motion = read_motion(path)
    same_points(motion, poses, [0, 1, 2])
    assert motion.up_axis == axis


def test_an_axis_that_is_not_known(poses: Poses3D, tmp_path: Path) -> None:
    unknown = replace(poses, up_axis=None)
    write_trc(unknown, tmp_path / "a.trc")
    assert read_motion(tmp_path / "a.trc").up_axis is None  # the file says so


def test_a_c3d_begins_with_the_frame_it_tells(poses: Poses3D, tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    write_c3d(replace(poses, frames=np.arange(100, 130)), tmp_path / "a.c3d")
    (tmp_path / "a.c3d").rename(tmp_path / "A.C3D")
    np.testing.assert_array_equal(read_motion(tmp_path / "A.C3D").frames, np.arange(100, 130))


def test_points_of_a_c3d_without_names_are_numbered(tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["LABELS"]["value"] = ["LKNE", "LKNE", "LKNE 2", ""]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["POINT"]["RATE"]["value"] = [200.0]
    file["data"]["points"] = np.ones((4, 4, 2)) * 500
    file.write(str(tmp_path / "a.c3d"))
    motion = read_motion(tmp_path / "a.c3d")
    names = motion.skeleton.joint_names
    assert names[0] == "LKNE" and len(set(names)) == 4 and all(names)
    np.testing.assert_allclose(motion.positions_m, 0.5)
    assert (motion.fps, motion.up_axis) == (200.0, "z")


def test_a_trc_of_another_program(tmp_path: Path) -> None:
    """Millimetres, \\r\\n, an empty line after the header, blanks, tabs too many and too few."""
    motion = read_motion(write(tmp_path / "a.TRC", HEADER + ROWS))
    nan = [np.nan] * 3
    expected = [
        [[1.0, -2.0005, 0.003], nan],
        [nan, [0.001, 0.002, 0.003]],
        [[0.004, 0.005, 0.006], nan],
    ]
    np.testing.assert_allclose(motion.positions_m[:, 0], expected, atol=1e-9)
    assert motion.skeleton.joint_names == ("L.Knee", "R Ankle")
    np.testing.assert_array_equal(motion.frames, [10, 11, 12])  # counted from 1 in the file
    assert (motion.fps, motion.up_axis) == (120.0, "y")


def test_a_trc_with_a_path_in_another_encoding(tmp_path: Path) -> None:
    text = (HEADER + ROWS).replace("data", "M\u00fcller")
    (tmp_path / "a.trc").write_bytes(text.encode("cp1252"))
    assert read_motion(tmp_path / "a.trc").positions_m.shape == (3, 1, 2, 3)


def test_a_trc_of_pose2sim(shared, tmp_path: Path) -> None:
    motion = read_motion(shared / "pose2sim_balancing/S00_P00_T01_BalancingTrial_0-100.trc")
    assert motion.positions_m.shape == (100, 1, 21, 3) and len(motion.skeleton.edges) > 12
    heights = np.ptp(motion.positions_m[..., 1], axis=2)
    assert 1.2 < np.nanmedian(heights) < 2.0  # metres, y up


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("PathFileType", "Frame", "PathFileType"),
        ("\tmm\t", "\tft\t", "the unit 'ft' is not known; there are mm, cm and m"),
        ("1000.0", "1000,0", "1000,0"),
        ("\r\n12\t", "\r\n\t", "frame"),
        ("\r\n12\t", "\r\n11\t", "frame"),
        (HEADER[HEADER.index("Frame#") :], "", "TRC"),
        (ROWS, "\r\n", "no markers or no frames"),
        ("\tL.Knee\t\t\tR Ankle ", "", "no markers or no frames"),
        (HEADER + ROWS, "", "PathFileType"),
        ("120.00\t120.00\t3", "fast\t120.00\t3", "fast"),
    ],
)
def test_a_broken_trc_is_one_clear_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in HEADER + ROWS
    path = write(tmp_path / "a.trc", (HEADER + ROWS).replace(old, new, 1))
    with pytest.raises(InputError) as refused:
        read_motion(path)
    assert str(refused.value).startswith(f"{path}: ") and said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"no such file\n", bytes(range(256)) * 8])
@pytest.mark.parametrize("suffix", ["trc", "c3d"])
def test_other_files_are_refused_in_one_line(suffix: str, content: bytes, tmp_path: Path) -> None:
    if suffix == "c3d":
        pytest.importorskip("ezc3d")
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_motion(path)
    assert str(refused.value).startswith(f"{path}: is no {suffix.upper()} file")
    assert "\n" not in str(refused.value)


def test_a_c3d_cut_off(poses: Poses3D, tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    write_c3d(poses, tmp_path / "a.c3d")
    whole = (tmp_path / "a.c3d").read_bytes()
    (tmp_path / "a.c3d").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.c3d: .*breaks off after frame 1[0-9] of 30\)$"):
        read_motion(tmp_path / "a.c3d")


def test_missing_files_and_a_missing_reader(
    poses: Poses3D, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"a\.c3d: there is no such file"):
        read_motion(tmp_path / "a.c3d")
    pytest.importorskip("ezc3d")
    write_c3d(poses, tmp_path / "a.c3d")
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(InputError, match=r'a\.c3d: needs ezc3d: pip install "triangulate\[export'):
        read_motion(tmp_path / "a.c3d")


@pytest.mark.parametrize("name", shipped_skeletons())
def test_names_of_a_shipped_set_get_its_bones(name: str) -> None:
    skeleton = Skeleton.named(name)
    found = skeleton_of(skeleton.joint_names)
    assert found.joint_names == skeleton.joint_names
    assert len(found.edges) >= len(skeleton.edges) - 1
    assert set(found.flip_pairs) >= set(skeleton.flip_pairs) or name == "coco_wholebody133"


def test_names_are_told_however_they_are_spelt() -> None:
    found = skeleton_of(["RKnee", "RAnkle", "LHip", "LKnee", "C7", "RKnee"])
    assert set(map(frozenset, found.edges)) == {frozenset({0, 1}), frozenset({2, 3})}
    assert found.joint_names[-1] == "RKnee 2"
    assert skeleton_of(["M1", "M2", "M1", "M1 2"]).edges == ()
