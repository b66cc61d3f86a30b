from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from triangulate.export.rotations import best_rotation


def turns(count: int, seed: int = 0) -> np.ndarray:
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def test_it_is_the_least_squares_rotation_of_scipy() -> None:
    rng = np.random.default_rng(1)
    offsets = rng.normal(size=(3, 3))
    vectors = np.einsum("tij,kj->tki", turns(20), offsets) + 0.1 * rng.normal(size=(20, 3, 3))
    found = best_rotation(offsets, vectors, turns(20, 5), weight=1e-12)
    for rotation, seen in zip(found, vectors, strict=True):
        theirs, _ = Rotation.align_vectors(seen, offsets)
        np.testing.assert_allclose(rotation, theirs.as_matrix(), atol=1e-6)


@pytest.mark.parametrize("offsets", [[[0.0, 0, 0.4]], [[0.0, 0, 0.4], [0.0, 0, -0.2]]])
def test_what_bones_leave_open_is_as_in_the_prior(offsets: list[list[float]]) -> None:
    """By hand: the shortest way from where the prior would point the bone to where it points."""
    bones, prior = np.array(offsets), turns(30)
    truth = turns(30, 2)
    found = best_rotation(bones, np.einsum("tij,kj->tki", truth, bones), prior)
    np.testing.assert_allclose(found @ bones[0], truth @ bones[0], atol=1e-6)
    before, after = prior @ [0, 0, 1.0], truth @ [0, 0, 1.0]
    axis = np.cross(before, after)
    angle = np.arctan2(np.linalg.norm(axis, axis=-1), (before * after).sum(-1))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    shortest = Rotation.from_rotvec(axis * angle[:, None]).as_matrix() @ prior
    np.testing.assert_allclose(found, shortest, atol=1e-5)


def test_results_are_rotations_even_where_nothing_is_told() -> None:
    bones = np.array([[1.0, 0, 0]])
    vectors = np.array([[[-1.0, 0, 0]], [[0.0, 0, 0]]])  # the other way round; no direction
    found = best_rotation(bones, vectors, np.tile(np.eye(3), (2, 1, 1)))
    np.testing.assert_allclose(
        found @ found.transpose(0, 2, 1), np.tile(np.eye(3), (2, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(found), 1)
    np.testing.assert_allclose(found[0] @ bones[0], [-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], np.eye(3), atol=1e-12)
