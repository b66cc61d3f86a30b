from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.options import ExportOptions, Format, LengthUnit, Up
from triangulate.export.writing import export_poses, format_of
from triangulate.poses import load_poses
from triangulate.skeleton import Skeleton

NEEDS = {Format.c3d: "ezc3d", Format.gltf: "pygltflib"}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", "csv"), ("a.TRC", "trc"), ("a.b.c3d", "c3d"), ("a.json", "json"), ("a.npz", "npz"),
     ("a.bvh", "bvh"), ("x/a.glb", "gltf")],
)  # fmt: skip
def test_endings_tell_formats(name: str, form: str) -> None:
    assert format_of(Path(name)) == form


@pytest.mark.parametrize("name", ["a.fbx", "a", "a.xml", ".csv"])
def test_unknown_endings_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"tells no format: use \.csv, .*--to: csv, csv-wide, trc"):
        format_of(Path(name))


def test_every_format_is_written_beside_the_poses(made_poses: Any, tmp_path: Path) -> None:
    for package in NEEDS.values():
        pytest.importorskip(package)
    poses = made_poses("h36m17", 6, with_gaps=False)
    formats = [form for form in Format if form != Format.npz]
    exported = export_poses(poses, formats, tmp_path / "walk.npz")
    assert names_in(tmp_path) == sorted(
        ["walk.csv", "walk_wide.csv", "walk.trc", "walk.c3d", "walk.json", "walk_panoptic",
         "walk.bvh", "walk_angles.csv", "walk_opensim.xml", "walk_opensim.trc", "walk.glb"]
    )  # fmt: skip
    assert sorted(path.name for path in exported.paths) == names_in(tmp_path)
    assert len(set(exported.notes)) == len(exported.notes)


def test_people_get_a_file_each_where_a_file_holds_one(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("h36m17", 6, 3)
    poses.positions_m[:, 1] = np.nan
    poses.positions_m[:, 2, 3] = np.nan
    out = tmp_path / "out"
    exported = export_poses(
        poses, [Format.trc, Format.opensim, Format.csv, Format.trc], "poses.npz", out
    )
    expected = ["poses.csv", "poses_1.trc", "poses_1_opensim.trc", "poses_1_opensim.xml"]
    expected += ["poses_3.trc", "poses_3_opensim.trc", "poses_3_opensim.xml"]
    assert names_in(out) == sorted(expected)
    assert exported.notes[:2] == (
        "person 2 has no position in any frame",
        "left_hip of person 3: without a position in any frame",
    )
    export_poses(poses, [Format.trc], "poses.npz", tmp_path / "mine.trc")
    assert {"mine_1.trc", "mine_3.trc"} <= set(names_in(tmp_path))
    third = [line.split("\t")[2] for line in (out / "poses_3.trc").read_text().splitlines()[5:]]
    assert float(third[0]) == pytest.approx(poses.positions_m[0, 2, 0, 1], abs=1e-6)


def test_an_hour_in_c3d_is_in_parts_that_ezc3d_reads_back(made_poses: Any, tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    num_frames = 216_000  # an hour at 60 frames a second
    x_m = np.arange(num_frames)[:, None, None] / 1000.0
    positions_m = np.stack(np.broadcast_arrays(x_m, [[0.25, 0.5]], 1.5), axis=-1)  # (T, 1, 2, 3)
    poses = made_poses(
        Skeleton.anonymous(2), positions_m=positions_m, fps=60.0, step=1, with_gaps=False
    )
    exported = export_poses(poses, [Format.c3d], tmp_path / "hour.npz")
    assert [path.name for path in exported.paths] == [f"hour_part{n}.c3d" for n in range(1, 5)]
    assert exported.notes == (
        "c3d: 216,000 frames are more than the 65,535 that a file holds: they are in 4 parts, "
        "which begin with the frames 10, 65545, 131080, 196615",
    )
    read = [ezc3d.c3d(str(path))["data"]["points"][:3] for path in exported.paths]
    assert [part.shape[-1] for part in read] == [65_535, 65_535, 65_535, 19_395]
    together = np.concatenate(read, axis=-1).transpose(2, 1, 0) / 1000
    np.testing.assert_allclose(together, positions_m[:, 0], rtol=1e-6)


def test_one_frame_too_many_is_a_part(made_poses: Any, tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    poses = made_poses(
        Skeleton.anonymous(1), positions_m=np.ones((65_536, 2, 1, 3)), with_gaps=False
    )
    exported = export_poses(poses, [Format.c3d], "p.npz", tmp_path / "out.c3d")
    assert [path.name for path in exported.paths] == [
        "out_1_part1.c3d", "out_1_part2.c3d", "out_2_part1.c3d", "out_2_part2.c3d",
    ]  # fmt: skip
    exactly = export_poses(
        poses.select_frames(slice(1, None)), [Format.c3d], "p.npz", tmp_path / "out.c3d"
    )
    assert [path.name for path in exactly.paths] == ["out_1.c3d", "out_2.c3d"]


def test_the_place_is_a_file_or_a_folder(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("panoptic19", 4, with_gaps=False)

    def written(formats: list[Format], out: str) -> list[str]:
        exported = export_poses(poses, formats, "poses.npz", tmp_path / out)
        return [str(path.relative_to(tmp_path)) for path in exported.paths]

    assert written([Format.trc], "new/a.trc") == ["new/a.trc"]
    assert written([Format.trc], "new") == ["new/poses.trc"]
    assert written([Format.angles], "new/a.csv") == ["new/a.csv"]
    assert written([Format.opensim], "new/a.xml") == ["new/a.xml", "new/a.trc"]
    assert written([Format.panoptic], "hdPose3d") == ["hdPose3d"]
    assert written([Format.panoptic, Format.csv], "both") == [
        "both/poses_panoptic",
        "both/poses.csv",
    ]
    (tmp_path / "v1.2").mkdir()
    assert written([Format.bvh], "v1.2") == ["v1.2/poses.bvh"]
    with pytest.raises(InputError, match=r"a\.trc: a file of the format bvh ends in \.bvh"):
        written([Format.bvh], "a.trc")
    with pytest.raises(InputError, match="several formats want a folder"):
        written([Format.bvh, Format.trc], "a.trc")


def test_npz_are_the_poses_themselves(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses()
    poses.save(tmp_path / "poses.npz")
    export_poses(poses, [Format.npz], tmp_path / "poses.npz", tmp_path / "copy.npz")
    np.testing.assert_array_equal(load_poses(tmp_path / "copy.npz").positions_m, poses.positions_m)
    with pytest.raises(InputError, match="would be written over itself; name another with --out"):
        export_poses(poses, [Format.npz], tmp_path / "poses.npz")


@pytest.mark.parametrize(
    ("form", "options", "said"),
    [
        (Format.gltf, ExportOptions(LengthUnit.mm), "gltf is in m with y up: leave --unit"),
        (Format.opensim, ExportOptions(up=Up.z), "opensim is in m with y up"),
        (Format.json, ExportOptions(LengthUnit.m), "json is in cm: leave --unit out"),
        (Format.panoptic, ExportOptions(LengthUnit.cm, Up.y), "panoptic is in cm"),
        (Format.npz, ExportOptions(up=Up.y), "npz holds the poses as they are"),
        (Format.angles, ExportOptions(LengthUnit.m), "angles is in degrees"),
    ],
)
def test_what_a_format_leaves_no_choice_of_is_refused_before_anything_is_written(
    form: Format, options: ExportOptions, said: str, made_poses: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        export_poses(made_poses(), [Format.trc, form], tmp_path / "poses.npz", options=options)
    assert not names_in(tmp_path)


def test_where_one_format_refuses_none_is_written(made_poses: Any, tmp_path: Path) -> None:
    """And the files of before stay."""
    poses = made_poses("h36m17", 6)
    poses.positions_m[:, :, poses.skeleton.index("left_knee")] = np.nan
    formats = [Format.csv, Format.panoptic, Format.trc]
    export_poses(poses, formats, tmp_path / "poses.npz")

    def state() -> dict[Path, tuple[bytes, int]]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_ino) for path in files}

    before = state()
    for order in ([*formats, Format.bvh], [Format.bvh, *formats]):
        with pytest.raises(InputError, match=r"^bvh: left_knee has no position in any frame"):
            export_poses(poses, order, tmp_path / "poses.npz")
    assert state() == before
    export_poses(poses, formats, tmp_path / "poses.npz")
    assert state().keys() == before.keys()
    assert not {inode for _, inode in state().values()} & {inode for _, inode in before.values()}


@pytest.mark.parametrize(("form", "package"), NEEDS.items())
def test_a_package_that_is_missing_is_told_with_its_format(
    form: Format, package: str, made_poses: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=f"^{form}: needs {package}: pip install"):
        export_poses(made_poses(), [Format.csv, form], tmp_path / "new" / "poses.npz")
    assert not names_in(tmp_path)


def test_what_is_in_the_way_stays(made_poses: Any, tmp_path: Path) -> None:
    (tmp_path / "p_panoptic").mkdir()
    (tmp_path / "p_panoptic" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"p_panoptic: holds mine\.txt, and is not replaced"):
        export_poses(made_poses(), [Format.trc, Format.panoptic], tmp_path / "p.npz")
    assert names_in(tmp_path) == ["p_panoptic"]
    (tmp_path / "p.csv").mkdir()
    with pytest.raises(InputError, match=r"p\.csv: cannot be written \(a folder is in its place\)"):
        export_poses(made_poses(), [Format.trc, Format.csv], tmp_path / "p.npz")
    assert names_in(tmp_path) == ["p.csv", "p_panoptic"]
    with pytest.raises(InputError, match="is no folder's name"):
        export_poses(made_poses(), [Format.panoptic], tmp_path / "p.npz", ".")


def test_options_reach_the_writers(made_poses: Any, tmp_path: Path) -> None:
    options = ExportOptions(LengthUnit.mm, Up.as_is)
    export_poses(made_poses(), [Format.trc, Format.csv_wide], tmp_path / "p.npz", options=options)
    head = (tmp_path / "p.trc").read_text().splitlines()
    assert head[0].endswith("up: +Z") and head[2].split("\t")[4] == "mm"
    assert "0/spine_x_mm" in (tmp_path / "p_wide.csv").read_text().splitlines()[0]


def test_nothing_to_write_is_refused(made_poses: Any, tmp_path: Path) -> None:
    empty = made_poses(positions_m=np.zeros((0, 1, 17, 3)))
    nobody = made_poses(positions_m=np.zeros((3, 0, 17, 3)), with_gaps=False)
    unseen = replace(made_poses(), positions_m=np.full((40, 1, 17, 3), np.nan))
    for poses, said in [
        (empty, "holds no frames"),
        (nobody, "holds no people"),
        (unseen, "no joint has a position in any frame"),
    ]:
        for form in Format:
            with pytest.raises(InputError, match=rf"poses\.npz: {said}"):
                export_poses(poses, [form], tmp_path / "poses.npz")
    assert not names_in(tmp_path)
