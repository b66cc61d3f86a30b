"""`triangulate detect`; how it fails is in tests/test_bad_input.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.keypoint_formats import load_keypoints_from

MAIN = "import sys; from triangulate.cli import main; sys.argv[1:] = {arguments}; main()"


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_question_can_be_left_by_ctrl_c(project: Path, on_terminal: Any) -> None:
    arguments = ["detect", str(project / "recordings" / "walk")]
    code, printed = on_terminal(
        MAIN.format(arguments=arguments), "\x04", TRIANGULATE_CACHE=str(project / "cache")
    )
    assert code == 130
    assert printed.splitlines()[-1] == "stopped"


def test_detect_writes_keypoints(project: Path, own_cache: Path) -> None:
    walk = project / "recordings" / "walk"
    done = triangulate("detect", walk, "--frames", ":3", "--no-cache")
    assert done.exit_code == 0, done.stderr
    assert "somebody is seen in  cam1 0%, cam2 0%, cam3 0%\n" in done.stdout
    seen = load_keypoints_from(walk / "pose2d" / "keypoints.npz")
    assert seen.names == ("cam1", "cam2", "cam3") and seen.fps == 25
    assert not (own_cache / "detections").exists()
    refused = triangulate("detect", walk, "--out", walk / "pose2d")
    assert "is a folder: name the file" in str(refused.exception)
