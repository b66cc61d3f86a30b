from __future__ import annotations

import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.c3d import write_c3d
from triangulate.export.options import ExportOptions, LengthUnit, Up

ezc3d = pytest.importorskip("ezc3d")


def parameters(file: Any, group: str) -> dict[str, Any]:
    return {
        name: entry["value"] for name, entry in file["parameters"][group].items() if name[0] != "_"
    }


def test_ezc3d_reads_back_millimetres_gaps_and_rate(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses(num_people=2, step=5)
    assert write_c3d(poses, tmp_path / "a.c3d", ExportOptions(person=1)) == ()
    file = ezc3d.c3d(str(tmp_path / "a.c3d"))
    points = file["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(points, 1000 * poses.positions_m[:, 1], atol=1e-3)
    residuals = file["data"]["meta_points"]["residuals"][0].T
    np.testing.assert_array_equal(residuals, np.where(poses.reason[:, 1] == 0, 0, -1))
    point = parameters(file, "POINT")
    assert tuple(point["LABELS"]) == poses.skeleton.joint_names
    assert point["UNITS"] == ["mm"] and point["RATE"] == [10]
    assert (point["X_SCREEN"], point["Y_SCREEN"]) == (["+X"], ["+Z"])
    assert file["header"]["points"]["first_frame"] == 10
    assert file["header"]["points"]["last_frame"] == 49


def test_the_bytes_of_a_missing_point(made_poses: Any, tmp_path: Path) -> None:
    """Zeros and -1, for readers that do not know NaN; and the first frame counts from 1."""
    poses = made_poses()
    write_c3d(poses, tmp_path / "a.c3d")
    raw = (tmp_path / "a.c3d").read_bytes()
    count, first, last = struct.unpack_from("<H2xHH", raw, 2)
    assert (count, first, last) == (17, 11, 50)
    start = 512 * (struct.unpack_from("<H", raw, 16)[0] - 1)
    words = np.frombuffer(raw, "<f4", 40 * 17 * 4, start).reshape(40, 17, 4)
    missing = poses.reason[:, 0] != 0
    assert missing.sum() > 40
    np.testing.assert_array_equal(words[missing], np.tile([0, 0, 0, -1], (missing.sum(), 1)))
    np.testing.assert_allclose(
        words[~missing][:, :3], 1000 * poses.positions_m[:, 0][~missing], atol=1e-3
    )


@pytest.mark.parametrize("unit", list(LengthUnit))
def test_another_unit_and_other_axes_are_told(
    unit: LengthUnit, made_poses: Any, tmp_path: Path
) -> None:
    poses = made_poses()
    write_c3d(poses, tmp_path / "a.c3d", ExportOptions(unit, Up.y))
    file = ezc3d.c3d(str(tmp_path / "a.c3d"))
    point = parameters(file, "POINT")
    assert (point["UNITS"], point["X_SCREEN"], point["Y_SCREEN"]) == ([unit], ["+Z"], ["+Y"])
    per_m = {"m": 1, "cm": 100, "mm": 1000}[unit]
    points = file["data"]["points"][:3].transpose(2, 1, 0) / per_m
    np.testing.assert_allclose(points, poses.positions_m[:, 0][..., [1, 2, 0]], atol=1e-6)


def test_what_is_not_known_is_said(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses(up_axis=None, fps=None)
    poses = replace(poses, frames=np.r_[0:20, 30:50])
    notes = write_c3d(poses, tmp_path / "a.c3d")
    assert ["which way is up" in n or "frame rate" in n or "in between" in n for n in notes] == [
        True
    ] * 3
    point = parameters(ezc3d.c3d(str(tmp_path / "a.c3d")), "POINT")
    assert "Y_SCREEN" not in point and point["RATE"] == [1]


def test_what_does_not_go(made_poses: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = made_poses(positions_m=np.zeros((65_536, 1, 17, 3)), with_gaps=False)
    with pytest.raises(InputError, match="65,535 frames, not 65,536"):
        write_c3d(long, tmp_path / "a.c3d")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_c3d(made_poses(), tmp_path / "file" / "a.c3d")
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(InputError, match=r'pip install "triangulate\[export\]"'):
        write_c3d(made_poses(), tmp_path / "a.c3d")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
