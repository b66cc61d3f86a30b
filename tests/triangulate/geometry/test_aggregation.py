from __future__ import annotations

import math

import pytest
import torch

from triangulate.geometry.aggregation import join_views, mean_of_counted, weighted_maps

HERE = torch.tensor([[True, True, False]])


def test_joined_by_hand() -> None:
    values = torch.tensor([1.0, 3.0, 99.0]).double().reshape(1, 1, 3, 1)

    def joined(aggregation: str, floor: float = 1.0) -> float:
        return join_views(values, HERE, aggregation, floor).item()

    assert joined("max") == 3
    share = math.exp(1) / (math.exp(1) + math.exp(3))
    assert joined("softmax") == pytest.approx(share * 1 + (1 - share) * 3)
    assert joined("logsum") == pytest.approx(math.log(2) + math.log(4))


def test_weighted_by_hand() -> None:
    maps = torch.full((1, 3, 2, 1, 1), 2.0)
    confidence = torch.tensor([[[0.1, 0.0], [0.3, 0.0], [0.6, 0.5]]])

    def added(aggregation: str) -> list[float]:
        return weighted_maps(maps, HERE, aggregation, confidence).sum(1).flatten().tolist()

    assert added("sum") == [4, 4]
    assert added("conf") == pytest.approx([0.8, 0])
    assert added("conf_norm") == pytest.approx([2, 0])  # without any confidence: nothing
    assert added("mean") == [4, 4, 2]
    assert mean_of_counted(torch.tensor([[4.0, 5, 2], [4, 5, 0]])).tolist() == [[2, 2.5], [4, 5]]


@pytest.mark.parametrize("aggregation", ["max", "softmax", "logsum"])
def test_no_view_at_all_is_zero(aggregation) -> None:
    values = torch.randn(2, 3, 4, 5).double().requires_grad_()
    views = torch.tensor([[False] * 4, [True] * 4])
    joined = join_views(torch.where(views[:, None, :, None], values, 0.0), views, aggregation, 1e-3)
    assert not joined[0].any()
    joined.sum().backward()
    assert torch.isfinite(values.grad).all()
