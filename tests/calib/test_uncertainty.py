from __future__ import annotations

import numpy as np
import pytest

import calib
from calib.observations import Observations
from triangulate.synthetic.boards import board_scene
from triangulate.synthetic.draws import seeded


@pytest.mark.slow
def test_true_errors_are_as_large_as_predicted(filmed, true_values) -> None:
    sigmas = []
    for seed in range(100):
        made = filmed(1000 + seed, 4, 40)
        solution = calib.solve(made.observations, made.scene.target_m)
        off = solution.values - true_values(solution, made.rig)
        assert (solution.sigmas > 0).all()
        sigmas.append(np.abs(off / solution.sigmas))
    pooled = np.concatenate(sigmas)
    assert 0.65 <= (pooled < 1).mean() <= 0.71
    assert 0.93 <= (pooled < 2).mean() <= 0.97


def test_the_expected_error_in_space_is_that_of_the_rig(filmed) -> None:
    """Predicted and true errors of points triangulated with the rig, over several rigs."""
    import torch

    from triangulate.geometry.dlt import triangulate_dlt
    from triangulate.geometry.similarity import align

    predicted, true = [], []
    for seed in range(12):
        made = filmed(seed, 6, 30)
        solution = calib.solve(made.observations, made.scene.target_m, reference="cam2")
        points = torch.from_numpy(
            np.random.default_rng(seed).uniform([-0.5, -0.5, 0.6], [0.5, 0.5, 1.4], (200, 3))
        )
        pixels, _ = made.rig.cameras.project(points)
        undistorted, valid = solution.rig.cameras.undistort(pixels)
        count = len(made.rig)
        found, _ = triangulate_dlt(
            undistorted.transpose(0, 1).contiguous(),
            solution.rig.cameras.projection().expand(200, count, 3, 4).contiguous(),
            valid.double().T.contiguous(),
        )
        motion, _ = align(found, points, with_scale=False)
        true.append((motion.apply(found) - points).square().sum(-1).numpy())
        predicted.append(solution.expected_error_m(found.numpy()) ** 2)
    ratio = np.sqrt(np.mean(true) / np.nanmean(predicted))
    assert 0.75 < ratio < 1.25


def test_detections_add_their_own_error(filmed) -> None:
    made = filmed(0, 4, 30)
    solution = calib.solve(made.observations, made.scene.target_m)
    middle = solution.target_points_world[0].mean(0)[None]
    alone, detected = (solution.expected_error_m(middle, sigma) for sigma in (0.0, 1.0))
    assert detected > alone > 0
    far = np.concatenate([middle + 1e3, np.full((1, 3), np.nan), middle])
    assert np.isnan(solution.expected_error_m(far)).tolist() == [True, True, False]
    assert solution.expected_error_m(np.zeros((0, 3))).shape == (0,)


def test_what_nothing_observes_is_not_called_sure() -> None:
    import torch

    from calib.uncertainty import pseudo_inverse

    matrix = torch.diag(torch.tensor([4.0, 1.0, 0.0], dtype=torch.float64))
    variance = pseudo_inverse(matrix).diagonal()
    assert variance[:2].tolist() == pytest.approx([0.25, 1.0])
    assert float(variance[2]) > 1e10
    assert bool(torch.isnan(pseudo_inverse(matrix * torch.nan)).all())


def test_views_that_err_as_a_whole_widen_the_covariance(filmed) -> None:
    """Cameras that are out of step by a frame now and then: each view is shifted as a whole."""
    made = filmed(1, 4, 60, outliers=0.0)
    points = made.scene.points_px
    shift = np.random.default_rng(0).normal(0, 0.5, (*points.shape[:2], 1, 2))
    shifted = Observations.from_arrays(points + shift, made.rig.names, made.rig.sizes)
    plain = calib.solve(made.observations, made.scene.target_m)
    blurred = calib.solve(shifted, made.scene.target_m)
    # Had the noise been the points' own, sqrt(0.3^2 + 0.5^2) px would widen them 1.9 times.
    ratio = np.median(blurred.sigmas / plain.sigmas)
    assert ratio > 4


def test_a_camera_that_agrees_by_chance_is_not_trusted_more(filmed) -> None:
    generator = seeded(3)
    made = filmed(3, 4, 60, outliers=0.0)
    scene = board_scene(generator, made.rig, made.scene.target_m, 10)
    assert scene.points_px.shape[1] == 10
    points = made.scene.points_px.copy()
    random = np.random.default_rng(1)
    for v in (0, 3):  # two cameras out of step
        points[v] += random.normal(0, 2.0, (60, 1, 2))
    seen = Observations.from_arrays(points, made.rig.names, made.rig.sizes)
    solution = calib.solve(seen, made.scene.target_m)
    assert solution.sigma_px.max() < 2 * solution.sigma_px.min()
