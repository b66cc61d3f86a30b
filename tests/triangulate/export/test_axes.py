from __future__ import annotations

import numpy as np
import pytest

from triangulate.export.axes import in_axes, up_text, y_up_from_world
from triangulate.export.options import Up
from triangulate.rig import UP_AXES


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_it_is_a_rotation_that_takes_up_to_y(up_axis: str) -> None:
    rotation = y_up_from_world(up_axis)
    up = np.zeros(3)
    up["xyz".index(up_axis[-1])] = -1 if up_axis[0] == "-" else 1
    np.testing.assert_array_equal(rotation @ up, [0, 1, 0])
    np.testing.assert_array_equal(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_the_usual_cases_by_hand() -> None:
    point = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(y_up_from_world("z") @ point, [2, 3, 1])
    np.testing.assert_array_equal(y_up_from_world("y") @ point, point)
    np.testing.assert_array_equal(y_up_from_world("-y") @ point, [1, -2, -3])
    np.testing.assert_array_equal(y_up_from_world(None) @ point, point)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="up_axis"):
        y_up_from_world("w")


@pytest.mark.parametrize("up_axis", UP_AXES)
@pytest.mark.parametrize("up", [Up.y, Up.z])
def test_points_above_the_origin_are_above_it_in_the_file(up_axis: str, up: Up) -> None:
    points = np.zeros((2, 3, 3))
    points[..., "xyz".index(up_axis[-1])] = -1 if up_axis[0] == "-" else 1
    turned, told = in_axes(points, up_axis, up)
    np.testing.assert_array_equal(turned, np.broadcast_to(np.eye(3)["xyz".index(up)], (2, 3, 3)))
    assert told == up
    basis, _ = in_axes(np.eye(3), up_axis, up)
    assert np.linalg.det(basis) == pytest.approx(1)


def test_z_up_stays_and_what_is_not_known_too() -> None:
    points = np.arange(6.0).reshape(2, 3)
    for up_axis, up in (("z", Up.z), ("-y", Up.as_is), (None, Up.y)):
        same, told = in_axes(points, up_axis, up)
        np.testing.assert_array_equal(same, points)
        assert told == up_axis
    assert [up_text(axis) for axis in ("z", "-y", None)] == ["+Z", "-Y", "not known"]
