"""`triangulate demo`: what it prints, and that the commands it names are there."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import calib.cli
from triangulate.cli import app
from triangulate.commands.demo import commands_to_go_on
from triangulate.demo import CalibrationResult, DemoResult, FilmResult, run_demo
from triangulate.errors import InputError


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["demo", *map(str, arguments)])


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("demo") / "new")


@pytest.fixture
def whole(walked: DemoResult) -> DemoResult:
    """A result that has everything."""
    out = Path("my demo")
    filmed = FilmResult(
        out / "recordings" / "filmed", out / "recordings" / "filmed" / "out", Path("result.png"),
        Path("overlay.mp4"), Path("scene.mp4"), Path("report.html"), "best", True, 2, 4, (64, 48),
        34, 1.0, 2.0, 9.0, 20.0, 30.0, {},
    )  # fmt: skip
    calibration = CalibrationResult(
        out / "recordings" / "board", out / "calibration", 9, 3.0, (64, 48), 8, (4, 5), 0.1, 0.4,
        (1.0, 2.0), (0.1, 0.1), (0.0, 0.0), 0.1, (),
    )  # fmt: skip
    return replace(walked, filmed=filmed, calibration=calibration)


def test_without_videos_the_walk_is_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = triangulate("--network", "none")
    assert done.exit_code == 0, done.stderr
    assert "From 2D keypoints, against the truth" in done.stdout
    assert "all of it" in done.stdout
    assert "triangulate view demo/recordings/walk  # " in done.stdout
    assert "calib" not in done.stdout
    assert not (tmp_path / "demo" / "recordings" / "board").exists()
    reported = CliRunner().invoke(app, ["report", "demo/recordings/walk"])
    assert reported.exit_code == 0, reported.stderr


def test_a_program_reads_everything(tmp_path: Path) -> None:
    told = json.loads(triangulate("--out", tmp_path / "x", "--network", "none", "--json").stdout)
    assert told["median_mm"] < 20
    assert list(told["seconds"]) == ["reconstructing a walk from 2D keypoints"]
    assert told["calibration"] is told["filmed"] is None


def test_another_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text("type: charuco\n")
    refused = triangulate("--out", tmp_path, "--network", "none")
    assert isinstance(refused.exception, InputError)
    assert list(tmp_path.iterdir()) == [tmp_path / "board.yaml"]


def test_the_commands_to_go_on_with_are_there(whole: DemoResult) -> None:
    told = commands_to_go_on(whole)
    lines = [shlex.split(command) for command, _ in told]
    assert [line[:2] for line in lines] == [
        ["triangulate", "view"],
        ["triangulate", "render"],
        ["triangulate", "report"],
        ["calib", "report"],
    ]
    assert lines[0][2] == "my demo/recordings/filmed"
    roofs: dict[str, typer.Typer] = {"triangulate": app, "calib": calib.cli.app}
    for program, *words in lines:
        if words[0] == "view":  # has its own tests
            continue
        done = CliRunner().invoke(roofs[program], [*words, "--help"])
        assert done.exit_code == 0, done.stderr
