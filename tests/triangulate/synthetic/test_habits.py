from __future__ import annotations

import pytest
import torch

from triangulate.synthetic.draws import seeded
from triangulate.synthetic.habits import Habits


def test_random_habits_repeat_with_the_seed_and_stay_in_range() -> None:
    habits = Habits.random(2000, seeded(3))
    again = Habits.random(2000, seeded(3))
    assert torch.equal(habits.sigma, again.sigma)
    assert 0.001 <= habits.sigma.min() and habits.sigma.max() <= 0.06
    assert (habits.known == 0).any() and (habits.known == 1).any()
    assert ((habits.known >= 0) & (habits.known <= 1)).all()


def test_constant_habits_are_harmless_but_for_what_is_given() -> None:
    habits = Habits.constant(3, sigma=0.1)
    assert habits.sigma.tolist() == [0.1, 0.1, 0.1]
    assert habits.wrong_joints.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(TypeError, match="reech"):
        Habits.constant(3, reech=0.1)
