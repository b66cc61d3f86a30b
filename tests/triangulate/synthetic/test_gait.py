from __future__ import annotations

import numpy as np
import pytest

from triangulate.synthetic.gait import FootShape, figure_eight, foot_pitch

SHAPE = FootShape(ankle_height_m=0.07, heel_m=0.05, toe_m=0.16)


def test_the_figure_eight_is_as_long_as_a_lemniscate() -> None:
    path = figure_eight(1.5, direction_rad=0.7)
    assert path.length_m[-1] == pytest.approx(1.5 * 5.244115108, rel=1e-6)
    assert np.abs(np.linalg.norm(path.points_m, axis=-1)).max() == pytest.approx(1.5)


def test_heading_is_the_direction_of_travel_and_never_jumps_over_laps() -> None:
    path = figure_eight(1.5, direction_rad=-2.0)
    walked = np.linspace(-3, 25, 20001)
    points, heading = path.at(walked)
    travel = np.gradient(points, walked, axis=0)
    np.testing.assert_allclose(np.linalg.norm(travel, axis=-1), 1, atol=2e-3)
    facing = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    assert (facing * travel).sum(-1).min() > 0.998
    assert np.abs(np.diff(heading)).max() < 0.01


def test_a_flat_foot_is_not_moved_and_a_raised_heel_lifts_the_ankle() -> None:
    np.testing.assert_array_equal(SHAPE.rolled(np.zeros(3)), np.zeros((2, 3)))
    forward, up = SHAPE.rolled(np.array([0.8, -0.3]))
    assert forward[0] > 0 > forward[1]
    assert up[0] > 0.05
    assert up[1] > 0


def test_a_well_raised_foot_turns_about_its_toes() -> None:
    """Beyond the smooth passage the ankle keeps its distance to the toes."""
    pitch = np.linspace(0.0, 0.8, 9)
    forward, up = SHAPE.rolled(pitch)
    distance = np.hypot(SHAPE.toe_m - forward, SHAPE.ankle_height_m + up)
    np.testing.assert_allclose(distance, np.hypot(0.16, 0.07), atol=2e-3)


def test_the_pitch_repeats_every_cycle_and_is_flat_in_stance() -> None:
    cycle = np.linspace(0, 1, 101)
    np.testing.assert_allclose(foot_pitch(cycle), foot_pitch(cycle + 3), atol=1e-12)
    assert np.abs(np.diff(foot_pitch(np.linspace(0, 2, 2001)))).max() < 0.02
    np.testing.assert_array_equal(foot_pitch(np.linspace(0.11, 0.35, 9)), 0)
