from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.trc import write_trc
from triangulate.poses import Poses3D
from triangulate.viewer.opening import (
    cloud_sequence,
    holds_models,
    is_model,
    is_motion,
    open_models,
    open_motion,
)
from triangulate.viewer.shapes import Dots


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_names_tell_what_a_file_is() -> None:
    assert all(is_motion(Path(name)) for name in ("poses.npz", "a.trc", "A.C3D"))
    assert all(is_model(Path(name)) for name in ("a.ply", "b.PCD", "c.xyz", "d.obj", "e.stl"))
    for name in ("rig.yaml", "a.mp4", "walk", "a.csv"):
        assert not is_motion(Path(name)) and not is_model(Path(name))


def test_poses_stay_in_their_file(poses: Poses3D, tmp_path: Path) -> None:
    poses.save(tmp_path / "poses.npz")
    motion = open_motion(tmp_path / "poses.npz")
    assert isinstance(motion.positions_m, np.memmap) and motion.poses is not None
    assert isinstance(motion.poses.covariance_m2, np.memmap)
    np.testing.assert_array_equal(motion.positions_m, poses.positions_m)
    write_trc(poses, tmp_path / "a.trc")
    assert open_motion(tmp_path / "a.trc").poses is None
    with pytest.raises(InputError, match="there is no such file"):
        open_motion(tmp_path / "none.npz")


def test_models_have_the_names_of_their_files(cloud_file: Path) -> None:
    pytest.importorskip("open3d")
    models = open_models([cloud_file])
    assert list(models) == [str(cloud_file)] and isinstance(models[str(cloud_file)], Dots)


def test_the_last_number_of_a_name_is_the_frame(tmp_path: Path) -> None:
    names = ["frame_000123.ply", "frame_000007.ply", "cam2_take1_000008.PLY", "notes.txt"]
    folder = touch(tmp_path / "clouds", *names)
    assert cloud_sequence(folder) == {
        123: folder / names[0],
        7: folder / names[1],
        8: folder / names[2],
    }
    assert holds_models(folder)


def test_clouds_without_numbers_are_counted(tmp_path: Path) -> None:
    folder = touch(tmp_path / "clouds", "b.ply", "a.ply", "c.xyz")
    found = {number: path.name for number, path in cloud_sequence(folder).items()}
    assert found == {0: "a.ply", 1: "b.ply", 2: "c.xyz"}


def test_two_clouds_of_a_frame_are_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path / "clouds", "frame_1.ply", "frame_001.ply")
    with pytest.raises(InputError, match=r"frame_1\.ply: is of frame 1, and frame_001\.ply is"):
        cloud_sequence(folder)


def test_folders_without_clouds(tmp_path: Path) -> None:
    folder = touch(tmp_path / "other", "a.txt")
    assert not holds_models(folder) and not holds_models(tmp_path / "none")
    assert not holds_models(folder / "a.txt")
    with pytest.raises(InputError, match=r"other: holds no clouds \(\.ply, \.pcd"):
        cloud_sequence(folder)
    for missing in (tmp_path / "none", folder / "a.txt"):
        with pytest.raises(InputError, match="there is no such folder"):
            cloud_sequence(missing)
