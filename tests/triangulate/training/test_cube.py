"""Where the cube stands while a volumetric network learns."""

from __future__ import annotations

import pytest
import torch
from small_run import Spots

from triangulate.config.training import CubeConfig
from triangulate.data.sample import collate
from triangulate.training.cube import cube_options
from triangulate.training.stream import generator_of

SAMPLE = collate([Spots()[number] for number in range(3)])


def options(cube: CubeConfig, up_axis: str | None = "z", first: int = 0) -> dict[str, torch.Tensor]:
    generators = [generator_of(0, row) for row in range(first, first + 3)]
    return cube_options(SAMPLE, cube, generators, up_axis)


def test_the_network_places_it_where_nothing_is_asked_for() -> None:
    assert options(CubeConfig()) == {}


def test_it_stands_about_the_true_middle() -> None:
    exact = options(CubeConfig(centre="truth"))["centre_world"]
    known = SAMPLE.points_world[0][SAMPLE.known[0]]
    assert torch.equal(exact[0], known.median(0).values)
    moved = options(CubeConfig(centre="truth", jitter_m=0.2))["centre_world"]
    assert 0.02 < float((moved - exact).abs().max()) <= 0.2


@pytest.mark.parametrize(("up_axis", "axis"), [("z", 2), ("-y", 1), (None, 2)])
def test_it_turns_about_the_vertical(up_axis: str | None, axis: int) -> None:
    rotation = options(CubeConfig(rotation_deg=360), up_axis)["rotation"]
    assert torch.allclose(rotation[:, axis, axis], torch.ones(3, dtype=torch.float64))
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64).expand(3, 3, 3))
    others = [a for a in range(3) if a != axis]
    assert len({round(float(value), 6) for value in rotation[:, others[0], others[0]]}) == 3


def test_a_moment_draws_the_same_wherever_it_stands() -> None:
    cube = CubeConfig(rotation_deg=360)
    assert torch.equal(options(cube)["rotation"][1:], options(cube, first=1)["rotation"][:2])
