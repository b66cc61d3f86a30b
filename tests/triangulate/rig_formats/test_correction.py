from __future__ import annotations

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.rig_formats.correction import inverse_lens

SIZE = np.array([1920.0, 1080.0])
K = np.array([[1300.0, 0, 967], [0, 1300.0, 531], [0, 0, 1]])
CENTRE = K[:2, 2]


def error_px(lens: np.ndarray, centre: np.ndarray, coefficients: tuple[float, ...]) -> float:
    """How far OpenCV's projection is from pixels that the polynomial takes to the same rays."""
    rng = np.random.default_rng(0)
    seen = rng.uniform([0, 0], SIZE - 1, (2000, 2))
    offset = seen - centre
    r2 = (offset**2).sum(-1, keepdims=True)
    k1, k2, k3 = coefficients
    ideal = centre + offset * (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3)
    rays = np.concatenate([(ideal - K[:2, 2]) / np.diag(K)[:2], np.ones((2000, 1))], axis=-1)
    found = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, lens)[0][:, 0]
    return float(np.linalg.norm(found - seen, axis=-1).max())


@pytest.mark.parametrize(
    ("coefficients", "width", "most_px"),
    [
        ((3e-8, 0, 0), 5, 0.01),  # 36 px in the corners
        ((-3e-8, 2e-15, 0), 5, 0.01),
        ((1e-7, 1e-14, 0), 8, 0.001),  # 135 px
        ((5e-8, -2e-14, 5e-21), 8, 0.001),
    ],
)
def test_opencv_undoes_the_correction(coefficients, width, most_px):
    lens, off_px = inverse_lens(K, SIZE, CENTRE, np.array(coefficients))
    assert lens.shape == (width,)
    assert off_px < most_px
    assert error_px(lens, CENTRE, coefficients) <= 1.01 * off_px + 1e-9


def test_a_centre_beside_the_principal_point_is_approximated():
    centre, coefficients = CENTRE + np.array([5, -3]), (3e-8, 0, 0)
    lens, off_px = inverse_lens(K, SIZE, centre, np.array(coefficients))
    assert 0.01 < off_px < 0.06
    assert error_px(lens, centre, coefficients) <= 1.01 * off_px


def test_no_correction_is_no_lens():
    lens, off_px = inverse_lens(K, SIZE, CENTRE, np.zeros(3))
    np.testing.assert_allclose(lens, np.zeros(5), atol=1e-12)
    assert off_px < 1e-9


@pytest.mark.parametrize("coefficients", [(-1e-6, 0, 0), (0.1, 0, 0), (-0.3, 0.1, 0)])
def test_refuses_what_no_lens_does(coefficients):
    with pytest.raises(InputError, match="px from any lens of OpenCV's: undistort the videos"):
        inverse_lens(K, SIZE, CENTRE, np.array(coefficients))
