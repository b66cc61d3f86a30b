from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import calib
from calib.observations import Observations
from triangulate.errors import InputError
from triangulate.synthetic.boards import board_scene
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.rigs import moved_camera

NEAR = {"volume": ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4)), "max_tilt_deg": 75.0}


def filmed_again(made, rig, seed: int) -> Observations:
    """The board on another day, seen by the cameras as they are then."""
    scene = board_scene(seeded(seed), rig, made.scene.target_m, 60, **NEAR)
    return Observations.from_arrays(scene.points_px, rig.names, rig.sizes)


@pytest.mark.parametrize("name", ["cam2", "cam5"])
def test_the_camera_that_moved_is_named(filmed, name) -> None:
    made = filmed(0, 5, 60)
    turn_deg = [0.12, -0.16, 0.0]  # 0.2 degrees
    now = moved_camera(made.rig, name, [0.003, -0.004, 0.0], turn_deg)
    drift = calib.check(made.rig, filmed_again(made, now, 7), made.scene.target_m)
    assert drift.moved_names == (name,)
    assert name in drift.verdict
    v = made.rig.names.index(name)
    assert abs(drift.shift_m[v] - 0.005) < max(0.002, 3 * drift.shift_sigma_m[v])
    assert abs(drift.turn_deg[v] - 0.2) < max(0.05, 3 * drift.turn_sigma_deg[v])
    assert drift.after_px[v] < drift.before_px[v]


def test_nobody_is_named_when_nothing_moved(filmed) -> None:
    made = filmed(1, 5, 60)
    named = [
        calib.check(made.rig, filmed_again(made, made.rig, seed), made.scene.target_m).moved_names
        for seed in range(20, 26)
    ]
    assert named == [()] * 6


@pytest.mark.slow
@pytest.mark.parametrize("cameras", [4, 5, 6, 7, 8])
def test_of_four_to_eight_cameras_the_right_one_and_no_other(filmed, cameras) -> None:
    """Three rigs of each size, each filmed after one camera moved, and when none had."""
    for seed in range(3):
        made = filmed(100 * cameras + seed, cameras, 1)
        random = np.random.default_rng(seed)
        shift, turn = random.normal(size=(2, 3))
        name = made.rig.names[random.integers(cameras)]
        now = moved_camera(
            made.rig,
            name,
            0.005 * shift / np.linalg.norm(shift),
            0.2 * turn / np.linalg.norm(turn),
        )
        drift = calib.check(made.rig, filmed_again(made, now, seed), made.scene.target_m)
        assert drift.moved_names == (name,), drift.verdict
        still = filmed_again(made, made.rig, 50 + seed)
        assert calib.check(made.rig, still, made.scene.target_m).verdict == "no camera moved"


def test_the_rig_as_it_is_now_has_the_moved_camera_alone_in_a_new_place(filmed, errors) -> None:
    made = filmed(3, 5, 1)
    now = moved_camera(made.rig, "cam4", [0.2, -0.1, 0.05], [5.0, 12.0, -3.0])
    drift = calib.check(made.rig, filmed_again(made, now, 4), made.scene.target_m)
    assert drift.moved_names == ("cam4",)
    before, after = made.rig.cameras.cam_from_world, drift.rig.cameras.cam_from_world
    for v, name in enumerate(made.rig.names):
        assert after.translation[v].equal(before.translation[v]) == (name != "cam4")
    assert errors(drift.rig, now)[0] < 0.01
    assert any("cam4" in note for note in drift.rig.notes)
    assert drift.image_shift_px[3] > 50
    assert drift.after_px[3] < 0.6


def test_of_two_cameras_it_cannot_be_told_which(filmed) -> None:
    made = filmed(4, 5, 1)
    pair = made.rig.select(["cam1", "cam2"])
    now = moved_camera(pair, "cam2", [0.02, 0.0, 0.0], [0.0, 1.0, 0.0])
    drift = calib.check(pair, filmed_again(made, now, 5), made.scene.target_m)
    assert drift.moved_names == ()
    assert "cam2 moved against cam1" in drift.verdict
    assert "cannot be told which" in drift.verdict


def test_a_zoomed_camera_is_named_as_such(filmed) -> None:
    made = filmed(5, 5, 1)
    K = made.rig.cameras.K.clone()
    K[1, 0, 0] *= 1.03
    K[1, 1, 1] *= 1.03
    zoomed = replace(made.rig, cameras=replace(made.rig.cameras, K=K))
    drift = calib.check(made.rig, filmed_again(made, zoomed, 6), made.scene.target_m)
    assert drift.moved_names == ()
    assert "the focal length of cam2 changed by +3" in drift.verdict or "+2.9" in drift.verdict
    assert drift.zoom[1] == pytest.approx(0.03, abs=4 * drift.zoom_sigma[1])
    assert float(drift.rig.cameras.K[1, 0, 0]) == pytest.approx(float(K[1, 0, 0]), rel=0.01)


def test_the_solution_tells_how_far_it_was_right(filmed) -> None:
    made = filmed(2, 5, 40)
    solution = calib.solve(made.observations, made.scene.target_m)
    drift = calib.check(solution, filmed_again(made, made.rig, 8))
    assert drift.moved_names == ()
    now = moved_camera(made.rig, "cam3", [0.0, 0.06, 0.0], [1.0, 0.0, 0.0])
    assert calib.check(solution, filmed_again(made, now, 9)).moved_names == ("cam3",)


def test_recordings_of_other_cameras_are_refused(filmed) -> None:
    made = filmed(0, 4, 30)
    other = Observations.from_arrays(made.scene.points_px, ["a", "b", "c", "d"], made.rig.sizes)
    with pytest.raises(InputError) as caught:
        calib.check(made.rig, other, made.scene.target_m)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="target= is missing"):
        calib.check(made.rig, made.observations)
    with pytest.raises(InputError):
        calib.check(made.rig, np.zeros((5, 3, 7, 2)))
