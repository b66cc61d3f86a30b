from __future__ import annotations

from dataclasses import replace

import torch

from triangulate.synthetic.build import body_height, random_build, thickness
from triangulate.synthetic.captured import h36m17
from triangulate.synthetic.dice import Dice
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import walk

WALK = torch.from_numpy(walk(seeded(0), 6, fps=4.0, height_m=1.75).positions_m)


def test_height_follows_from_legs_and_trunk() -> None:
    assert torch.allclose(body_height(WALK), torch.full((6,), 1.75).double(), rtol=0.05)
    assert torch.allclose(body_height(2 * WALK), 2 * body_height(WALK))


def test_stout_people_have_more_before_their_joints() -> None:
    build = random_build(Dice([seeded(k) for k in range(6)]), WALK)
    skeleton = h36m17()
    own = thickness(skeleton, build)
    assert own.shape == (6, 17)
    assert (thickness(skeleton, replace(build, girth=build.girth * 2)) > own).all()
    wrist, pelvis = skeleton.index("left_wrist"), skeleton.index("pelvis")
    assert (own[:, wrist] < own[:, pelvis]).all()


def test_builds_are_spread_and_sane() -> None:
    people = 200
    build = random_build(Dice([seeded(k) for k in range(people)]), WALK[:1].expand(people, -1, -1))
    assert build.girth.min() >= 0.75
    assert build.girth.max() <= 1.5
    assert build.girth.std(0).min() > 0.05
    assert 0.3 < float((build.sleeve > 1.5).double().mean()) < 0.7  # long sleeves
    assert build.trouser.min() > 0.3
