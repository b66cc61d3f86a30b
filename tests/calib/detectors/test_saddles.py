from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from calib.detectors.fitting import Patches
from calib.detectors.saddles import _model, fit_saddles

UPRIGHT = np.array([[30.0, 0.0], [0.0, 30.0]])  # sides of a field, one a row


def corner_picture(place=(20.3, 14.8), angles=(0.1, 1.5), blur=1.0, contrast=-50.0, middle=110.0):
    """(30, 42) two blurred edges that cross; bright between the axes where contrast is negative."""
    y, x = np.mgrid[0:30, 0:42].astype(float)
    sides = [
        erf((np.cos(a) * (y - place[1]) - np.sin(a) * (x - place[0])) / (np.sqrt(2) * blur))
        for a in angles
    ]
    return middle + contrast * sides[0] * sides[1]


def test_a_corner_is_found_where_it_is():
    picture = corner_picture(contrast=-50)
    saddles = fit_saddles(picture, np.array([[21.0, 14.0]]), UPRIGHT[None])
    assert saddles.points_px[0] == pytest.approx([20.3, 14.8], abs=1e-3)
    assert saddles.blur_px[0] == pytest.approx([1.0, 1.0], abs=1e-3)
    assert saddles.contrast[0] == pytest.approx(50, abs=0.01)  # bright right of and below it
    assert saddles.misfit[0] < 1e-4
    assert saddles.shift_px[0] == pytest.approx(np.hypot(0.7, 0.8), abs=1e-3)
    assert saddles.turn_rad[0] == pytest.approx(0.1, abs=1e-3)


def test_several_corners_at_once_are_fitted_each_by_itself():
    picture = corner_picture()
    start = np.array([[21.0, 14.0], [20.0, 15.5], [19.8, 14.2]])
    axes = np.stack([UPRIGHT, 0.8 * UPRIGHT, 0.6 * UPRIGHT])
    together = fit_saddles(picture, start, axes)
    for n in range(3):
        alone = fit_saddles(picture, start[n : n + 1], axes[n : n + 1])
        assert together.points_px[n] == pytest.approx(alone.points_px[0], abs=1e-6)
    assert together.points_px == pytest.approx(np.tile([20.3, 14.8], (3, 1)), abs=2e-3)


def test_a_dark_corner_and_a_mirrored_frame():
    picture = corner_picture(contrast=50)
    start = np.array([[20.0, 15.0]])
    assert fit_saddles(picture, start, UPRIGHT[None]).contrast[0] == pytest.approx(-50, abs=0.01)
    mirrored = np.array([[[-30.0, 0.0], [0.0, 30.0]]])  # the field left of and below it is bright
    assert fit_saddles(picture, start, mirrored).contrast[0] == pytest.approx(50, abs=0.01)


def test_what_lies_beyond_the_strip_is_left_out():
    picture = corner_picture(blur=0.6)
    y, x = np.mgrid[0:30, 0:42]
    picture[(x > 25) & (y > 20)] = 20  # a marker's corner, on one side only
    start = np.array([[20.5, 14.5]])
    pulled = fit_saddles(picture, start, UPRIGHT[None])
    freed = fit_saddles(picture, start, UPRIGHT[None], clear=4.0 / 30)
    truth = np.array([20.3, 14.8])
    assert np.linalg.norm(freed.points_px - truth) < 0.01
    assert np.linalg.norm(pulled.points_px - truth) > 0.05


def test_flat_ground_is_no_corner():
    saddles = fit_saddles(np.full((30, 42), 90.0), np.array([[20.0, 15.0]]), UPRIGHT[None])
    assert np.isfinite(saddles.points_px).all()
    assert abs(saddles.contrast[0]) < 1


def test_derivatives_of_the_model():
    generator = np.random.default_rng(0)
    state = np.array([[0.3, -0.4, 0.2, 1.7, 0.1, -0.2, -40.0, 100.0, 0.3, -0.2]])
    patches = Patches(generator.uniform(-5, 5, (1, 40, 2)), np.zeros((1, 40)), np.ones((1, 40)))
    _, jacobian = _model(patches, state)
    for column in range(10):
        step = np.zeros((1, 10))
        step[0, column] = 1e-6
        change = _model(patches, state + step)[0] - _model(patches, state - step)[0]
        assert jacobian[..., column] == pytest.approx(change / 2e-6, abs=1e-5)


def test_noise_makes_as_much_error_as_is_predicted():
    generator = np.random.default_rng(1)
    for blur, contrast in ((0.8, 60.0), (2.5, 60.0), (0.8, 15.0)):
        clean = corner_picture(blur=blur, contrast=contrast)
        start, axes = np.array([[20.0, 15.0]]), UPRIGHT[None]
        fits = [
            fit_saddles(clean + generator.normal(0, 2, clean.shape), start, axes) for _ in range(80)
        ]
        errors = np.concatenate([fit.points_px for fit in fits]) - [20.3, 14.8]
        predicted = 2 * np.mean([fit.gain for fit in fits])
        assert np.sqrt(np.mean(errors**2)) / predicted == pytest.approx(1.0, abs=0.2)
