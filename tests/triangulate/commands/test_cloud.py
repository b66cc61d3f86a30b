"""`triangulate cloud`: what it refuses, in one line, before anything is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from triangulate.cli import app
from triangulate.cloud.recording import WrittenCloud
from triangulate.commands.cloud import rows_of
from triangulate.errors import InputError
from triangulate.poses import Poses3D
from triangulate.skeleton import Skeleton
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

FRAMES = 6


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["cloud", *map(str, arguments)])
    assert isinstance(result.exception, InputError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def poses_of(frames: list[int], names: tuple[str, ...]) -> Poses3D:
    shape = (len(frames), 1, 3)
    per_view = (len(frames), 1, len(names), 3)
    return Poses3D(
        np.zeros((*shape, 3)),
        np.zeros((*shape, 3, 3)),
        np.zeros(per_view),
        np.ones(per_view, bool),
        np.zeros(shape, np.uint8),
        np.zeros(per_view[:3], bool),
        Skeleton.anonymous(3),
        names,
        frames=np.array(frames),
    )


@pytest.fixture
def project(tmp_path, write_video) -> Path:
    """Six grey frames of two cameras, beside their rig, with poses of frames 2 to 4."""
    rig = ring_rig(seeded(0), 2, size=(160, 120))
    rig.save(tmp_path / "rig.yaml")
    for name in rig.names:
        write_video(
            tmp_path / "walk" / f"{name}.mp4",
            FRAMES,
            picture=lambda number, w, h: np.full((h, w, 3), 90, np.uint8),
        )
    poses_of([2, 3, 4], rig.names).save(tmp_path / "walk" / "out" / "poses.npz")
    return tmp_path / "walk"


def test_no_videos_and_no_poses(project, tmp_path) -> None:
    assert "does not exist" in refused(tmp_path / "run")
    (project / "out" / "poses.npz").unlink()
    assert "no poses there: make them with triangulate reconstruct" in refused(project)


def test_frames_without_poses(project, own_cache) -> None:
    says = refused(project, "--frames", "1:4")
    assert "frame 1 has no pose; the poses are of 3 frames from 2 to 4" in says
    assert "has the frames 0 to 5" in refused(project, "--frames", "9:10")


def test_a_size_that_is_no_multiple(project, own_cache) -> None:
    assert "--size 100: must be a multiple of 8, 16 to 512" in refused(project, "--size", 100)
    assert "--size 8: must be 16 to 512" in refused(project, "--what", "heatmaps", "--size", 8)


@pytest.mark.parametrize("what", ["hull", "heatmaps"])
def test_nobody_in_the_images(project, own_cache, what) -> None:
    says = refused(project, "--what", what, "--frames", "2:4")
    assert "no cloud: in none of 2 frames" in says
    assert not list(project.rglob("*.ply"))


def test_the_table() -> None:
    first = WrittenCloud(Path("a.ply"), 0, 1000, 0.1, {"cam1": 0.9, "cam2": None}, 1.0)
    other = WrittenCloud(Path("b.ply"), 1, 3000, 0.2, {"cam1": 0.8, "cam2": None}, 0.5)
    assert rows_of([first, other]) == [
        ("frames", "2"),
        ("points", "3,000 a frame"),
        ("volume", "0.100 to 0.200 m3"),
        ("joints inside", "75%"),
        ("overlap with masks", "cam1 0.85, cam2 none"),
    ]
