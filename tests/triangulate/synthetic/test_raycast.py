from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.raycast import FAR_M, Caster
from triangulate.synthetic.shapes import BOX, ELLIPSOID, FRUSTUM, Shapes, frames_along


def random_shapes(scenes: int = 3, solids: int = 12) -> Shapes:
    """Solids before cameras, in their frames; the fourth of them is not there."""
    dice = Dice([seeded(k) for k in range(scenes)])
    kind = torch.tensor([BOX, ELLIPSOID, FRUSTUM]).repeat(solids // 3).expand(scenes, -1)
    centre = dice.uniform(-0.5, 0.5, solids, 3) + torch.tensor([0.0, 0.0, 3.0])
    half = dice.uniform(0.1, 0.4, solids, 3)
    half[:, 3:4] = 0
    return Shapes(
        kind,
        centre,
        frames_along(dice.direction(solids), dice.direction(solids)),
        half,
        dice.uniform(-1, 1, solids) * (kind == FRUSTUM),
        torch.zeros(scenes, solids, 2, dtype=torch.int64),
        torch.zeros(scenes, solids, dtype=torch.float64),
    )


def random_rays(scenes: int = 3, rays: int = 60) -> torch.Tensor:
    return Dice([seeded(9 + k) for k in range(scenes)]).uniform(-0.25, 0.25, rays, 2)


def test_depths_are_those_of_the_slow_twin(slow_entry: Callable[..., float]) -> None:
    shapes, rays = random_shapes(), random_rays()
    depths = Caster.of(shapes, torch.float64).depths(rays)
    hits = 0
    for n in range(3):
        for r, (x, y) in enumerate(rays[n].tolist()):
            for p in range(12):
                expected = slow_entry(shapes[n], p, np.zeros(3), np.array([x, y, 1.0]))
                assert float(depths[n, p, r]) == pytest.approx(expected, rel=1e-7)
                hits += expected < FAR_M
    assert hits > 150


def test_a_sphere_by_hand() -> None:
    shapes = random_shapes(1, 3)
    ball = Shapes(
        torch.full((1, 3), ELLIPSOID),
        torch.tensor([[[0.0, 0, 4], [0, 0, 2], [9, 9, 9]]], dtype=torch.float64),
        torch.eye(3, dtype=torch.float64).expand(1, 3, 3, 3),
        torch.tensor([[1.0, 0.5, 0.1]], dtype=torch.float64)[..., None].expand(1, 3, 3),
        torch.zeros(1, 3, dtype=torch.float64),
        shapes.material,
        shapes.cut,
    )
    rays = torch.tensor([[[0.0, 0.0], [0.26, 0.0], [-1.0, 0.0]]])
    depth, which = Caster.of(ball).first(rays)
    assert depth[0, 0].item() == pytest.approx(1.5, rel=1e-5)
    assert which[0, :2].tolist() == [1, 0]  # the near one hides the far one; the other misses it
    assert depth[0, 2] > 0.99 * FAR_M


def test_first_finds_the_nearest_in_single_precision() -> None:
    shapes, rays = random_shapes(), random_rays()
    exact = Caster.of(shapes, torch.float64).depths(rays)
    depth, which = Caster.of(shapes).first(rays.float())
    hit = exact.amin(1) < FAR_M
    same = (depth < 0.9 * FAR_M) == hit
    assert same.double().mean() > 0.98
    both = same & hit
    assert torch.allclose(depth[both].double(), exact.amin(1)[both], rtol=2e-3)
    assert (which == exact.argmin(1))[both].double().mean() > 0.98
