from __future__ import annotations

import numpy as np
import pytest

import calib
from calib.lenses import load_lenses, save_alone, solve_alone
from calib.observations import Observations
from triangulate.errors import InputError


def test_lenses_filmed_apart_serve_a_session_together(filmed, errors, tmp_path) -> None:
    made = filmed(0, 4, 60)
    apart = made.scene.points_px.copy()
    for v in range(4):  # each camera's recording begins elsewhere
        apart[v] = np.roll(apart[v], 11 * v, axis=0)
    alone = Observations.from_arrays(apart, made.rig.names, made.rig.sizes)
    solutions = solve_alone(alone, made.scene.target_m)
    assert list(solutions) == list(made.rig.names)
    for solution in solutions.values():
        focal, sigma = solution.values[0], solution.sigmas[0]
        true = made.rig.select(solution.rig.names).cameras.K[0, 0, 0]
        assert abs(focal - true) < 5 * sigma
        assert np.isnan(solution.expected_error_m(np.array([[0.0, 0.0, 1.0]]))).all()
    save_alone(solutions, tmp_path)
    lenses = load_lenses(tmp_path)
    assert set(lenses.names) == set(made.rig.names)
    few = made.observations.select_frames(np.arange(60) < 25)
    session = calib.solve(few, made.scene.target_m, intrinsics=lenses)
    found = session.rig.select(lenses.names).cameras
    np.testing.assert_allclose(found.K, lenses.cameras.K)
    assert errors(session.rig, made.rig)[0] < 0.02


def test_a_calibration_serves_as_it_is(filmed, tmp_path) -> None:
    made = filmed(0, 4)
    made.rig.save(tmp_path / "rig.yaml")
    for path in (tmp_path, tmp_path / "rig.yaml"):
        assert load_lenses(path).names == made.rig.names


def test_a_folder_of_whole_rigs_is_refused(filmed, tmp_path) -> None:
    filmed(0, 4).rig.save(tmp_path / "monday" / "rig.yaml")
    with pytest.raises(InputError, match=r"monday.rig\.yaml: holds several cameras"):
        load_lenses(tmp_path)


def test_what_is_said_of_one_camera_reaches_it_alone(filmed, tmp_path) -> None:
    made = filmed(0, 4, 40)
    few = made.observations.select(["cam1", "cam2"])
    found = solve_alone(few, made.scene.target_m, fix={"cam2": ["k3"]})
    assert found["cam2"].rig.cameras.lens.coefficients[0, 4] == 0
    assert found["cam1"].rig.cameras.lens.coefficients[0, 4] != 0
    with pytest.raises(InputError, match="'left'"):
        solve_alone(few, made.scene.target_m, lens={"left": "fisheye"})
    with pytest.raises(InputError, match="solved together"):
        solve_alone(few, made.scene.target_m, share="all")
    made.rig.save(tmp_path / "rig.yaml")
    with pytest.raises(InputError, match="would go before the lenses"):
        save_alone(found, tmp_path)
