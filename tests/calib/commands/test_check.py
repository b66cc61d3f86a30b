from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from calib.cli import app
from calib.observations import Observations
from calib.solver import solve
from triangulate.rig import Rig
from triangulate.synthetic import (
    DetectorNoise,
    board_grid,
    board_scene,
    moved_camera,
    observe,
    ring_rig,
    walk,
)
from triangulate.synthetic.draws import seeded

COLUMNS, ROWS, SQUARE_M = 9, 6, 0.08
NEAR = {"volume": ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4)), "max_tilt_deg": 75.0}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A calibration with its solution, a board, and recordings in which cam3 had moved, or not."""
    folder = tmp_path_factory.mktemp("project")
    rig = ring_rig(seeded(31), 5, radius_m=2.5, height_m=1.8)
    now = moved_camera(rig, "cam3", (0.0, 0.03, 0.0), (0.0, 1.5, 0.0))
    board = board_grid(COLUMNS, ROWS, SQUARE_M)
    (folder / "board.yaml").write_text(
        f"type: chessboard\ncolumns: {COLUMNS}\nrows: {ROWS}\nsquare_size_mm: {1000 * SQUARE_M:g}\n"
    )
    for name, filmed, seed in (("then", rig, 1), ("still", rig, 2), ("today", now, 3)):
        scene = board_scene(seeded(seed), filmed, board, 50, **NEAR)
        seen = Observations.from_arrays(scene.points_px, rig.names, rig.sizes)
        (folder / name).mkdir()
        seen.save(folder / name / "observations.npz")
        if name == "then":
            solve(seen, board).save(folder / "calibration")
    rig.save(folder / "rig.yaml")
    motion = walk(seeded(4), 60)
    people, _ = observe(
        motion.positions_m, now, motion.skeleton, seeded(5), DetectorNoise(swapped=0.0), fps=50
    )
    people.save(folder / "keypoints.npz")
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def test_the_camera_that_moved_is_named_with_its_figures(project, tmp_path) -> None:
    out = tmp_path / "now.yaml"
    done = run(project / "calibration", project / "today", "--json", "--out", out)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["moved"] == ["cam3"]
    cam3 = told["cameras"][2]
    assert abs(cam3["shift_m"] - 0.03) < 4 * cam3["shift_sigma_m"]
    assert cam3["before_px"] > 5 > cam3["after_px"]
    assert "cam3 moved by" in told["verdict"]
    assert Rig.load(out).names == ("cam1", "cam2", "cam3", "cam4", "cam5")


def test_nothing_moved_is_said_plainly(project) -> None:
    done = run(project / "calibration", project / "still" / "observations.npz")
    assert done.exit_code == 0, done.output
    assert done.stdout.rstrip().endswith("no camera moved")
    assert done.stdout.count(" no ") >= 5


def test_people_will_do(project) -> None:
    done = run(project / "rig.yaml", project / "keypoints.npz", "--people", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["moved"] == ["cam3"]


def test_some_cameras_alone(project) -> None:
    done = run(
        project / "rig.yaml", project / "still", "--cameras", "cam1,cam2,cam3,cam4", "--json"
    )
    assert done.exit_code == 0, done.output
    checked = [camera["checked"] for camera in json.loads(done.stdout)["cameras"]]
    assert checked == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{}/rig.yaml", "{}/nowhere"], "there is no such file or folder"),
        (["{}/nowhere.yaml", "{}/still"], "nowhere.yaml"),
        (["{}/rig.yaml", "{}/still", "--cameras", "cam1,left"], "'left'"),
        (["{}/rig.yaml", "{}/nowhere.npz", "--people"], "triangulate detect"),
    ],
)
def test_what_the_user_can_mend_is_one_line(project, arguments, said) -> None:
    done = run(*[text.format(project) for text in arguments])
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_rig_with_other_cameras_names_them(project, tmp_path) -> None:
    rig = Rig.load(project / "rig.yaml").to_arrays()
    rig["names"] = ["a", "b", "c", "d", "e"]
    Rig.from_arrays(**rig).save(tmp_path / "other.yaml")
    done = run(tmp_path / "other.yaml", project / "still", "--board", project / "board.yaml")
    assert done.exit_code == 1
    assert "the rig has no camera 'cam1'" in str(done.exception)
    assert "it has a, b, c, d, e" in str(done.exception)
