from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib.volume import NUM_POINTS, capture_volume
from triangulate.errors import InputError


def test_the_volume_holds_the_corners_that_two_cameras_agree_on(faultless):
    solution = faultless.solution
    volume = capture_volume(solution)
    places = volume.points_world @ volume.axes.T
    corners = solution.target_points_world[solution.inliers.sum(0) >= 2] @ volume.axes.T
    margin = 0.05 * np.linalg.norm(np.ptp(corners, axis=0))
    # A grid's outermost places are within a step of the hull, which reaches the margin farther.
    assert (places.min(0) > corners.min(0) - margin - 1e-9).all()
    assert (places.max(0) < corners.max(0) + margin + 1e-9).all()
    assert (places.min(0) < corners.min(0) + 1.5 * volume.step_m).all()
    assert (places.max(0) > corners.max(0) - 1.5 * volume.step_m).all()
    assert abs(len(places) - NUM_POINTS) < 0.15 * NUM_POINTS


def test_its_axes_are_the_worlds_where_up_is_known(faultless):
    volume = capture_volume(faultless.solution)
    np.testing.assert_array_equal(volume.axes, np.eye(3))
    assert volume.up_is_known
    sideways = replace(faultless.solution.rig, up_axis="-y")
    turned = capture_volume(replace(faultless.solution, rig=sideways)).axes
    np.testing.assert_array_equal(turned[2], [0, -1, 0])
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) == pytest.approx(1)


def test_without_it_up_is_what_the_cameras_hold_upright(faultless):
    unknown = replace(faultless.solution.rig, up_axis=None)
    volume = capture_volume(replace(faultless.solution, rig=unknown))
    assert not volume.up_is_known
    # All cameras look down on the middle from 1.8 m, so their images' tops point up, and inwards.
    assert volume.axes[2] @ [0, 0, 1] > 0.99
    np.testing.assert_allclose(volume.axes @ volume.axes.T, np.eye(3), atol=1e-12)


def test_values_go_back_to_their_places(faultless):
    volume = capture_volume(faultless.solution)
    heights = volume.spread(volume.points_world[:, 2])
    assert heights.shape == volume.inside.shape
    level = np.nanmean(heights, axis=(0, 1))
    np.testing.assert_allclose(level, volume.ticks_m[2], atol=1e-12)
    assert np.isnan(heights[~volume.inside]).all()


def test_two_cameras_are_needed(faultless):
    blind = faultless.solution.outliers.copy()
    blind[1:] = True
    with pytest.raises(InputError, match="no two cameras saw the board at once"):
        capture_volume(replace(faultless.solution, outliers=blind))
