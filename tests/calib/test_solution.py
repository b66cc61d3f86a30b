from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import calib
from calib.solution import Finding, load_solution
from triangulate.errors import InputError


@pytest.fixture(scope="module")
def solution():
    from triangulate.synthetic import ring_rig
    from triangulate.synthetic.boards import board_grid, board_scene
    from triangulate.synthetic.draws import seeded

    generator = seeded(0)
    rig = ring_rig(generator, 4, radius_m=2.5, height_m=1.8)
    near = ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4))
    scene = board_scene(
        generator, rig, board_grid(7, 5, 0.1), 40, volume=near, max_tilt_deg=75, missing_views=0.1
    )
    points = scene.points_px.copy()
    points[:, 0] = np.nan  # a frame in which nobody sees the board
    seen = calib.Observations.from_arrays(points, rig.names, rig.sizes)
    return calib.solve(seen, scene.target_m)


def test_everything_is_written_and_read_again(solution, tmp_path) -> None:
    told = replace(solution, findings=(Finding("bow", "bent", None),), notes=("a note",))
    told.save(tmp_path)
    again = load_solution(tmp_path)
    for name in ("outliers", "residuals_px", "sigma_px", "values", "covariance", "target_m"):
        np.testing.assert_array_equal(getattr(again, name), getattr(told, name))
    assert again.parameters == told.parameters
    assert again.findings == told.findings
    assert again.notes == told.notes
    np.testing.assert_array_equal(again.rig.cameras.K, told.rig.cameras.K)
    np.testing.assert_array_equal(again.observations.points_px, told.observations.points_px)
    place = told.target_points_world[5].mean(0)[None]
    np.testing.assert_allclose(
        again.expected_error_m(place), told.expected_error_m(place), rtol=1e-9
    )


def test_frames_without_the_board_have_no_pose(solution) -> None:
    assert np.isnan(solution.world_from_target_translation_m[0]).all()
    assert np.isnan(solution.residuals_px[:, 0]).all()
    assert not solution.outliers[:, 0].any()


def test_residuals_are_what_the_rig_says(solution) -> None:
    import torch

    world = torch.from_numpy(np.nan_to_num(solution.target_points_world.reshape(-1, 3)))
    pixels, _ = solution.rig.cameras.project(world)
    predicted = pixels.numpy().reshape(solution.residuals_px.shape)
    compared = ~np.isnan(solution.residuals_px)
    expected = (solution.observations.points_px - predicted)[compared]
    np.testing.assert_allclose(solution.residuals_px[compared], expected, atol=1e-8)


def test_the_covariance_is_one(solution) -> None:
    assert solution.covariance.shape == (len(solution.parameters),) * 2
    np.testing.assert_allclose(solution.covariance, solution.covariance.T, atol=1e-15)
    values = np.linalg.eigvalsh(solution.covariance / np.outer(solution.sigmas, solution.sigmas))
    assert values.min() > -1e-9
    cameras = {camera for camera, name in solution.parameters if name == "tx"}
    assert cameras == set(solution.rig.names) - {solution.reference}


def test_parts_of_two_calibrations_are_told_apart(solution, tmp_path) -> None:
    solution.save(tmp_path)
    solution.rig.select(["cam2", "cam1"]).save(tmp_path / "rig.yaml")
    with pytest.raises(InputError, match=r"rig\.yaml beside it has the cameras cam2, cam1"):
        load_solution(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        load_solution(tmp_path / "elsewhere")


def test_both_files_are_written_or_none(solution, tmp_path) -> None:
    solution.save(tmp_path)
    before = (tmp_path / "rig.yaml").read_text()
    (tmp_path / "solution.npz").unlink()
    (tmp_path / "solution.npz").mkdir()  # cannot be replaced by a file
    moved = replace(solution, rig=replace(solution.rig, up_axis="z"))
    with pytest.raises(InputError, match=r"solution\.npz"):
        moved.save(tmp_path)
    assert (tmp_path / "rig.yaml").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rig.yaml", "solution.npz"]
