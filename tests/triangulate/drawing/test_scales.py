from __future__ import annotations

import numpy as np
import pytest

from triangulate.drawing.canvas import MISSING
from triangulate.drawing.scales import ColourScale, reprojection_scale


def test_a_scale_grows_brighter_and_ends_at_its_top() -> None:
    scale = ColourScale(20.0, "px", "error")
    luma = scale.colours(np.linspace(0, 20, 12)) @ [0.3, 0.59, 0.11]
    assert (np.diff(luma) > 3).all()
    assert scale.colour(20) == scale.colour(1e9)
    assert scale.colour(np.nan) == MISSING


def test_colours_keep_the_shape_of_the_values() -> None:
    scale, values = ColourScale(1.0, "mm", "deviation"), np.array([[0.1, np.nan, 2.0]])
    colours = scale.colours(values)
    assert colours.shape == (1, 3, 3) and colours.dtype == np.uint8
    assert [tuple(c) for c in colours[0].tolist()] == [scale.colour(v) for v in values[0]]


@pytest.mark.parametrize(
    ("largest", "top"), [(0.03, 0.05), (1.4, 2), (2.0, 2), (31, 50), (0.0, 0.001), (np.nan, 1)]
)
def test_the_top_is_a_round_figure(largest: float, top: float) -> None:
    assert reprojection_scale(np.full((2, 3), largest)).top == pytest.approx(top)
