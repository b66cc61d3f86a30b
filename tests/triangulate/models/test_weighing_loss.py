from __future__ import annotations

import pytest
import torch

from triangulate.models.prediction import Prediction
from triangulate.models.weighing_loss import surprise, weighing_loss


def predicted(points, sigma_m: float = 0.01, valid=None) -> Prediction:
    identity = torch.eye(3, dtype=torch.float64)
    covariance = (sigma_m**2 * identity).expand(*points.shape[:2], 3, 3)
    valid = torch.ones(points.shape[:2], dtype=torch.bool) if valid is None else valid
    return Prediction(
        points_world=points,
        valid=valid,
        points_px=points.new_zeros(*points.shape[:2], 1, 2),
        confidence=points.new_zeros(*points.shape[:2], 1),
        covariance=torch.where(valid[..., None, None], covariance, 0.0),
    )


@pytest.fixture
def truth() -> torch.Tensor:
    return torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


ALL = torch.ones(3, 5, dtype=torch.bool)


def test_surprise_is_least_where_the_covariance_is_right(truth) -> None:
    noise = torch.randn(3, 4000, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    many = torch.zeros_like(noise)
    known = torch.ones(3, 4000, dtype=torch.bool)

    def of(sigma_m: float) -> float:
        return float(surprise(predicted(many + 0.02 * noise, sigma_m), many, known))

    # A Student distribution of four degrees of freedom is narrower in the middle than its variance.
    assert of(0.017) < min(of(0.01), of(0.04))
    exact = float(surprise(predicted(truth, 0.5), truth, ALL))
    assert exact == pytest.approx(3 * torch.log(torch.tensor(0.5)).item())


def test_poor_scenes_do_not_outweigh_good_ones(truth) -> None:
    near, far = truth + 0.02, truth + 0.02
    far = torch.cat([far[:1] + 0.6, far[1:]])
    points = [p.clone().requires_grad_() for p in (near, far)]
    for each in points:
        weighing_loss(predicted(each), [], truth, ALL).backward()
    good, poor = points[1].grad[1].norm(), points[1].grad[0].norm()
    assert poor < good  # per metre, the poor scene pulls less


def test_what_is_not_known_or_not_valid_does_not_count(truth) -> None:
    known = ALL.clone()
    known[0, 0] = False
    valid = ALL.clone()
    valid[1, 1] = False
    points = (truth + 0.01).requires_grad_()
    moved = truth + 0.01
    moved[0, 0] += 50
    moved[1, 1] += 50
    losses = [
        weighing_loss(predicted(each, valid=valid), [each], truth, known)
        for each in (points, moved.requires_grad_())
    ]
    torch.testing.assert_close(losses[0], losses[1])
    losses[0].backward()
    assert (points.grad[0, 0] == 0).all() and (points.grad[1, 1] == 0).all()
    assert torch.isfinite(points.grad).all()


def test_nothing_known_is_no_loss(truth) -> None:
    loss = weighing_loss(predicted(truth), [truth], truth, ~ALL)
    assert float(loss) == 0


def test_one_joint_and_exact_points_have_finite_gradients() -> None:
    truth = torch.zeros(2, 1, 3, dtype=torch.float64)
    points = truth.clone().requires_grad_()
    weighing_loss(predicted(points), [points], truth, ALL[:2, :1]).backward()
    assert torch.isfinite(points.grad).all()


def test_a_weight_is_how_often_a_joint_counts(truth) -> None:
    points = truth + 0.01
    points[0, 0] += 0.3
    once, all_one = ALL.double(), weighing_loss(predicted(points), [], truth, ALL)
    torch.testing.assert_close(weighing_loss(predicted(points), [], truth, once), all_one)
    torch.testing.assert_close(weighing_loss(predicted(points), [], truth, 0.5 * once), all_one)
    doubted = once.clone()
    doubted[0, 0] = 0.1
    assert float(weighing_loss(predicted(points), [], truth, doubted)) < float(all_one)


def test_the_size_is_that_of_what_is_known(truth) -> None:
    known = ALL.clone()
    known[0, 0] = False
    elsewhere = truth.clone()
    elsewhere[0, 0] = 1e3
    losses = [
        weighing_loss(predicted(truth + 0.01), [], each, known) for each in (truth, elsewhere)
    ]
    torch.testing.assert_close(losses[0], losses[1])
