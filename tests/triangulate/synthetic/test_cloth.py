from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from triangulate.synthetic.cloth import (
    TILE,
    Cloth,
    cloud_tile,
    grain_tile,
    paint,
    random_cloth,
    random_colours,
    rows_of,
    tile_values,
)
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded


def plain() -> Cloth:
    """One scene with two materials, red with white patterns and green."""
    cloth = random_cloth(Dice([seeded(0)]), 2)
    return replace(
        cloth,
        colour=torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]),
        second=torch.ones(1, 2, 3),
        weight=torch.zeros(1, 2, 3),
        direction=torch.tensor([[[[0.0, 0, 10], [10, 0, 0]]] * 2]),
        phase=torch.zeros(1, 2, 2),
    )


def test_stripes_and_checks_by_hand() -> None:
    cloth = plain()
    striped = replace(cloth, weight=torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]))
    local = torch.tensor([[[0.0, 0.0, 0.05], [0.0, 0.0, 0.15], [0.15, 0.0, 0.15]]]).mT
    red = paint(striped, torch.zeros(1, 3, dtype=torch.int64), local)
    # Ten stripes a metre along z: the second is white.
    assert red[0].T.tolist() == [[1, 0, 0], [1, 1, 1], [1, 1, 1]]
    green = paint(striped, torch.ones(1, 3, dtype=torch.int64), local)
    assert green[0].T.tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


def test_colours_stay_within_their_range_and_skin_is_plain() -> None:
    dice = Dice([seeded(k) for k in range(50)])
    cloth = random_cloth(dice, 5, skin=1, hair=2)
    for colours in (cloth.colour, cloth.second, random_colours(dice, 4)):
        assert colours.min() >= 0
        assert colours.max() <= 1
    assert (cloth.weight[:, 1, :2] == 0).all()
    red, _, blue = cloth.colour[:, 1].unbind(-1)
    assert (red > blue).double().mean() > 0.9
    local = torch.rand(50, 3, 30) - 0.5
    painted = paint(cloth.to(torch.float32), torch.randint(0, 5, (50, 30)), local)
    assert painted.min() >= 0
    assert painted.max() <= 1


def test_tiles_repeat_and_are_spread() -> None:
    tile = cloud_tile()
    place = torch.tensor([[[3.2, 3.2 - TILE], [5.9, 5.9 + TILE]]])
    assert tile_values(tile, place).tolist() == [[tile[5, 3].item()] * 2]
    assert float(tile.mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(grain_tile().std()) == pytest.approx(1.0, abs=0.01)
    # No seam: the step over the edge is like any other.
    seam = (tile[:, 0] - tile[:, -1]).abs().mean()
    assert seam < 1.3 * (tile[:, 1:] - tile[:, :-1]).abs().mean()


def test_rows_are_those_of_each_scene() -> None:
    table = torch.arange(12.0).reshape(2, 3, 2)
    index = torch.tensor([[2, 0], [1, 1]])
    expected = torch.gather(table, 1, index[..., None].expand(-1, -1, 2))
    assert torch.equal(rows_of(table, index), expected)
