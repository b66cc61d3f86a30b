from __future__ import annotations

import pytest
import torch

from triangulate.data.lots import Lots
from triangulate.synthetic.draws import seeded


def test_a_moment_draws_the_same_in_any_company():
    together = Lots([seeded(3), seeded(4), seeded(5)], 3, 2)
    alone = Lots([seeded(4)], 1, 2)
    for _ in range(2):
        both, one = together.images(7), alone.images(7)
        assert both.shape == (6, 7)
        assert torch.equal(both[2:4], one)
    fields = together.normal_fields(torch.tensor([0, 3]), (3, 5), torch.device("cpu"))
    assert torch.equal(fields[1], alone.normal_fields(torch.tensor([1]), (3, 5), fields.device)[0])
    assert not torch.equal(fields[0], fields[1])


def test_draws_lie_in_their_range():
    draws = Lots(seeded(0), 500, 4).moments(3, low=-2.0, high=6.0)
    assert draws.shape == (500, 3)
    assert -2 <= draws.min() < -1.9
    assert 5.9 < draws.max() < 6
    assert abs(float(draws.mean()) - 2) < 0.2


def test_fields_are_standard_normal():
    fields = Lots(seeded(0), 2, 2).normal_fields(torch.arange(4), (3, 64, 64), torch.device("cpu"))
    assert torch.allclose(fields.mean((1, 2, 3)), torch.zeros(4), atol=0.05)
    assert torch.allclose(fields.std((1, 2, 3)), torch.ones(4), atol=0.05)


def test_the_number_of_generators_must_fit():
    with pytest.raises(ValueError, match="one or 3, got 2"):
        Lots([seeded(0), seeded(1)], 3, 2)
