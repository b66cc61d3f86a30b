"""What the commands print and where they write; how they fail is in tests/test_bad_input.py."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.poses import load_poses
from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

COMMANDS = ["demo", "check", "sync", "detect", "reconstruct", "models", "models fetch"]
COMMANDS += ["models import", "models list", "models show", "render", "report"]
NUM_FRAMES, NUM_CAMERAS, SIZE = 30, 3, (160, 120)


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_video: Any) -> Path:
    """A project: rig.yaml, recordings/walk/ with videos/ of noise and keypoints of a walker."""
    folder = tmp_path_factory.mktemp("made")
    generator = seeded(3)
    rig = ring_rig(generator, NUM_CAMERAS, size=SIZE)
    rig.save(folder / "rig.yaml")
    motion = walk(generator, NUM_FRAMES, 50.0, half_length_m=0.5)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator, fps=motion.fps)
    seen.save(folder / "keypoints.npz")
    noise = np.random.default_rng(0).integers(0, 99, (9, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for name in rig.names:
        video = folder / "recordings" / "walk" / "videos" / f"{name}.mp4"
        write_video(video, len(noise), picture=lambda number, *size: noise[number], fps=25)
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project")
    return tmp_path / "project"


# --- Help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_an_example(command: str) -> None:
    helped = triangulate(*command.split(), "--help")
    assert helped.exit_code == 0
    assert f"Example: triangulate {command}".rstrip() in helped.stdout
    usage, *lines = helped.stdout.splitlines()
    assert usage.startswith("Usage: ")
    assert not [line for line in lines if line.endswith("...")]  # no sentence is cut off
    assert max(map(len, lines)) <= 80


def test_help_is_quick() -> None:
    words = [sys.executable, "-m", "triangulate", "reconstruct", "--help"]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)  # compiles
    before = os.times()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    spent_s = after.children_user + after.children_system
    assert spent_s - before.children_user - before.children_system < 0.5


def test_version() -> None:
    version = importlib.metadata.version("triangulate")
    assert triangulate("--version").stdout == f"triangulate {version}\n"


# --- Recordings -----------------------------------------------------------------------------------


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


# --- Reconstruction -------------------------------------------------------------------------------


def test_reconstruct_prints_tables_and_writes_beside_the_recording(project: Path) -> None:
    walk = project / "recordings" / "walk"
    done = triangulate("reconstruct", walk, "--keypoints", project / "keypoints.npz")
    assert done.exit_code == 0, done.stderr
    headings = ("Cameras", "Joints", "Bones", "Result")
    assert [line for line in done.stdout.splitlines() if line in headings] == list(headings)
    assert "camera  frames used  observations used  reprojection median" in done.stdout
    assert f"written to      {walk / 'out'}\n" in done.stdout
    assert "\x1b" not in done.stdout and "…" not in done.stdout
    names = {"poses.npz", "poses.csv", "poses.trc", "run.yaml"}
    assert {path.name for path in (walk / "out").iterdir()} == names
    assert len(load_poses(walk / "out" / "poses.npz").positions_m) == NUM_FRAMES


def test_reconstruct_for_programs(project: Path) -> None:
    out = project / "else where"
    done = triangulate(
        *("reconstruct", project / "recordings" / "walk", "--keypoints", project / "keypoints.npz"),
        *("--out", out, "--every", "3", "--method", "dlt", "--fps", "100", "--json"),
    )
    assert done.stderr == "note: made up by triangulate.synthetic: no real cameras\n"
    told = json.loads(done.stdout)
    assert (told["out"], told["frames"]) == (str(out), NUM_FRAMES // 3)
    poses = load_poses(out / "poses.npz")
    assert poses.fps == 100
    np.testing.assert_allclose(poses.time_s, np.arange(0, NUM_FRAMES, 3) / 100)


def test_learned_weights_are_an_option(project: Path) -> None:
    arguments = ("reconstruct", project / "recordings" / "walk")
    arguments += ("--keypoints", project / "keypoints.npz", "--weights")
    assert triangulate(*arguments, "learned", "--json").exit_code == 0
    run = yaml.safe_load((project / "recordings" / "walk" / "out" / "run.yaml").read_text())
    assert run["settings"]["weights"] == "learned"
    missing = triangulate(*arguments, project / "mine.safetensors")
    assert "mine.safetensors: there is no such file" in str(missing.exception)


def test_a_detector_is_an_option(project: Path) -> None:
    walk = project / "recordings" / "walk"
    unknown = triangulate("reconstruct", walk, "--detector", "best")
    assert "no detector 'best'; there are blazepose" in str(unknown.exception)
    missing = triangulate("detect", walk, "--detector", project / "mine.safetensors")
    assert "mine.safetensors: there is no such file" in str(missing.exception)
    both = ("--detector", "blazepose", "--keypoints", project / "keypoints.npz")
    assert "--detector goes with videos" in str(triangulate("reconstruct", walk, *both).exception)
    assert not (walk / "out").exists()


def test_the_joints_that_were_guessed_are_told(project: Path) -> None:
    seen = load_keypoints_from(project / "keypoints.npz")
    from triangulate.demo import write_openpose

    write_openpose(replace(seen), project / "pose2d")
    arguments = ("reconstruct", project / "recordings" / "walk", "--keypoints", project / "pose2d")
    assert "note: the joints are taken as " in triangulate(*arguments).stderr
    assert "taken as" not in triangulate(*arguments, "--skeleton", "h36m17").stderr


def test_several_videos_are_a_recording_too(project: Path) -> None:
    videos = sorted((project / "recordings" / "walk" / "videos").iterdir())
    done = triangulate("reconstruct", *videos, "--keypoints", project / "keypoints.npz")
    assert done.exit_code == 0, done.stderr
    assert (videos[0].parent / "out" / "poses.npz").is_file()
    shutil.move(videos[0], project)
    elsewhere = triangulate("reconstruct", project / videos[0].name, *videos[1:])
    assert "say where to write with --out" in str(elsewhere.exception)


def test_the_demo_for_programs(tmp_path: Path) -> None:
    told = json.loads(
        triangulate("demo", "--out", tmp_path / "demo", "--network", "none", "--json").stdout
    )
    assert told["median_mm"] < 20
    assert Path(told["picture"]).is_file()


# --- Networks -------------------------------------------------------------------------------------

MAIN = "import sys; from triangulate.cli import main; sys.argv[1:] = {arguments}; main()"


def test_missing_networks_are_offered_on_a_terminal(project: Path, on_terminal: Any) -> None:
    arguments = ["reconstruct", str(project / "recordings" / "walk")]
    code, printed = on_terminal(
        MAIN.format(arguments=arguments), "n\n", TRIANGULATE_CACHE=str(project / "cache")
    )
    assert code == 1
    assert "Fetch them now? [Y/n]: " in printed
    assert "error: nothing can be detected without" in printed.splitlines()[-1]
    assert not (project / "cache").exists()
    assert not (project / "recordings" / "walk" / "out").exists()


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
