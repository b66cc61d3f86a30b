"""`triangulate export`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.errors import InputError, UsageError
from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton
from triangulate.synthetic import walk
from triangulate.synthetic.draws import seeded


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def saved(path: Path, positions_m: np.ndarray, skeleton: Skeleton) -> Path:
    """Poses of (T, P, J, 3) as a file."""
    shape = positions_m.shape[:3]
    missing = np.isnan(positions_m[..., 0])
    num_frames, num_people, num_joints = shape
    Poses3D(
        positions_m=positions_m,
        covariance_m2=np.zeros((*shape, 3, 3)),
        reprojection_px=np.ones((num_frames, num_people, 2, num_joints)),
        views_used=np.ones((num_frames, num_people, 2, num_joints), bool),
        reason=np.where(missing, Reason.too_few_views, Reason.ok).astype(np.uint8),
        sides_swapped=np.zeros((num_frames, num_people, 2), bool),
        skeleton=skeleton,
        names=("a", "b"),
        fps=50.0,
        up_axis="z",
    ).save(path)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people who walk, the second not seen at first."""
    motions = [walk(seeded(p), 12, 50.0) for p in range(2)]
    positions = np.stack([motion.positions_m for motion in motions], axis=1)
    positions[:4, 1] = np.nan
    return saved(tmp_path_factory.mktemp("made") / "poses.npz", positions, motions[0].skeleton)


@pytest.fixture
def poses(made: Path, tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return Path(shutil.copy(made, tmp_path / "out" / "poses.npz"))


def refused(result: Result, *said: str, kind: type[Exception] = InputError) -> None:
    assert result.exit_code == 1 and result.stdout == ""
    assert isinstance(result.exception, kind), result.exception
    assert "\n" not in str(result.exception)
    for text in said:
        assert text in str(result.exception)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_several_formats_beside_the_poses(poses: Path) -> None:
    result = triangulate("export", poses, "--to", "trc", "--to", "bvh", "--to", "csv-wide")
    assert result.exit_code == 0, result.output
    folder = poses.parent
    written = ["poses_1.bvh", "poses_1.trc", "poses_2.bvh", "poses_2.trc", "poses_wide.csv"]
    assert names_in(folder) == sorted(["poses.npz", *written])
    lines = result.stdout.splitlines()
    assert lines[:2] == ["Export", f"written to  {folder / 'poses_1.trc'}"]
    assert [line.strip().rpartition("/")[2] for line in lines[1:]] == [
        "poses_1.trc", "poses_2.trc", "poses_1.bvh", "poses_2.bvh", "poses_wide.csv",
    ]  # fmt: skip
    assert "note: bvh: the file cannot tell that it is in cm, up: +Y\n" in result.stderr
    assert (
        "68 of 204 positions are missing and interpolated, the longest gap over 4 frames"
        in result.stderr
    )


def test_the_ending_of_a_file_tells_the_format(poses: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "all.json"
    result = triangulate("export", poses, "--out", out, "--up", "y", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["files"] == [str(out)] and len(told["notes"]) == 2
    document = json.loads(out.read_text())
    assert document["up_axis"] == "+Y" and len(document["frames"]) == 12
    assert [len(frame["bodies"]) for frame in document["frames"]] == [1] * 4 + [2] * 8


def test_unit_and_axes(poses: Path) -> None:
    out = poses.with_name("a.csv")
    assert triangulate("export", poses, "--out", out, "--unit", "mm", "--up", "y").exit_code == 0
    head, first = out.read_text().splitlines()[:2]
    assert "x_mm,y_mm,z_mm,sigma_mm" in head and first.endswith("+Y")


def test_wrong_command_lines(poses: Path) -> None:
    refused(triangulate("export", poses), "--to (csv, csv-wide, trc, c3d", kind=UsageError)
    unknown = triangulate("export", poses, "--to", "fbx")
    assert unknown.exit_code == 2
    assert all(name in unknown.output for name in ("fbx", "csv-wide", "gltf"))
    assert triangulate("export", poses, "--to", "trc", "--unit", "inch").exit_code == 2
    refused(triangulate("export", poses, "--out", "a.fbx"), "a.fbx: its ending tells no format")
    refused(triangulate("export", poses, "--to", "gltf", "--unit", "mm"), "gltf is in m with y up")
    refused(triangulate("export", poses, "--to", "npz"), "would be written over itself")
    assert names_in(poses.parent) == ["poses.npz"]


def test_no_poses(poses: Path, tmp_path: Path) -> None:
    refused(triangulate("export", tmp_path / "no.npz", "--to", "trc"), "no.npz: there is no such")
    (tmp_path / "text.npz").write_text("frame,x,y,z\n")
    refused(triangulate("export", tmp_path / "text.npz", "--to", "trc"), "text.npz: is no")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    refused(triangulate("export", tmp_path / "other.npz", "--to", "trc"), "other.npz: is no")
    refused(triangulate("export", tmp_path, "--to", "trc"), f"{tmp_path}: is no")


def test_poses_that_do_not_fit(tmp_path: Path) -> None:
    skeleton = Skeleton.named("h36m17")
    empty = saved(tmp_path / "empty.npz", np.zeros((0, 1, 17, 3)), skeleton)
    refused(triangulate("export", empty, "--to", "trc"), "empty.npz: holds no frames")
    unseen = saved(tmp_path / "unseen.npz", np.full((3, 1, 17, 3), np.nan), skeleton)
    refused(triangulate("export", unseen, "--to", "c3d"), "unseen.npz: no joint has a position")
    boneless = saved(tmp_path / "bare.npz", np.zeros((3, 1, 5, 3)), Skeleton.anonymous(5))
    refused(triangulate("export", boneless, "--to", "bvh"), "the skeleton has no bones")
    refused(triangulate("export", boneless, "--to", "angles"), "none can be told from the joints")
    refused(triangulate("export", boneless, "--to", "opensim"), "has a place in the model")
    refused(triangulate("export", boneless, "--to", "json"), "none of the joints")
    assert names_in(tmp_path) == ["bare.npz", "empty.npz", "unseen.npz"]


@pytest.mark.parametrize(("form", "package"), [("c3d", "ezc3d"), ("gltf", "pygltflib")])
def test_a_missing_package_is_named(
    form: str, package: str, poses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    refused(
        triangulate("export", poses, "--to", form), package, 'pip install "triangulate[export]"'
    )
    assert names_in(poses.parent) == ["poses.npz"]


def test_a_place_that_cannot_be_written(poses: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for form, name in [("trc", "a.trc"), ("csv", "a.csv"), ("bvh", "a.bvh"), ("json", "a.json")]:
        out = tmp_path / "file" / name
        refused(triangulate("export", poses, "--to", form, "--out", out), "cannot be written")


def test_help_shows_an_example() -> None:
    shown = triangulate("export", "--help").output
    assert "Example: triangulate export recordings/walk/out/poses.npz --to trc --to bvh" in shown
    assert "csv-wide  a row a frame" in shown
