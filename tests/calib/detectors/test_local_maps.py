from __future__ import annotations

import numpy as np
import pytest

from calib.detectors.local_maps import predict_points, strays

HOMOGRAPHY = np.array([[300.0, 20.0, 50.0], [-15.0, 280.0, 40.0], [0.4, 0.3, 1.0]])


def pictured(points):
    lifted = np.insert(points, 2, 1.0, axis=1) @ HOMOGRAPHY.T
    return lifted[:, :2] / lifted[:, 2:]


def grid(columns=6, rows=5, step=0.1):
    y, x = np.mgrid[0:rows, 0:columns]
    return step * np.stack([x.ravel(), y.ravel()], axis=-1).astype(float)


def test_a_homography_is_found_and_its_derivative():
    known, wanted = grid(), np.array([[0.25, 0.13], [0.55, -0.05]])
    weights = np.ones(len(known))
    points_px, axes_px = predict_points(wanted, known, pictured(known), weights, 0.15)
    assert points_px == pytest.approx(pictured(wanted), abs=0.02)
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-5
        slope = (pictured(wanted + step) - pictured(wanted - step)) / 2e-5
        assert axes_px[:, axis] == pytest.approx(0.15 * slope, abs=0.05)


def test_one_marker_gives_a_plane_map():
    known = np.array([[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]])
    points_px, _ = predict_points(np.array([[0.15, 0.05]]), known, 500 * known, np.ones(4), 0.15)
    assert points_px[0] == pytest.approx([75, 25], abs=0.1)


def test_what_weighs_little_tells_little():
    known = np.concatenate([grid(), grid() + 0.003])
    seen_px = pictured(grid())
    weights = np.repeat([1.0, 1e-4], len(grid()))
    points_px, _ = predict_points(
        np.array([[0.22, 0.21]]), known, np.concatenate([seen_px, seen_px]), weights, 0.15
    )
    assert points_px[0] == pytest.approx(pictured(np.array([[0.22, 0.21]]))[0], abs=0.05)


def test_a_bent_board_has_no_strays_but_a_moved_point_is_one():
    points = grid(8, 6)
    bent_px = pictured(points)
    middle = bent_px.mean(0)
    radius = np.linalg.norm(bent_px - middle, axis=1, keepdims=True) / 100
    bent_px = middle + (bent_px - middle) * (1 - 0.05 * radius**2)  # a lens
    assert len(strays(points, bent_px)) == 0
    bent_px[[0, 20]] += [2.5, -1.0]
    bent_px[5] = np.nan
    assert strays(points, bent_px).tolist() == [0, 20]
    assert len(strays(points[:6], bent_px[:6])) == 0  # too few to tell
