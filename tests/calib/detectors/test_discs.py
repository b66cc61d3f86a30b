from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from calib.detectors.discs import _model, fit_discs
from calib.detectors.fitting import Patches

UNITS = np.array([[14.0, 2.0], [-1.0, 12.0]])  # the grid's unit along x and y, one a row


def disc_picture(place=(20.3, 16.6), radius=0.4, blur=0.8):
    """(32, 44) a dark circle of the grid."""
    y, x = np.mgrid[0:32, 0:44].astype(float)
    units = (np.stack([x, y], axis=-1) - place) @ np.linalg.inv(UNITS)
    size = radius * np.sqrt(np.linalg.det(UNITS))
    distance = (np.linalg.norm(units, axis=-1) / radius - 1) * size
    return 200 - 150 * 0.5 * (1 - erf(distance / blur / np.sqrt(2)))


def test_a_disc_is_found_where_it_is():
    discs = fit_discs(disc_picture(), np.array([[21.0, 16.0]]), UNITS[None], radius=0.3)
    assert discs.points_px[0] == pytest.approx([20.3, 16.6], abs=2e-3)
    assert discs.area_px[0] == pytest.approx(np.pi * 0.16 * np.linalg.det(UNITS), rel=2e-3)
    assert discs.step[0] == pytest.approx(150, abs=0.5)
    assert discs.residual[0] < 0.5


def test_a_bright_disc_has_a_negative_step():
    assert fit_discs(255 - disc_picture(), np.array([[21.0, 16.0]]), UNITS[None]).step[0] < -100


def test_derivatives_of_the_model():
    generator = np.random.default_rng(0)
    state = np.array([[0.3, -0.2, 0.2, 0.05, 0.25, 0.3, -120.0, 200.0]])
    patches = Patches(generator.uniform(-8, 8, (1, 50, 2)), np.zeros((1, 50)), np.ones((1, 50)))
    _, jacobian = _model(patches, state)
    for column in range(8):
        step = np.zeros((1, 8))
        step[0, column] = 1e-6
        change = _model(patches, state + step)[0] - _model(patches, state - step)[0]
        assert jacobian[..., column] == pytest.approx(change / 2e-6, abs=2e-4)
