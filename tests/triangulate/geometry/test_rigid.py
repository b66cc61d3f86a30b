from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from kornia.geometry.linalg import transform_points
from scipy.spatial.transform import Rotation

from triangulate.geometry.rigid import Rigid, rotation_from_vector, skew

BATCHES = [(), (1,), (3, 1, 2)]
DTYPES = [torch.float32, torch.float64]


def quarter_turn(dtype=torch.float64) -> Rigid:
    """x -> y -> -x about z, then a step of (1, 2, 3)."""
    rotation = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=dtype)
    return Rigid(rotation, torch.tensor([1.0, 2.0, 3.0], dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_apply_by_hand(dtype) -> None:
    points_a = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 5.0]], dtype=dtype)
    points_b = quarter_turn(dtype).apply(points_a)
    assert points_b.dtype == dtype
    torch.testing.assert_close(points_b, torch.tensor([[1.0, 3, 3], [-1, 2, 8]], dtype=dtype))


def test_inverse_by_hand() -> None:
    # x_a = R^T (x_b - t); R^T maps (1, 2, 3) to (2, -1, 3)
    inverse = quarter_turn().inverse()
    torch.testing.assert_close(inverse.translation, torch.tensor([-2.0, 1, -3]).double())


def test_matrix_is_rotation_beside_translation() -> None:
    expected = [[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3]]
    torch.testing.assert_close(quarter_turn().matrix(), torch.tensor(expected).double())


@pytest.mark.parametrize("batch", BATCHES)
def test_there_and_back(batch, rigid_motion, points_in_view) -> None:
    b_from_a, points_a = rigid_motion(*batch), points_in_view(*batch, 5)
    torch.testing.assert_close(b_from_a.inverse().apply(b_from_a.apply(points_a)), points_a)
    identity = b_from_a.inverse() @ b_from_a
    torch.testing.assert_close(
        identity.matrix(), torch.eye(3, 4).double().expand(*batch, 3, 4), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("batch", BATCHES)
def test_composition_is_one_after_the_other(batch, rigid_motion, points_in_view) -> None:
    b_from_a, c_from_b = rigid_motion(*batch, seed=3), rigid_motion(*batch, seed=4)
    points_a = points_in_view(*batch, 5)
    c_from_a = c_from_b @ b_from_a
    torch.testing.assert_close(c_from_a.apply(points_a), c_from_b.apply(b_from_a.apply(points_a)))
    d_from_c = rigid_motion(*batch, seed=5)
    torch.testing.assert_close(
        ((d_from_c @ c_from_b) @ b_from_a).matrix(), (d_from_c @ (c_from_b @ b_from_a)).matrix()
    )


def test_distances_stay(rigid_motion, points_in_view) -> None:
    points = points_in_view(6)
    moved = rigid_motion().apply(points)
    torch.testing.assert_close(torch.cdist(moved, moved), torch.cdist(points, points))


def test_composes_as_opencv_does(rigid_motion) -> None:
    b_from_a, c_from_b = rigid_motion(seed=3), rigid_motion(seed=4)
    arguments = []
    for rigid in (b_from_a, c_from_b):
        arguments += [cv2.Rodrigues(rigid.rotation.numpy())[0], rigid.translation.numpy()[:, None]]
    vector, translation = cv2.composeRT(*arguments)[:2]
    c_from_a = c_from_b @ b_from_a
    np.testing.assert_allclose(c_from_a.rotation, cv2.Rodrigues(vector)[0], atol=1e-12)
    np.testing.assert_allclose(c_from_a.translation, translation[:, 0], atol=1e-12)


def test_applies_as_kornia_does(rigid_motion, points_in_view) -> None:
    b_from_a, points_a = rigid_motion(3), points_in_view(3, 5)
    last_row = torch.tensor([0.0, 0, 0, 1]).double().expand(3, 1, 4)
    square = torch.cat([b_from_a.matrix(), last_row], dim=-2)
    torch.testing.assert_close(b_from_a.apply(points_a), transform_points(square, points_a))


def test_gradients(points_in_view) -> None:
    def turned(angle, translation, points):
        c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
        rotation = torch.stack([c, -s, zero, s, c, zero, zero, zero, one]).reshape(3, 3)
        rigid = Rigid(rotation, translation)
        return (rigid @ rigid).apply(points), rigid.inverse().apply(points)

    angle = torch.tensor(math.pi / 5, dtype=torch.float64, requires_grad=True)
    translation = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64, requires_grad=True)
    points = points_in_view(2).requires_grad_()
    assert torch.autograd.gradcheck(turned, (angle, translation, points))


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_rotation_vectors_are_scipys(batch, generator) -> None:
    vectors = torch.randn(*batch, 3, generator=generator, dtype=torch.float64)
    for scale in (0.0, 1e-9, 1e-3, 1.0, 3.0):
        expected = Rotation.from_rotvec((scale * vectors).reshape(-1, 3).numpy()).as_matrix()
        found = rotation_from_vector(scale * vectors)
        torch.testing.assert_close(
            found, torch.from_numpy(expected).reshape(found.shape), atol=1e-14, rtol=0
        )


def test_gradients_of_rotation_vectors(generator) -> None:
    vectors = torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_vector, (vectors,))
    still = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_vector, (still,), eps=1e-7, atol=1e-5)


def test_skew_is_the_cross_product(generator) -> None:
    a, b = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close((skew(a) @ b[..., None])[..., 0], torch.linalg.cross(a, b))
