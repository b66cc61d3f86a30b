from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import triangulate
from triangulate.errors import InputError
from triangulate.output import Run, check_writable, write_results
from triangulate.pipeline import reconstruct
from triangulate.poses import Poses3D, load_poses
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

FILES = ["poses.csv", "poses.npz", "poses.trc", "run.yaml"]
NOISE = DetectorNoise(sigma_px=(1.0, 2.0), missing=0.5, gross=0.0, swapped=0.0)


@pytest.fixture(scope="module")
def poses() -> Poses3D:
    generator = seeded(0)
    rig, motion = ring_rig(generator, 3), walk(generator, 12)
    keypoints, _ = observe(motion.positions_m, rig, motion.skeleton, generator, NOISE)
    points_px, confidence = keypoints.points_px[:, :, 0], keypoints.confidence[:, :, 0]
    made = reconstruct(points_px, confidence, rig, skeleton=motion.skeleton, fps=25)
    assert np.isnan(made.positions_m).any()
    return made


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- What is written ------------------------------------------------------------------------------


def test_all_files_and_nothing_else(poses: Poses3D, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    written = write_results(poses, out)
    assert sorted(path.name for path in written) == FILES
    assert all(path.parent == out and path.stat().st_size > 0 for path in written)
    assert names_in(out) == FILES
    loaded = load_poses(out / "poses.npz")
    np.testing.assert_array_equal(loaded.positions_m, poses.positions_m)
    assert (out / "poses.trc").read_text().splitlines()[0].split("\t")[3] == "poses.trc"
    assert len((out / "poses.csv").read_text().splitlines()) == 1 + 12 * 17


def test_how_it_was_made(poses: Poses3D, tmp_path: Path) -> None:
    write_results(
        poses,
        tmp_path,
        command="triangulate reconstruct 'my walk'",
        settings={"method": "robust", "cameras": ("ä", "b"), "fps": 59.94005994005994},
        timings_s={"detect": 1.23456},
        notes=["one", "two", "one"],
    )
    run = yaml.safe_load((tmp_path / "run.yaml").read_text(encoding="utf-8"))
    assert list(run) == ["command", "versions", "settings", "timings_s", "notes", "summary"]
    assert run["command"] == "triangulate reconstruct 'my walk'"
    assert run["versions"]["triangulate"] == triangulate.__version__
    assert {"python", "torch", "numpy"} <= set(run["versions"])
    assert run["settings"] == {"method": "robust", "cameras": ["ä", "b"], "fps": 59.9401}
    assert run["timings_s"] == {"detect": 1.235}
    assert run["notes"] == ["one", "two"]
    assert run["summary"]["frames"] == 12
    assert run["summary"]["cameras"][0]["name"] == "cam1"
    assert 0 < run["summary"]["points_found"] < 1
    made = load_poses(tmp_path / "poses.npz").run  # the file goes its own way
    assert made == {key: run[key] for key in ("command", "versions", "settings")}


def test_what_the_exports_assume_is_noted(poses: Poses3D, tmp_path: Path) -> None:
    write_results(replace(poses, up_axis=None, fps=None), tmp_path, notes=["a note"])
    notes = yaml.safe_load((tmp_path / "run.yaml").read_text())["notes"]
    assert notes[0] == "a note"
    assert any("which way is up" in note for note in notes)
    assert any("frame rate" in note for note in notes)


def test_several_people_get_a_trc_each(poses: Poses3D, tmp_path: Path) -> None:
    per_person = ("positions_m", "covariance_m2", "reprojection_px", "views_used", "reason")
    both = {
        name: np.concatenate([getattr(poses, name)] * 2, axis=1)
        for name in (*per_person, "sides_swapped")
    }
    written = write_results(replace(poses, **both), tmp_path)
    assert [path.name for path in written if path.suffix == ".trc"] == [
        "poses_1.trc",
        "poses_2.trc",
    ]
    assert "poses_2.trc" in (tmp_path / "poses_2.trc").read_text().splitlines()[0]


def test_a_second_run_replaces_the_first_and_nothing_else(poses: Poses3D, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    write_results(poses, tmp_path, command="first")
    first = contents(tmp_path)
    half = {
        name: getattr(poses, name)[:6]
        for name in (
            "positions_m",
            "covariance_m2",
            "reprojection_px",
            "views_used",
            "reason",
            "sides_swapped",
            "frames",
        )
    }
    write_results(replace(poses, **half), tmp_path, command="second")
    second = contents(tmp_path)
    assert sorted(second) == sorted([*FILES, "mine.txt"])
    assert second["mine.txt"] == b"mine"
    assert all(second[name] != first[name] for name in FILES)
    assert len(load_poses(tmp_path / "poses.npz").positions_m) == 6


# --- Where it cannot be written -------------------------------------------------------------------


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "not" / "yet")
    assert names_in(tmp_path) == []


def test_a_file_in_place_of_the_folder(poses: Poses3D, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for place in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(InputError, match=r"out.*--out"):
            check_writable(place)
        with pytest.raises(InputError, match=r"out.*--out"):
            write_results(poses, place)
    assert contents(tmp_path) == {"out": b"mine"}


def test_a_folder_in_place_of_a_file(poses: Poses3D, tmp_path: Path) -> None:
    (tmp_path / "poses.trc").mkdir()
    (tmp_path / "poses.csv").write_text("of an earlier run")
    with pytest.raises(InputError, match=r"poses\.trc: cannot be written .*--out"):
        write_results(poses, tmp_path)
    assert names_in(tmp_path) == ["poses.csv", "poses.trc"]
    assert (tmp_path / "poses.csv").read_text() == "of an earlier run"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_must_not_be_written(poses: Poses3D, tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        for place in (tmp_path, tmp_path / "out"):
            with pytest.raises(InputError, match="cannot be written"):
                check_writable(place)
            with pytest.raises(InputError, match="cannot be written"):
                write_results(poses, place)
        assert names_in(tmp_path) == []
    finally:
        tmp_path.chmod(stat.S_IRWXU)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_place_that_refuses(poses: Poses3D, tmp_path: Path, monkeypatch, code: int) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(.*\); choose another place"):
        check_writable(tmp_path / "out")
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_results(poses, tmp_path / "out")
    assert ".part" not in str(caught.value)  # what is the user's, not the program's own


@pytest.mark.parametrize("written", range(4))
def test_a_full_disk_leaves_the_earlier_results_whole(
    poses: Poses3D, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Whichever of the files it is on which the disk fills up."""
    write_results(poses, tmp_path, command="first")
    before = contents(tmp_path)

    def full_after(count: int) -> Callable[[Path, Path], None]:
        replaced, replace_file = [], os.replace

        def fill_up(source: Path, target: Path) -> None:
            if len(replaced) == count:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace_file(source, target)
            replaced.append(target)

        return fill_up

    for folder in (tmp_path, tmp_path / "new" / "out"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full_after(written))
            with pytest.raises(InputError, match="the disk is full; free some space") as caught:
                write_results(poses, folder, command="second")
        assert str(caught.value).split(":")[0] in [str(folder / name) for name in FILES]
        assert contents(tmp_path) == before


def test_being_stopped_leaves_the_earlier_results_whole(
    poses: Poses3D, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(poses, tmp_path, command="first")
    before = contents(tmp_path)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("triangulate.output.write_trc", stop)
    with pytest.raises(KeyboardInterrupt):
        write_results(poses, tmp_path, command="second")
    assert contents(tmp_path) == before


# --- A run ----------------------------------------------------------------------------------------


def test_a_run_tells_its_steps_and_its_command(
    poses: Poses3D, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["triangulate", "reconstruct", "my walk"])
    run = Run(tmp_path / "out")
    with run.step("open"):
        pass
    with pytest.raises(ValueError, match="wrong"), run.step("detect"):
        raise ValueError("wrong")
    run.write(poses, {"every": 2}, ["a note"])
    document = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert document["command"] == "triangulate reconstruct 'my walk'"
    assert document["settings"] == {"every": 2}
    assert list(document["timings_s"]) == ["open"]
    assert document["notes"][0] == "a note"


def test_a_run_without_a_place_writes_nothing(poses: Poses3D, tmp_path: Path) -> None:
    Run(None).write(poses, {}, [])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Run(tmp_path / "file" / "out")
