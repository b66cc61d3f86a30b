from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.export.csv_wide import write_csv_wide
from triangulate.export.options import ExportOptions, LengthUnit, Up


def read_wide(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def points_in(rows: list[dict[str, str]], poses: Any, unit: str) -> np.ndarray:
    """(T, P, J, 3) by the names of the columns alone."""
    return np.array(
        [
            [
                [
                    [float(row[f"{p}/{joint}_{axis}_{unit}"] or "nan") for axis in "xyz"]
                    for joint in poses.skeleton.joint_names
                ]
                for p in range(poses.positions_m.shape[1])
            ]
            for row in rows
        ]
    )


@pytest.mark.parametrize("unit", list(LengthUnit))
def test_every_position_is_in_the_column_of_its_name(
    unit: LengthUnit, made_poses: Any, tmp_path: Path
) -> None:
    poses = made_poses(num_people=2, step=3)
    assert write_csv_wide(poses, tmp_path / "a.csv", ExportOptions(unit)) == ()
    head, rows = read_wide(tmp_path / "a.csv")
    assert head[:3] == ["frame", "time_s", f"0/right_ankle_x_{unit}"]
    assert len(head) == 2 + 2 * 17 * 3 + 1
    per_m = {"m": 1, "cm": 100, "mm": 1000}[unit]
    np.testing.assert_allclose(points_in(rows, poses, unit) / per_m, poses.positions_m, atol=6e-7)
    assert [int(row["frame"]) for row in rows] == list(poses.frames)
    assert float(rows[5]["time_s"]) == pytest.approx(25 / 50)
    assert {row["up_axis"] for row in rows} == {"+Z"}


def test_axes_are_turned_and_told(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses()
    write_csv_wide(poses, tmp_path / "a.csv", ExportOptions(up=Up.y))
    _, rows = read_wide(tmp_path / "a.csv")
    turned = poses.positions_m[..., [1, 2, 0]]
    np.testing.assert_allclose(points_in(rows, poses, "m"), turned, atol=6e-7)
    assert rows[0]["up_axis"] == "+Y"


def test_what_is_not_known_is_empty(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses(fps=None, up_axis=None)
    assert write_csv_wide(poses, tmp_path / "a.csv") == ()
    _, rows = read_wide(tmp_path / "a.csv")
    assert rows[0]["time_s"] == rows[0]["up_axis"] == ""
    [note] = write_csv_wide(replace(poses), tmp_path / "a.csv", ExportOptions(up=Up.z))
    assert "which way is up" in note
