from __future__ import annotations

import pytest
import torch

from triangulate.synthetic.dice import Dice, scene_generator
from triangulate.synthetic.draws import seeded


def test_a_scene_gets_the_same_numbers_in_any_batch() -> None:
    def draws(indices: list[int]) -> list[torch.Tensor]:
        dice = Dice([scene_generator(7, index) for index in indices])
        return [dice.uniform(0, 1, 2), dice.normal(1.0), dice.integers(0, 9, 3), dice.direction(2)]

    for alone, together in zip(draws([4]), draws([1, 4, 2]), strict=True):
        assert torch.equal(alone[0], together[1])


def test_draws_have_the_asked_distributions() -> None:
    dice = Dice([seeded(0), seeded(1)])
    even = dice.uniform(-2, 3, 20_000)
    assert even.shape == (2, 20_000)
    assert even.min() >= -2
    assert even.max() < 3
    assert float(even.mean()) == pytest.approx(0.5, abs=0.05)
    gauss = dice.normal(2.0, 20_000)
    assert float(gauss.std()) == pytest.approx(2.0 * 0.9867, rel=0.02)  # cut at three
    assert gauss.abs().max() <= 6.0
    assert float(dice.chance(0.3, 20_000).double().mean()) == pytest.approx(0.3, abs=0.02)
    numbers = dice.integers(2, 5, 1000)
    assert sorted(set(numbers.flatten().tolist())) == [2, 3, 4]
    directions = dice.direction(20_000)
    assert torch.allclose(directions.norm(dim=-1), torch.ones(2, 20_000, dtype=torch.float64))
    assert directions.mean((0, 1)).abs().max() < 0.02


def test_seeds_and_indices_do_not_meet() -> None:
    first = {scene_generator(s, i).initial_seed() for s in range(20) for i in range(20)}
    assert len(first) == 400
