from __future__ import annotations

import pytest
import torch
from torch import Tensor

from triangulate.geometry.rigid import rotation_from_vector
from triangulate.models.body_prior import MIN_JOINTS, with_body_prior
from triangulate.synthetic.draws import seeded

BATCH, JOINTS = 3, 7


def made_up(joints: int = JOINTS) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points, shapes, validity and noise."""
    generator = seeded(0)
    points = torch.randn(BATCH, joints, 3, generator=generator, dtype=torch.float64)
    root = torch.randn(BATCH, joints, 3, 3, generator=generator, dtype=torch.float64)
    noise_m2 = 0.3 * torch.rand(BATCH, joints, generator=generator, dtype=torch.float64)
    return points, root @ root.mT, torch.ones(BATCH, joints, dtype=torch.bool), noise_m2


def test_a_joint_that_is_as_open_as_the_body_is_large_goes_half_of_the_way() -> None:
    corners = torch.tensor([1.0, -1.0], dtype=torch.float64)
    points = torch.cartesian_prod(corners, corners, corners)[None]  # a variance of 1 by coordinate
    shape = torch.eye(3, dtype=torch.float64).expand(1, 8, 3, 3)
    noise_m2 = torch.tensor([[0.0, *[1.0] * 7]], dtype=torch.float64)
    drawn, narrowed = with_body_prior(points, shape, torch.ones(1, 8, dtype=torch.bool), noise_m2)
    torch.testing.assert_close(drawn[0, 0], points[0, 0])
    torch.testing.assert_close(drawn[0, 1:], 0.5 * points[0, 1:])
    torch.testing.assert_close(narrowed[0, 0], shape[0, 0])
    torch.testing.assert_close(narrowed[0, 1:], 0.5 * shape[0, 1:])


def test_it_is_the_mean_and_the_covariance_of_the_posterior() -> None:
    """In information form: what views and prior say, added up."""
    points, shape, valid, noise_m2 = made_up()
    middle = points.mean(1, keepdim=True)
    variance = (points - middle).square().mean((1, 2))
    of_views, of_prior = torch.linalg.inv(shape), (noise_m2 / variance[:, None])[..., None, None]
    covariance = torch.linalg.inv(of_views + of_prior * torch.eye(3, dtype=torch.float64))
    said = of_views @ points[..., None] + of_prior * middle[..., None]
    drawn, narrowed = with_body_prior(points, shape, valid, noise_m2)
    torch.testing.assert_close(drawn, (covariance @ said)[..., 0])
    torch.testing.assert_close(narrowed, covariance)


def test_the_open_direction_gives_way() -> None:
    points, _, valid, noise_m2 = made_up()
    shape = torch.diag(torch.tensor([1e-6, 1e-6, 1e4], dtype=torch.float64)).expand(3, 7, 3, 3)
    drawn, _ = with_body_prior(points, shape, valid, noise_m2.clamp_min(0.01))
    torch.testing.assert_close(drawn[..., :2], points[..., :2], rtol=0, atol=1e-5)
    middle = points[..., 2].mean(1, keepdim=True).expand(-1, JOINTS)
    torch.testing.assert_close(drawn[..., 2], middle, rtol=0, atol=0.1)


def test_neither_frame_nor_unit_matters() -> None:
    points, shape, valid, noise_m2 = made_up()
    turn = rotation_from_vector(torch.tensor([0.3, 1.0, -2.0], dtype=torch.float64))
    drawn, narrowed = with_body_prior(points, shape, valid, noise_m2)
    moved = 20 * points @ turn.mT + torch.tensor([5.0, 6.0, -7.0], dtype=torch.float64)
    again, turned = with_body_prior(moved, turn @ shape @ turn.mT, valid, 400 * noise_m2)
    expected = 20 * drawn @ turn.mT + torch.tensor([5.0, 6.0, -7.0], dtype=torch.float64)
    torch.testing.assert_close(again, expected)
    torch.testing.assert_close(turned, turn @ narrowed @ turn.mT)


def test_unknown_joints_neither_move_nor_count() -> None:
    points, shape, valid, noise_m2 = made_up()
    valid[:, 2] = False
    points[:, 2] = 1e6
    drawn, _ = with_body_prior(points, shape, valid, noise_m2)
    torch.testing.assert_close(drawn[:, 2], points[:, 2])
    others = [0, 1, 3, 4, 5, 6]
    alone, _ = with_body_prior(
        points[:, others], shape[:, others], valid[:, others], noise_m2[:, others]
    )
    torch.testing.assert_close(drawn[:, others], alone)


@pytest.mark.parametrize("joints", [1, MIN_JOINTS - 1])
def test_a_few_joints_are_no_body(joints: int) -> None:
    points, shape, valid, noise_m2 = made_up(joints)
    drawn, narrowed = with_body_prior(points, shape, valid, noise_m2)
    torch.testing.assert_close(drawn, points)
    torch.testing.assert_close(narrowed, shape)


def test_joints_in_one_place_stay_there() -> None:
    points, shape, valid, noise_m2 = made_up()
    points[:] = 2.0
    points.requires_grad_()
    drawn, narrowed = with_body_prior(points, shape, valid, noise_m2)
    torch.testing.assert_close(drawn, points)
    (drawn.sum() + narrowed.sum()).backward()
    assert torch.isfinite(points.grad).all()


def test_gradcheck() -> None:
    points, shape, valid, noise_m2 = made_up(5)
    valid[0, 1] = False
    leaves = [each[:1].clone().requires_grad_() for each in (points, shape, noise_m2)]

    def run(points: Tensor, shape: Tensor, noise_m2: Tensor) -> tuple[Tensor, Tensor]:
        return with_body_prior(points, 0.5 * (shape + shape.mT), valid[:1], noise_m2)

    assert torch.autograd.gradcheck(run, leaves)
