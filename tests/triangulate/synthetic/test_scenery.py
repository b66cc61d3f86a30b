from __future__ import annotations

from dataclasses import replace

import torch

from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.scenery import Scenery, background, random_scenery

SIZE = (12, 8)


def bare(views: int = 2) -> Scenery:
    """A white wall and nothing else."""
    scenery = random_scenery(Dice([seeded(0)]), views)[0].to(torch.float32)
    return replace(
        scenery,
        wall=torch.ones_like(scenery.wall),
        noise=torch.zeros_like(scenery.noise),
        rectangles=torch.tensor([1.0, 1, 0, 0]).expand_as(scenery.rectangles),
        bars=torch.tensor([1.0, 0, 0, -1]).expand_as(scenery.bars),
        floor=torch.tensor([[0.0, 0, 0], [0, 0, 1]]).expand(views, 2, 3),
        floor_tiles=torch.tensor([1.0, 1, 0, 0]).expand(views, 4),
        has_floor=torch.ones(views),
    )


def looking(direction: tuple[float, float, float], views: int = 2) -> torch.Tensor:
    return torch.tensor(direction)[:, None, None].expand(views, 3, SIZE[1], SIZE[0])


def test_the_floor_lies_where_the_ray_meets_it() -> None:
    centre = torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0]])
    picture, place = background(bare(), SIZE, looking((0.25, 0.75, -1.0)), centre)
    assert picture.shape == (2, 3, SIZE[1], SIZE[0])
    assert torch.allclose(place[0, :, 3, 5], torch.tensor([0.5, 1.5]))
    # Tiles of a metre: (0, 1) has the second colour, (1, 1) the first one.
    assert picture[0, :, 3, 5].tolist() == [0, 0, 1]
    assert picture[1, :, 3, 5].tolist() == [0, 0, 0]
    picture, place = background(bare(), SIZE, looking((0.25, 0.75, 0.1)), centre)
    assert (picture == 1).all()
    assert place.min() > 1e3


def test_rectangles_and_bars_cover_their_share() -> None:
    scenery = bare()
    half = scenery.rectangles.clone()
    half[0, 0] = torch.tensor([0.0, 0.0, 0.5, 1.0])
    colours = torch.zeros_like(scenery.rectangle_colours)
    bars = scenery.bars.clone()
    bars[1, 0] = torch.tensor([0.0, 1.0, 0.5, 0.25])  # a level one, half of the height
    scenery = replace(
        scenery, rectangles=half, rectangle_colours=colours, bars=bars,
        bar_colours=torch.zeros_like(scenery.bar_colours),
    )  # fmt: skip
    picture, _ = background(scenery, SIZE, looking((0.0, 1.0, 0.1)), torch.zeros(2, 3))
    assert (picture[0, :, :, :6] == 0).all()
    assert (picture[0, :, :, 6:] == 1).all()
    assert (picture[1, :, 2:6] == 0).all()
    assert (picture[1, :, :2] == 1).all()


def test_colours_stay_in_range() -> None:
    scenery = random_scenery(Dice([seeded(k) for k in range(10)]), 3)
    flat = scenery.map(lambda t: t.flatten(0, 1)).to(torch.float32)
    directions = torch.randn(30, 3, SIZE[1], SIZE[0])
    picture, _ = background(flat, SIZE, directions, torch.rand(30, 3) + 0.5)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert torch.equal(scenery.floor[:, 0], scenery.floor[:, 2])  # one floor a scene
