from __future__ import annotations

import numpy as np
import pytest

from calib.floor import LEAST_SPREAD, axes_on, plane_through, spread_of, toward_cameras
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

SQUARE = np.array([[0.0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]])


@pytest.fixture(scope="module")
def rig() -> Rig:
    return ring_rig(seeded(0), 4)


def test_a_plane_by_hand() -> None:
    middle, normal = plane_through(SQUARE + np.array([0, 0, 0.5]), "floor")
    np.testing.assert_allclose(middle, [1, 1, 0.5])
    np.testing.assert_allclose(np.abs(normal), [0, 0, 1], atol=1e-12)


def test_a_plane_moves_with_its_points() -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    middle, normal = plane_through(SQUARE @ turn.T + 3, "floor")
    np.testing.assert_allclose(middle, turn @ [1, 1, 0] + 3)
    assert abs(normal @ turn[:, 2]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (SQUARE[:2], "three points that do not lie in a line"),
        (np.arange(4.0)[:, None] * [1, 2, 3], "three points that do not lie in a line"),
        (np.where(np.eye(4, 3) == 1, np.nan, SQUARE), "three points that do not lie in a line"),
        (SQUARE + np.outer([0, 1, 0, 1], [0, 0, 1]), r"do not lie in one plane \(up to 0\.50 m"),
    ],
)
def test_what_is_no_plane(points: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=f"floor: .*{said}"):
        plane_through(points, "floor")


def test_the_side_of_the_cameras(rig: Rig) -> None:
    for sign in (1.0, -1.0):
        up = toward_cameras(rig, np.zeros(3), np.array([0, 0, sign]), "floor")
        assert up.tolist() == [0, 0, 1]
    with pytest.raises(InputError, match="cameras stand on both sides of it"):
        toward_cameras(rig, np.zeros(3), np.array([1.0, 0, 0]), "wall")


@pytest.mark.parametrize("along", [None, np.array([0.0, 3, 1])])
@pytest.mark.parametrize("up", [[0.0, 0, 1], [1, 0, 0], [0, -1, 0], [0.6, 0, 0.8]])
def test_axes_turn_up_to_z(up: list[float], along: np.ndarray | None) -> None:
    rotation = axes_on(np.array(up), along)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation @ up, [0, 0, 1], atol=1e-12)
    if along is not None:
        assert (rotation @ along)[0] > 0 and (rotation @ along)[1] == pytest.approx(0, abs=1e-12)


def test_the_spread_by_hand() -> None:
    assert spread_of(SQUARE) == pytest.approx(1)
    assert spread_of(SQUARE * [4, 1, 1]) == pytest.approx(0.25)
    assert spread_of(np.arange(3.0)[:, None] * [1, 1, 0]) < LEAST_SPREAD
    assert spread_of(np.zeros((1, 3))) == 0
