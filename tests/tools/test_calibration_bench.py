"""The calibration benchmark runs and scores rightly; how fast anything is, no test says."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.bench._bundle import (
    BundleProblem,
    by_scipy,
    by_this_project,
    load_libmv,
    residuals,
    shaken,
)
from tools.bench._calibration_problems import Found, Problem, make_problem, score

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "tools" / "bench" / "calibration.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        timeout=120,
    )


@pytest.fixture(scope="module")
def problem(tmp_path_factory, shared) -> Problem:
    return make_problem(tmp_path_factory.mktemp("problem"), 3, cams=12, frames=20)


def true_answer(problem: Problem, **changes: np.ndarray) -> Found:
    arrays = problem.arrays
    found = Found(arrays["K"], arrays["dist"], arrays["R"], arrays["t"], 1.5, arrays["outlier"])
    return replace(found, **changes)


# --- Problems and scores --------------------------------------------------------------------------


def test_the_truth_scores_nothing_and_flags_everything(problem) -> None:
    assert problem.names[:2] == ["cam1", "cam2"]
    assert problem.names[-1] == "cam12"
    assert problem.size == (1920, 1080)
    scored = score(problem, true_answer(problem))
    assert scored.centre_mm < 1e-6
    assert scored.held_out_max_mm < 1e-5
    assert (scored.found, scored.false, scored.lost, scored.cpu_s) == (1.0, 0.0, 0.0, 1.5)


def test_what_is_wrong_shows_in_its_own_column(problem) -> None:
    true = problem.arrays["outlier"]
    good = ~np.isnan(problem.arrays["pts"][..., 0]) & ~true
    half = true & (np.cumsum(true).reshape(true.shape) % 2 == 0)
    lost = good & (np.cumsum(good).reshape(good.shape) % 100 == 0)
    scored = score(problem, true_answer(problem, outliers=half | lost))
    assert scored.found == pytest.approx(0.5, abs=0.01)
    assert scored.false == lost.sum()
    assert scored.lost == pytest.approx(1.0, abs=0.02)
    # One of twelve cameras 12 mm to the side, in its own frame
    moved = problem.arrays["t"].copy()
    moved[0, 0] += 0.012
    scored = score(problem, true_answer(problem, t=moved, outliers=None))
    assert 2 < scored.centre_mm < 12 / np.sqrt(12)
    assert np.isnan(scored.found)
    # Two cameras exchanged, as sorting their names would do
    order = np.argsort(problem.names)
    swapped = {name: problem.arrays[name][order] for name in ("K", "dist", "R", "t")}
    assert score(problem, true_answer(problem, **swapped)).rotation_deg > 10


def test_outliers_can_be_taken_out(problem) -> None:
    before, after = (p.arrays["pts"][..., 0] for p in (problem, problem.without_outliers()))
    true = problem.arrays["outlier"]
    assert np.isnan(after[true]).all()
    np.testing.assert_array_equal(after[~true], before[~true])
    assert not np.isnan(before[true]).any()


# --- The command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_clean_problem_comes_back_exactly(shared) -> None:
    done = bench("clean", "--frames", "40", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    content = json.loads(done.stdout)
    (row,) = content["rows"]
    assert row["centre_mm"] < 1e-3
    assert "found" not in row  # there are no outliers to find
    figures = {figure["name"]: figure for figure in content["figures"]}
    assert figures["clean: held-out points, max"]["is_met"]


@pytest.mark.slow
def test_a_tool_that_is_not_there_is_a_remark(shared) -> None:
    python = "multical=/nowhere/python"
    done = bench("peers", "--frames", "12", "--tools", "caliscope,multical", "--python", python)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "peers"
    assert any("caliscope: not installed" in line for line in lines)
    assert any("multical: /nowhere/python: No such file" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("speed",), "no part 'speed'; there are seeds"),
        (("--tools", "ceres"), "no tool 'ceres'"),
        (("--python", "ceres=python"), "no tool 'ceres'"),
        (("--seeds", "0;1"), "numbers with commas"),
    ],
)
def test_wrong_use_names_what_there_is(arguments, said) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


# --- Bundle adjustment ----------------------------------------------------------------------------


def small_problem() -> BundleProblem:
    """Six cameras in a row that see nine points through a distorting lens, exactly."""
    generator = np.random.default_rng(0)
    points = generator.uniform(-1, 1, (9, 3)) + np.array([0, 0, 6.0])
    centres = np.stack([np.linspace(-1, 1, 6), *generator.uniform(-0.3, 0.3, (2, 6))], axis=-1)
    camera, point = (grid.ravel() for grid in np.mgrid[0:6, 0:9])
    problem = BundleProblem(
        np.array([900.0, 480, 270, -0.1, 0.02, 1e-3, -5e-4, 1e-3]),
        np.tile(np.eye(3), (6, 1, 1)),
        -centres,
        points,
        camera,
        point,
        np.zeros((54, 2)),
    )
    seen = residuals(problem, np.zeros(6 * 6 + 3 * 9)).reshape(-1, 2)
    return replace(problem, points_px=seen)


def test_a_residual_is_what_is_worked_out_by_hand() -> None:
    one = BundleProblem(
        np.array([100.0, 50, 40, 0.1, 0, 0, 0, 0]),
        np.eye(3)[None],
        np.array([[0, 0, 1.0]]),
        np.array([[1.0, 0, 1.0]]),
        np.array([0]),
        np.array([0]),
        np.array([[100.0, 40]]),
    )
    # x = 1 / 2, r^2 = 1 / 4, radial 1.025, u = 100 * 0.5125 + 50
    np.testing.assert_allclose(residuals(one, np.zeros(9)), [1.25, 0], atol=1e-12)
    moved = np.zeros(9)
    moved[5] = 2.0  # the camera's depth: x = 1 / 4, radial 1 + 0.1 / 16
    np.testing.assert_allclose(residuals(one, moved), [100 * 0.25 * 1.00625 - 50, 0])


def test_both_adjusters_find_the_exact_solution_of_a_small_problem() -> None:
    problem = shaken(small_problem())
    before = 0.5 * np.square(residuals(problem, np.zeros(63))).sum()
    assert before > 100
    assert by_this_project(problem).cost < 1e-6 * before
    assert by_scipy(problem).cost < 1e-6 * before


def test_the_reader_follows_the_format(tmp_path) -> None:
    turned = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    content = b"vP" + struct.pack("<8f", 900, 480, 270, 0.1, 0.2, 0.3, 0.4, 0.5)
    cameras = [(7, np.eye(3), (1, 2, 3)), (3, turned, (4, 5, 6))]
    content += struct.pack("<i", 2)
    for image, rotation, t in cameras:
        content += struct.pack("<i12f", image, *np.ravel(rotation, order="F"), *t)
    content += struct.pack("<i", 1) + struct.pack("<i3f", 11, 0.5, -0.5, 2)
    content += struct.pack("<i", 2)
    content += struct.pack("<2i2f", 3, 11, 10, 20) + struct.pack("<2i2f", 7, 11, 30, 40)
    path = tmp_path / "problem.bin"
    path.write_bytes(content)
    problem = load_libmv(path)
    np.testing.assert_allclose(problem.intrinsics, [900, 480, 270, 0.1, 0.2, 0.4, 0.5, 0.3])
    np.testing.assert_allclose(problem.rotation[1], turned, atol=1e-7)
    assert problem.camera.tolist() == [1, 0]
    assert problem.points_px.tolist() == [[10, 20], [30, 40]]
    path.write_bytes(content + b"x")
    with pytest.raises(ValueError, match="1 bytes are left over"):
        load_libmv(path)
    path.write_bytes(b"VP")
    with pytest.raises(ValueError, match="no little-endian"):
        load_libmv(path)


def test_the_real_recordings_begin_where_their_source_says(shared) -> None:
    problem = load_libmv(shared / "ba_libmv_ceres" / "problem_01.bin")
    assert (len(problem.rotation), len(problem.points), len(problem.camera)) == (333, 26, 5421)
    error = residuals(problem, np.zeros(6 * 333 + 3 * 26)).reshape(-1, 2)
    distance = np.linalg.norm(error, axis=-1)
    assert distance.mean() == pytest.approx(1.01, abs=0.005)
    assert np.median(distance) == pytest.approx(0.81, abs=0.005)
