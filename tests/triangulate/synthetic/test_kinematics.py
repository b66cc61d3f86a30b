from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from triangulate.synthetic.kinematics import forward_kinematics


def about_z(degrees: float) -> np.ndarray:
    return Rotation.from_euler("z", degrees, degrees=True).as_matrix()


def test_an_arm_of_two_bones_by_hand() -> None:
    turns = np.stack([about_z(90), about_z(-90), np.eye(3)])
    offsets = np.array([[9.0, 9.0, 9.0], [2.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    places, frames = forward_kinematics(turns, offsets, (-1, 0, 1), np.array([1.0, 1.0, 0.0]))
    # The first bone points along x and is turned to y; the second is along z, whatever the turns.
    np.testing.assert_allclose(places, [[1, 1, 0], [1, 3, 0], [1, 3, 3]], atol=1e-12)
    np.testing.assert_allclose(frames[2], np.eye(3), atol=1e-12)


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_bones_keep_their_lengths_over_any_batch(batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    turns = Rotation.from_quat(rng.normal(size=(int(np.prod(batch)) * 5, 4))).as_matrix()
    turns = turns.reshape(*batch, 5, 3, 3)
    offsets, parents = rng.normal(size=(5, 3)), (-1, 0, 1, 0, 3)
    places, frames = forward_kinematics(turns, offsets, parents, rng.normal(size=(*batch, 3)))
    assert places.shape == (*batch, 5, 3)
    bones = places[..., 1:, :] - places[..., list(parents[1:]), :]
    lengths = np.broadcast_to(np.linalg.norm(offsets[1:], axis=-1), (*batch, 4))
    np.testing.assert_allclose(np.linalg.norm(bones, axis=-1), lengths)
    np.testing.assert_allclose(np.linalg.det(frames), 1.0)


def test_children_before_parents_are_refused() -> None:
    turns = np.broadcast_to(np.eye(3), (3, 3, 3))
    with pytest.raises(ValueError, match="parents"):
        forward_kinematics(turns, np.zeros((3, 3)), (-1, 2, 0), np.zeros(3))
