from __future__ import annotations

import pytest
import torch

from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import walk
from triangulate.synthetic.occluders import (
    NUM_OCCLUDERS,
    OCCLUDER_MATERIALS,
    no_occluders,
    random_occluders,
)

SCENES, VIEWS = 200, 4


def person() -> torch.Tensor:
    """(B, V, J, 3) somebody four metres before each camera."""
    joints = torch.from_numpy(walk(seeded(0), 1).positions_m[0])[:, [0, 2, 1]]
    joints = (joints - joints.mean(0)) * torch.tensor([1.0, -1.0, 1.0])
    return (joints + torch.tensor([0.0, 0.0, 4.0])).expand(SCENES, VIEWS, -1, -1)


def drawn(level: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    dice = Dice([seeded(k) for k in range(SCENES)])
    shapes, heavy = random_occluders(dice, person(), level, first_material=5)
    assert shapes.half.shape == (SCENES, VIEWS, NUM_OCCLUDERS, 3)
    assert shapes.material.min() >= 5
    assert shapes.material.max() < 5 + OCCLUDER_MATERIALS
    after = dice.uniform(0, 1)
    return shapes.half[..., 0] > 0, heavy, after


def test_levels_are_as_described_and_draw_the_same_numbers() -> None:
    there, heavy, after = drawn("none")
    assert not there.any()
    assert not heavy.any()
    there, heavy, same = drawn("light")
    assert torch.equal(after, same)
    assert 0.38 < float(there.any(-1).double().mean()) < 0.55
    assert 0.12 < float(heavy.double().mean()) < 0.24
    there, heavy, same = drawn("heavy")
    assert torch.equal(after, same)
    assert set(heavy.sum(-1).tolist()) == {1, 2}
    assert there.any(-1)[heavy].all()


def test_they_stand_between_camera_and_person() -> None:
    shapes, _ = random_occluders(Dice([seeded(k) for k in range(SCENES)]), person(), "heavy", 5)
    depth = shapes.centre[..., 2]
    assert depth.min() > 1.2
    assert depth.max() < 3.4


def test_nothing_is_nothing_and_unknown_levels_are_refused() -> None:
    assert (no_occluders(2, 3).half == 0).all()
    assert no_occluders(2, 3).kind.shape == (2, 3, NUM_OCCLUDERS)
    with pytest.raises(ValueError, match="none, light, heavy"):
        random_occluders(Dice([seeded(0)]), person()[:1], "some", 5)
