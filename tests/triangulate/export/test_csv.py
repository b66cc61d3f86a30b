from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from triangulate.export.csv import write_csv
from triangulate.export.options import ExportOptions, LengthUnit, Up
from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton


def some_poses() -> Poses3D:
    """Five frames of two people with two joints; one point is missing."""
    rng = np.random.default_rng(0)
    positions = rng.normal(0, 2, (5, 2, 2, 3))
    reason = np.zeros((5, 2, 2), np.uint8)
    positions[3, 1, 0], reason[3, 1, 0] = np.nan, Reason.narrow_rays
    return Poses3D(
        positions_m=positions,
        covariance_m2=np.broadcast_to(4e-6 * np.eye(3), (5, 2, 2, 3, 3)),
        reprojection_px=np.full((5, 2, 3, 2), 1.5),
        views_used=np.ones((5, 2, 3, 2), bool),
        reason=reason,
        sides_swapped=np.zeros((5, 2, 3), bool),
        skeleton=Skeleton.from_edges(["left_wrist", "nose"], [[0, 1]]),
        names=("a", "b", "c"),
        fps=25.0,
        frames=np.arange(10, 20, 2),
    )


def test_pandas_reads_back_every_number_to_a_micrometre(tmp_path: Path) -> None:
    poses = some_poses()
    write_csv(poses, tmp_path / "poses.csv")
    table = pd.read_csv(tmp_path / "poses.csv")
    assert list(table.columns) == [*poses.to_dataframe().columns, "up_axis"]
    positions = table[["x_m", "y_m", "z_m"]].to_numpy().reshape(5, 2, 2, 3)
    np.testing.assert_allclose(positions, poses.positions_m, atol=5.1e-7)
    assert table["time_s"].iloc[-1] == 18 / 25
    assert table["sigma_m"].iloc[0] == 0.002
    gap = table[table["reason"] != "ok"]
    assert gap[["frame", "person", "joint", "reason"]].to_numpy().tolist() == [
        [16, 1, "left_wrist", "narrow_rays"]
    ]


def test_it_is_plain_text_with_empty_cells_for_what_is_missing(tmp_path: Path) -> None:
    write_csv(some_poses(), tmp_path / "poses.csv")
    raw = (tmp_path / "poses.csv").read_bytes()
    assert b"\r" not in raw
    lines = raw.decode("ascii").splitlines()
    assert len(lines) == 1 + 5 * 2 * 2
    assert lines[0].startswith("frame,time_s,person,joint,x_m,y_m,z_m")
    assert lines[1 + 14].startswith("16,0.640000,1,left_wrist,,,,")
    assert [path.name for path in tmp_path.iterdir()] == ["poses.csv"]


def test_another_unit_and_other_axes_are_told(tmp_path: Path) -> None:
    poses = replace(some_poses(), up_axis="-y")
    assert write_csv(poses, tmp_path / "poses.csv", ExportOptions(LengthUnit.mm, Up.z)) == ()
    table = pd.read_csv(tmp_path / "poses.csv")
    assert list(table.columns[4:8]) == ["x_mm", "y_mm", "z_mm", "sigma_mm"]
    assert set(table["up_axis"]) == {"+Z"}
    positions = table[["x_mm", "y_mm", "z_mm"]].to_numpy().reshape(5, 2, 2, 3)
    expected = 1000 * poses.positions_m[..., [2, 0, 1]] * [-1, 1, -1]
    np.testing.assert_allclose(positions, expected, atol=5.1e-4)
    assert table["sigma_mm"].iloc[0] == 2


def test_axes_that_are_not_known_stay(tmp_path: Path) -> None:
    [note] = write_csv(some_poses(), tmp_path / "poses.csv", ExportOptions(up=Up.y))
    assert "which way is up" in note
    table = pd.read_csv(tmp_path / "poses.csv")
    assert table["up_axis"].isna().all()
    assert table["x_m"].iloc[0] == np.round(some_poses().positions_m[0, 0, 0, 0], 6)
