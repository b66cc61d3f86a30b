from __future__ import annotations

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
