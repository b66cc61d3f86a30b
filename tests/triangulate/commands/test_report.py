"""`triangulate report`: the page, the numbers, and one line where something is wrong."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.errors import InputError, UsageError
from triangulate.pipeline import reconstruct_keypoints
from triangulate.poses import Poses3D, load_poses
from triangulate.rig import Rig
from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

SIZE, NUM_FRAMES, FPS = (240, 180), 10, 50.0

pytest.importorskip("plotly")


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory, write_video) -> Path:
    """A project: rig.yaml, and recordings/walk with videos/, pose2d/ and out/poses.npz."""
    folder = tmp_path_factory.mktemp("made")
    generator = seeded(2)
    rig = ring_rig(generator, 3, size=SIZE)
    rig.save(folder / "rig.yaml")
    motion = walk(generator, NUM_FRAMES, FPS, half_length_m=0.3)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=FPS)
    seen = replace(seen, sizes=rig.sizes)
    recording = folder / "recordings" / "walk"
    seen.save(recording / "pose2d" / "keypoints.npz")
    run = {"command": "triangulate reconstruct", "settings": {"match": "number"}, "versions": {}}
    replace(reconstruct_keypoints(seen, rig), run=run).save(recording / "out" / "poses.npz")

    def grey(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), 100 + number, np.uint8)

    for name in rig.names:
        write_video(
            recording / "videos" / f"{name}.mp4", NUM_FRAMES, picture=grey, fps=50, size=SIZE
        )
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "project" / "recordings" / "walk"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def change(recording: Path, **changes: object) -> Poses3D:
    poses = replace(load_poses(recording / "out" / "poses.npz"), **changes)  # type: ignore[arg-type]
    poses.save(recording / "out" / "poses.npz")
    return poses


def refused(result: Result, *said: str) -> None:
    assert result.exit_code == 1 and result.stdout == ""
    assert isinstance(result.exception, InputError)
    message = str(result.exception)
    assert "\n" not in message
    for text in said:
        assert text in message, message


# --- What it writes -------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["", "out", "out/poses.npz"])
def test_the_recording_its_out_folder_or_its_poses_will_do(project: Path, named: str) -> None:
    result = triangulate(project / named)
    assert result.exit_code == 0, result.exception
    page = project / "out" / "report.html"
    assert result.stdout.splitlines()[0] in ("good", "usable with care", "do not use")
    assert result.stdout.endswith(f"wrote {page}\n")
    text = read(page)
    assert "Reconstruction of walk" in text
    assert text.count("data:image/jpeg;base64,") == 4 * 3
    assert '"name":"cam1"' in text  # drawn beside the skeleton


def test_the_folder_one_is_in(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (project, project / "out"):
        monkeypatch.chdir(folder)
        assert triangulate().exit_code == 0
        assert read(project / "out" / "report.html").count("data:image/jpeg") == 12
        (project / "out" / "report.html").unlink()


def test_json_is_the_same_numbers_and_writes_no_page(project: Path) -> None:
    result = triangulate(project, "--json")
    numbers = json.loads(result.stdout)
    poses = load_poses(project / "out" / "poses.npz")
    assert numbers["frames"] == NUM_FRAMES and numbers["run"] == poses.run
    assert numbers["verdict"] == triangulate(project).stdout.splitlines()[0]
    (project / "out" / "report.html").unlink()
    assert not (project / "out" / "report.html").exists()
    target = project / "new" / "page.html"
    assert triangulate(project, "--json", "--out", target).exit_code == 0
    assert target.is_file()


def test_faces_are_hidden_where_asked(project: Path) -> None:
    plain, blurred = project / "a.html", project / "b.html"
    assert triangulate(project, "--out", plain).exit_code == 0
    hidden = triangulate(project, "--out", blurred, "--blur-faces")
    assert hidden.exit_code == 0 and "faces" not in hidden.stderr
    assert read(blurred).count("data:image/jpeg") == 12
    shutil.rmtree(project / "pose2d")
    told = triangulate(project, "--out", blurred, "--blur-faces")
    assert "faces of people without a pose stay as they are" in told.stderr


def test_poses_elsewhere(project: Path) -> None:
    elsewhere = project.parents[1] / "result" / "mine.npz"
    elsewhere.parent.mkdir()
    shutil.move(project / "out" / "poses.npz", elsewhere)
    assert triangulate(project, "--poses", elsewhere).exit_code == 0
    assert read(elsewhere.parent / "report.html").count("data:image/jpeg") == 12


# --- Without pictures -----------------------------------------------------------------------------


def why(project: Path, *arguments: object) -> str:
    """What the page says in place of pictures."""
    result = triangulate(project, *arguments)
    assert result.exit_code == 0, result.exception
    text = read(project / "out" / "report.html")
    assert "data:image/jpeg;base64" not in text
    return text.partition("No pictures: ")[2].partition("</p>")[0]


def test_the_page_says_why_there_are_no_pictures(project: Path) -> None:
    assert "--no-pictures" in why(project, "--no-pictures")
    shutil.rmtree(project / "videos")
    assert str(project) in why(project)
    rig = project.parents[1] / "rig.yaml"
    rig.rename(rig.with_name("other.yaml"))
    assert "--rig names the calibration" in why(project)


def test_a_recording_that_is_not_that_of_the_poses_gives_no_pictures(project: Path) -> None:
    change(project, frames=np.arange(NUM_FRAMES) + 5)
    assert "the recording ends with frame 9" in why(project)


def test_a_rig_found_by_chance_need_not_fit(project: Path) -> None:
    poses = load_poses(project / "out" / "poses.npz")
    change(project, positions_m=poses.positions_m + np.array([0.0, 0.0, 40.0]))
    assert "is not the rig of these poses" in why(project)


# --- Bad input ------------------------------------------------------------------------------------


def test_no_poses(project: Path) -> None:
    refused(triangulate("nowhere"), "nowhere: does not exist")
    refused(triangulate(project / "videos"), "no poses.npz in it", "triangulate reconstruct")
    refused(triangulate(project, "--poses", "none.npz"), "none.npz: no such file")
    refused(triangulate(project / "videos" / "cam1.mp4"), "cam1.mp4")


def test_nothing_in_the_poses(project: Path) -> None:
    poses = load_poses(project / "out" / "poses.npz")
    names = "positions_m covariance_m2 reprojection_px views_used reason sides_swapped frames"
    empty = {name: np.asarray(getattr(poses, name))[:0] for name in names.split()}
    change(project, **empty)
    refused(triangulate(project), "poses.npz: the poses are empty")
    poses.save(project / "out" / "poses.npz")
    change(
        project,
        positions_m=np.full_like(poses.positions_m, np.nan),
        reason=np.full_like(poses.reason, 3),
    )
    refused(triangulate(project), "not a single joint has a position (high_error 100%)")
    refused(triangulate(project, "--json"), "not a single joint")


def test_a_rig_that_was_named_must_fit(project: Path, tmp_path: Path) -> None:
    rig = Rig.load(project.parents[1] / "rig.yaml")
    rig.select(["cam1", "cam2"]).save(tmp_path / "two.yaml")
    refused(triangulate(project, "--rig", tmp_path / "two.yaml"), "two.yaml", "no camera cam3")
    refused(triangulate(project, "--rig", tmp_path / "none.yaml"), "none.yaml")
    assert not (project / "out" / "report.html").exists()


def test_places_that_cannot_be_written(project: Path) -> None:
    folder = triangulate(project, "--out", project)
    assert folder.exit_code != 0 and isinstance(folder.exception, UsageError)
    assert "name a file, such as" in str(folder.exception)
    file = project / "file"
    file.write_text("")
    refused(triangulate(project, "--no-pictures", "--out", file / "a.html"), "cannot be written")


def test_without_plotly(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.delitem(sys.modules, "plotly.graph_objects", raising=False)
    refused(triangulate(project), 'pip install "triangulate[report]"')
    assert triangulate(project, "--json").exit_code == 0  # numbers do without
