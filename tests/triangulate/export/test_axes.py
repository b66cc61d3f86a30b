from __future__ import annotations

import numpy as np
import pytest

from triangulate.export.axes import y_up_from_world
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
