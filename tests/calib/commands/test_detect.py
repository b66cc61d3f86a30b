from __future__ import annotations

import json
import os

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from calib import detection
from calib.cli import app
from calib.observations import load_observations
from calib.targets import Charuco, save_target

BOARD = Charuco(4, 5, 0.03, 0.022, "DICT_4X4_50")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TRIANGULATE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def project(shoot, tmp_path):
    """A project with a board and a recording of two cameras, one of which looks at a wall."""
    save_target(BOARD, tmp_path / "board.yaml")
    recording = tmp_path / "recordings" / "board"
    pictures = [
        shoot(BOARD, (0.2, turn, 0.1), 0.4, (320, 260), focal_px=450).developed()
        for turn in (0.1, 0.4)
    ]
    for name, shown in (("cam1", pictures), ("cam2", [np.full((260, 320), 99, np.uint8)] * 2)):
        (recording / "images" / name).mkdir(parents=True)
        for number, picture in enumerate(shown):
            cv2.imwrite(str(recording / "images" / name / f"{number}.png"), picture)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["detect", *map(str, arguments)])


def test_the_board_is_found_by_the_project_and_written_beside_the_videos(project):
    recording = project / "recordings" / "board"
    result = run(recording)
    assert result.exit_code == 0, result.output
    assert "The board in 2 frames, 0 of them in two cameras or more" in result.stdout
    assert "cam1    320 x 260       2      24" in result.stdout
    assert "note: cam2 never sees the board: 0 of 2 frames" in result.stderr
    found = load_observations(recording / "observations.npz")
    assert found.names == ("cam1", "cam2")
    assert found.seen.sum((1, 2)).tolist() == [24, 0]
    assert found.spread is not None


def test_json_and_options(project):
    images = project / "recordings" / "board" / "images"
    result = run(
        images / "cam1", "--out", project / "o.npz", "--json", "--every", 2, "--no-cache",
        "--camera", "cam1=left", "--board", project / "board.yaml",
    )  # fmt: skip
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["cameras"] == [{"name": "left", "size": [320, 260], "frames": 1, "points": 12}]
    assert told["out"] == str(project / "o.npz")
    assert load_observations(project / "o.npz").frames.tolist() == [0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["detect"], 2, "Missing argument"),
        (["detect", "{p}/none"], 1, "none: there is no such file or folder"),
        (["detect", "{p}/recordings/board", "--board", "{p}/b.yaml"], 1, "b.yaml: there is no"),
        (["detect", "{p}/recordings/board", "--cameras", "cam9"], 1, "there are cam1, cam2"),
        (["detect", "{p}/recordings/board", "--cameras", "cam2"], 1, "found in 0 of 2 frames"),
        (["detect", "{p}/recordings/board", "--frames", "9"], 1, "write it as 100:200"),
        (["detect", "{p}/recordings/board", "--out", "{p}"], 1, "is a folder: name the file"),
        (["detect", "{p}/recordings/board", "--out", "{p}/o.csv"], 1, "written as .npz"),
        (["detect", "{p}/recordings", "--board", "{p}/board.yaml"], 1, "one of them: board"),
    ],
)
def test_mistakes_end_with_one_line_and_nothing_written(arguments, code, said, refusal, project):
    before = sorted(project.rglob("*"))
    filled = [argument.replace("{p}", str(project)) for argument in arguments]
    assert said in refusal(filled, code)
    assert sorted(project.rglob("*")) == before


def test_no_board_in_sight_says_how_to_name_one(refusal, project):
    (project / "board.yaml").unlink()
    said = refusal(["detect", str(project / "recordings" / "board")], 1)
    assert "no board.yaml in it or in the folders above" in said
    assert "--board" in said


def test_a_place_that_cannot_be_written_is_told_before_the_work(refusal, project, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode, **_: mode != os.W_OK)
    monkeypatch.setattr(detection, "detect", None)  # is not reached
    said = refusal(["detect", str(project / "recordings" / "board")], 1)
    assert "observations.npz: cannot be written; choose another place with --out" in said


def test_ctrl_c_says_what_is_kept(project, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(detection, "detect", stop)
    result = run(project / "recordings" / "board")
    assert str(result.exception).startswith("stopped; finished stretches are kept")
