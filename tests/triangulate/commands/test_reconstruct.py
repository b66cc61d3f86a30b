"""`triangulate reconstruct`; how it fails is in tests/test_bad_input.py."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.poses import load_poses

NUM_FRAMES = 30
MAIN = "import sys; from triangulate.cli import main; sys.argv[1:] = {arguments}; main()"


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


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
