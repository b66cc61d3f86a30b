from __future__ import annotations

import numpy as np

from triangulate.synthetic.draws import normal, seeded, uniform


def test_draws_are_float64_of_the_stated_spread() -> None:
    even = uniform(seeded(0), -2, 3, (50, 400))
    assert even.dtype == np.float64
    assert even.min() >= -2
    assert even.max() < 3
    assert abs(even.mean() - 0.5) < 0.05
    assert abs(normal(seeded(0), 4.0, (20000,)).std() - 4) < 0.1


def test_the_generator_decides_everything() -> None:
    np.testing.assert_array_equal(normal(seeded(1), 1, (9,)), normal(seeded(1), 1, (9,)))
    generator = seeded(1)
    assert (normal(generator, 1, (9,)) != normal(generator, 1, (9,))).all()
    assert uniform(seeded(0), 0, 1).shape == ()
