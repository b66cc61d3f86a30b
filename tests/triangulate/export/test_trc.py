from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from triangulate.export.options import ExportOptions, LengthUnit, Up
from triangulate.export.trc import write_trc
from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton


class Trc(NamedTuple):
    up: str  # the end of the first line, where it tells one
    header: dict[str, str]
    markers: list[str]
    numbers: list[int]
    time_s: np.ndarray
    points: np.ndarray  # (T, markers, 3), NaN where blank


def read_trc(path: Path) -> Trc:
    """A strict reader that knows nothing of the writer: every cell has its place."""
    lines = path.read_text().split("\n")
    assert lines.pop() == ""
    kind = lines[0].split("\t")
    assert kind[:3] == ["PathFileType", "4", "(X/Y/Z)"]
    assert len(kind) in (4, 5)
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    names, axes = lines[3].split("\t"), lines[4].split("\t")
    count = int(header["NumMarkers"])
    assert names[:2] == ["Frame#", "Time"]
    assert axes[:2] == ["", ""]
    markers = names[2::3]
    assert len(names) == len(axes) == 2 + 3 * count
    assert names[3::3] == names[4::3] == [""] * count
    assert axes[2:] == [f"{axis}{m}" for m in range(1, count + 1) for axis in "XYZ"]
    rows = [line.split("\t") for line in lines[5:]]
    assert all(len(row) == 2 + 3 * count for row in rows)
    assert len(rows) == int(header["NumFrames"])
    points = np.array([[float(cell or "nan") for cell in row[2:]] for row in rows])
    return Trc(
        kind[4] if len(kind) == 5 else "",
        header,
        markers,
        [int(row[0]) for row in rows],
        np.array([float(row[1]) for row in rows]),
        points.reshape(len(rows), count, 3),
    )


def some_poses(up_axis: str | None = "z", fps: float | None = 50.0) -> Poses3D:
    rng = np.random.default_rng(1)
    positions = rng.normal(0, 2, (4, 2, 3, 3))
    reason = np.zeros((4, 2, 3), np.uint8)
    positions[2, 0, 1], reason[2, 0, 1] = np.nan, Reason.high_error
    return Poses3D(
        positions_m=positions,
        covariance_m2=np.zeros((4, 2, 3, 3, 3)),
        reprojection_px=np.ones((4, 2, 2, 3)),
        views_used=np.ones((4, 2, 2, 3), bool),
        reason=reason,
        sides_swapped=np.zeros((4, 2, 2), bool),
        skeleton=Skeleton.from_edges(["head", "left_foot", "right_foot"], []),
        names=("a", "b"),
        fps=fps,
        up_axis=up_axis,
    )


def test_a_strict_reader_finds_y_z_x_of_a_z_up_world(tmp_path: Path) -> None:
    poses = some_poses()
    assert write_trc(poses, tmp_path / "poses.trc") == ()
    trc = read_trc(tmp_path / "poses.trc")
    np.testing.assert_allclose(trc.points, poses.positions_m[:, 0][..., [1, 2, 0]], atol=5.1e-7)
    assert np.isnan(trc.points[2, 1]).all()
    assert trc.up == "up: +Y"
    assert trc.markers == ["head", "left_foot", "right_foot"]
    assert trc.numbers == [1, 2, 3, 4]
    np.testing.assert_allclose(trc.time_s, [0, 0.02, 0.04, 0.06])
    assert trc.header == {
        "DataRate": "50",
        "CameraRate": "50",
        "NumFrames": "4",
        "NumMarkers": "3",
        "Units": "m",
        "OrigDataRate": "50",
        "OrigDataStartFrame": "1",
        "OrigNumFrames": "4",
    }


def test_the_reader_reads_a_file_of_another_program(shared, tmp_path: Path) -> None:
    """The header and the marker lines have the layout that Pose2Sim writes."""
    theirs = shared / "pose2sim_balancing/S00_P00_T01_BalancingTrial_0-100.trc"
    write_trc(some_poses(), tmp_path / "poses.trc")
    trc = read_trc(theirs)
    assert trc.points.shape == (100, 21, 3)
    assert list(trc.header) == list(read_trc(tmp_path / "poses.trc").header)


def test_other_worlds_are_turned_and_other_people_chosen(tmp_path: Path) -> None:
    write_trc(some_poses("-y"), tmp_path / "a.trc", ExportOptions(person=1))
    expected = some_poses().positions_m[:, 1] * [1, -1, -1]
    np.testing.assert_allclose(read_trc(tmp_path / "a.trc").points, expected, atol=5.1e-7)
    with pytest.raises(ValueError, match="person"):
        write_trc(some_poses(), tmp_path / "b.trc", ExportOptions(person=2))
    assert not (tmp_path / "b.trc").exists()


def test_a_selection_keeps_its_place_in_time(tmp_path: Path) -> None:
    poses = replace(some_poses(), frames=np.array([100, 105, 110, 115]))
    write_trc(poses, tmp_path / "a.trc")
    trc = read_trc(tmp_path / "a.trc")
    np.testing.assert_allclose(trc.time_s, [2.0, 2.1, 2.2, 2.3])
    assert (trc.header["DataRate"], trc.header["CameraRate"]) == ("10", "50")
    assert trc.header["OrigDataStartFrame"] == "101"


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    notes = write_trc(some_poses(up_axis=None, fps=None), tmp_path / "a.trc")
    assert len(notes) == 2
    assert "which way is up" in notes[0]
    assert "frame rate" in notes[1]
    trc = read_trc(tmp_path / "a.trc")
    np.testing.assert_allclose(trc.points, some_poses().positions_m[:, 0], atol=5.1e-7)
    np.testing.assert_array_equal(trc.time_s, [0, 1, 2, 3])
    assert trc.up == "up: not known"


@pytest.mark.parametrize("unit", list(LengthUnit))
def test_another_unit_and_other_axes_are_told(unit: LengthUnit, tmp_path: Path) -> None:
    poses = some_poses("-y")
    write_trc(poses, tmp_path / "a.trc", ExportOptions(unit, Up.z))
    trc = read_trc(tmp_path / "a.trc")
    per_m = {"m": 1, "cm": 100, "mm": 1000}[trc.header["Units"]]
    expected = poses.positions_m[:, 0][..., [2, 0, 1]] * [-1, 1, -1]
    np.testing.assert_allclose(trc.points / per_m, expected, atol=5.1e-7)
    assert (trc.header["Units"], trc.up) == (unit, "up: +Z")
    write_trc(poses, tmp_path / "a.trc", ExportOptions(up=Up.as_is))
    trc = read_trc(tmp_path / "a.trc")
    np.testing.assert_allclose(trc.points, poses.positions_m[:, 0], atol=5.1e-7)
    assert trc.up == "up: -Y"
