"""`triangulate sync`, and the other commands after it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from triangulate.cli import app
from triangulate.errors import InputError
from triangulate.keypoints import load_keypoints
from triangulate.poses import load_poses
from triangulate.recording import load_offsets
from triangulate.synthetic import Motion, observe, ring_rig, walk, walk_seen_late
from triangulate.synthetic.draws import seeded

LATE_S = np.array([0.0, 0.110, -0.2])
NUM_FRAMES, FPS = 90, 30.0


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Motion]:
    """A project: rig.yaml, and walk/pose2d/keypoints.npz by cameras that do not run in step."""
    folder = tmp_path_factory.mktemp("made")
    generator = seeded(0)
    rig = ring_rig(generator, 3, radius_m=3.6)
    rig.save(folder / "rig.yaml")
    seen, motion = walk_seen_late(generator, rig, LATE_S, NUM_FRAMES, FPS, half_length_m=1.5)
    seen.save(folder / "walk" / "pose2d" / "keypoints.npz")
    still = walk(generator, 1).positions_m.repeat(60, axis=0)
    observe(still, rig, seen.skeleton, generator, fps=FPS)[0].save(folder / "still" / "still.npz")
    return folder, motion


@pytest.fixture
def project(made: tuple[Path, Motion], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / "project")
    return tmp_path / "project"


def refused(result: Result, *said: str) -> None:
    assert result.exit_code == 1 and result.stdout == ""
    assert isinstance(result.exception, InputError)
    for text in said:
        assert text in str(result.exception)


def test_offsets_are_found_shown_and_written(project: Path) -> None:
    walked = project / "walk"
    found = triangulate("sync", walked, "--max-offset", "1")
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert lines[0] == "Late against cam1"
    assert lines[1].split() == ["camera", "late", "±", "frames"]
    name, late_ms, unit, *_, frames = lines[2].split()
    assert (name, unit) == ("cam2", "ms") and late_ms.startswith("+")
    assert float(late_ms) == pytest.approx(110, abs=2) and float(frames) == pytest.approx(
        3.3, abs=0.06
    )
    assert f"frames      90, 30 a second, of {walked}/pose2d" in found.stdout
    assert f"written to  {walked}/sync.yaml" in found.stdout
    written = load_offsets(walked / "sync.yaml")
    assert (written.names, written.reference) == (("cam1", "cam2", "cam3"), "cam1")
    assert np.abs(written.late_s - LATE_S).max() < 0.002
    assert written.found == f"from the motion in 90 frames of {walked}/pose2d"
    assert {path.name for path in walked.iterdir()} == {"pose2d", "sync.yaml"}


def test_for_programs_with_another_reference_and_place(project: Path) -> None:
    keypoints = project / "walk" / "pose2d" / "keypoints.npz"
    out = project / "offsets" / "s.yaml"
    found = triangulate(
        "sync", project / "still", "--keypoints", keypoints, "--reference", "cam3", "--json",
        "--out", out, "--max-offset", 1, "--cameras", "cam3,cam1",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["out"] == str(out) and told["keypoints"] == str(keypoints)
    assert (told["reference"], told["fps"], told["frames"]) == ("cam3", 30, 90)
    assert [camera["name"] for camera in told["cameras"]] == ["cam3", "cam1"]
    late = told["cameras"][1]
    assert late["late_s"] == pytest.approx(0.2, abs=0.002)
    assert late["late_frames"] == pytest.approx(6, abs=0.06) and 0 < late["sigma_s"] < 0.004
    assert load_offsets(out).late_s[1] == pytest.approx(late["late_s"], abs=1e-6)
    assert not (project / "still" / "sync.yaml").exists()


def test_where_nothing_moves_nothing_is_written(project: Path) -> None:
    still = project / "still"
    (still / "sync.yaml").write_text("from before\n")
    refused(
        triangulate("sync", still, "--keypoints", still / "still.npz", "--json"),
        f"{still}: cam2, cam3 cannot be told against cam1: hardly anything moves: take a part",
        "--frames",
        "; nothing is written",
    )
    assert (still / "sync.yaml").read_text() == "from before\n"


def test_what_lies_beyond_the_search_is_said(project: Path) -> None:
    refused(
        triangulate("sync", project / "walk", "--max-offset", "0.15"),
        "cam3 cannot be told against cam1: the offset lies at the limit of the search, or beyond",
        "search farther with --max-offset",
    )
    assert not (project / "walk" / "sync.yaml").exists()


def test_what_is_missing_or_wrong(project: Path) -> None:
    walked = project / "walk"
    refused(
        triangulate("sync", walked, "--reference", "cam9"), "--reference cam9: there is no such"
    )
    refused(triangulate("sync", project / "nowhere"), "nowhere: does not exist")
    empty = project / "empty"
    empty.mkdir()
    refused(triangulate("sync", empty), f"{empty}: no videos here")
    keypoints = load_keypoints(walked / "pose2d" / "keypoints.npz")
    replace(keypoints, fps=None).save(walked / "pose2d" / "keypoints.npz")
    refused(triangulate("sync", walked), "the keypoints tell no frame rate", "--fps")
    assert triangulate("sync", walked, "--fps", "30", "--max-offset", "1").exit_code == 0
    assert triangulate("sync", walked, "--max-offset", "0").exit_code == 2


def test_reconstruct_takes_the_file_beside_the_recording(
    project: Path, made: tuple[Path, Motion]
) -> None:
    walked, motion = project / "walk", made[1]
    assert triangulate("sync", walked, "--max-offset", "1").exit_code == 0
    arguments: tuple[Any, ...] = ("reconstruct", walked, "--keypoints", walked / "pose2d")

    def error_mm(*options: object) -> float:
        done = triangulate(*arguments, *options)
        assert done.exit_code == 0, done.output
        assert ("sync.yaml" in done.stderr) == (not options)
        poses = load_poses(walked / "out" / "poses.npz")
        away_m = np.linalg.norm(poses.positions_m[:, 0] - motion.positions_m, axis=-1)
        return float(1000 * np.nanmedian(away_m[10:-10]))

    in_step_mm = error_mm()
    run = (walked / "out" / "run.yaml").read_text()
    assert "late against cam1: cam2 +1" in " ".join(run.split())
    apart_mm = error_mm("--sync", "none")
    assert in_step_mm < 15 and apart_mm > 3 * in_step_mm
    (walked / "sync.yaml").write_text("format: triangulate-sync\n")
    refused(triangulate(*arguments), f"{walked}/sync.yaml: version None is not known")
