"""`triangulate check`; how it fails is in tests/test_bad_input.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from triangulate.cli import app

SIZE = (160, 120)


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_check_says_what_is_there(project: Path) -> None:
    checked = triangulate("check", project / "recordings" / "walk", "--frames", "2:8")
    assert checked.exit_code == 0, checked.stderr
    assert f"cam2    160 x 120       9        25  {project}" in checked.stdout
    assert "frames       6 (2 to 7)\n" in checked.stdout
    assert "rate         25 frames a second\n" in checked.stdout
    assert "rig.yaml\n" in checked.stdout
    assert checked.stderr == "note: made up by triangulate.synthetic: no real cameras\n"


def test_check_for_programs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "recordings" / "walk" / "videos")
    checked = json.loads(triangulate("check", ".", "--json").stdout)
    assert checked["rig"] == "../../../rig.yaml"
    assert checked["cameras"][0] == {
        "name": "cam1",
        "file": "cam1.mp4",
        "size": list(SIZE),
        "frames": 9,
        "fps": 25,
        "codec": "h264",
    }
    assert checked["frames"] == 9 and checked["notes"]


def test_cameras_go_in_the_order_asked_for(project: Path) -> None:
    walk = project / "recordings" / "walk"
    checked = triangulate("check", walk, "--cameras", "cam3,cam1", "--json")
    assert [camera["name"] for camera in json.loads(checked.stdout)["cameras"]] == ["cam3", "cam1"]
    assert "left out, being of none of the cameras cam3, cam1: cam2.mp4" in checked.stderr


def test_rates_and_matching_reach_the_recording(project: Path, write_video: Any) -> None:
    walk, video = project / "recordings" / "walk", project / "cam2.mp4"
    noise = np.random.default_rng(0).integers(0, 99, (20, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    write_video(video, 18, picture=lambda number, *size: noise[number], fps=50)
    shutil.move(video, walk / "videos" / "cam2.mp4")
    refused = triangulate("check", walk)
    assert "say --match time" in str(refused.exception)
    by_time = json.loads(triangulate("check", walk, "--match", "time", "--json").stdout)
    assert (by_time["frames"], by_time["fps"]) == (9, pytest.approx(25))
    settings = project / "settings.yaml"
    settings.write_text("match: time\n")
    refused = triangulate("reconstruct", walk, "--config", settings, "--frames", "50:")
    assert "--frames 50:: the recording has the frames 0 to 8" in str(refused.exception)
    told = triangulate("check", walk, "--match", "number", "--fps", "10", "--json")
    assert json.loads(told.stdout)["fps"] == pytest.approx(25)
    assert "--fps 10 is left aside" in told.stderr


def test_images_get_their_rate_from_the_user(project: Path) -> None:
    import cv2

    for name in ("cam1", "cam2", "cam3"):
        folder = project / "recordings" / "images" / name
        folder.mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    for options, fps in ((["--fps", "50"], 50), ([], None)):
        checked = triangulate("check", project / "recordings" / "images", *options, "--json")
        assert json.loads(checked.stdout)["fps"] == fps
