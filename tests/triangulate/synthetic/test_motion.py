from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.skeleton import Skeleton
from triangulate.synthetic import Motion, walk
from triangulate.synthetic.draws import seeded

SEEDS = (0, 1, 2, 3)


def joint(motion: Motion, name: str) -> np.ndarray:
    return motion.positions_m[:, motion.skeleton.index(name)]


@pytest.mark.parametrize("seed", SEEDS)
def test_bones_are_rigid_and_of_human_size(seed: int) -> None:
    motion = walk(seeded(seed), num_frames=400, height_m=1.8)
    a, b = np.array(motion.skeleton.edges).T
    lengths = np.linalg.norm(motion.positions_m[:, a] - motion.positions_m[:, b], axis=-1)
    assert np.ptp(lengths, axis=0).max() < 1e-9
    shank = joint(motion, "left_knee") - joint(motion, "left_ankle")
    assert np.linalg.norm(shank[0]) == pytest.approx(0.246 * 1.8, rel=0.031)
    assert joint(motion, "head")[:, 2].max() == pytest.approx(1.8, rel=0.03)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("speed_mps", [0.8, 1.1, 1.4])
def test_feet_stand_still_on_the_floor_and_never_below_it(seed: int, speed_mps: float) -> None:
    motion = walk(seeded(seed), 500, 100.0, 1.7, speed_mps, skeleton=Skeleton.named("body25"))
    soles = [f"{side}_{part}" for side in ("left", "right") for part in ("heel", "big_toe")]
    heights = np.stack([joint(motion, name)[:, 2] for name in soles])
    assert heights.min() > -0.004
    on_floor = heights < 0.005
    assert on_floor.any(axis=0).mean() > 0.95  # walking: there is always a foot on the floor
    for side in ("left", "right"):
        ankle = joint(motion, f"{side}_ankle")
        still = np.linalg.norm(np.diff(ankle, axis=0), axis=-1) < 1e-9
        assert 0.2 < still.mean() < 0.35
        assert ankle[1:][still][:, 2] == pytest.approx(ankle[:, 2].min(), abs=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_walks_at_the_given_speed_and_moves_like_a_person(seed: int) -> None:
    motion = walk(seeded(seed), num_frames=600, fps=50.0, speed_mps=1.2)
    pelvis = joint(motion, "pelvis")
    travelled = np.linalg.norm(np.diff(pelvis[:, :2], axis=0), axis=-1).sum()
    assert travelled / (599 / 50) == pytest.approx(1.2, rel=0.05)
    speed = np.linalg.norm(np.diff(motion.positions_m, axis=0), axis=-1) * 50
    assert speed.max() < 5.0  # an ankle in swing
    assert np.abs(motion.positions_m[..., :2]).max() < 1.7 + 0.7
    rise = np.ptp(pelvis[:, 2])
    assert 0.02 < rise < 0.08


def test_left_is_left_and_knees_bend_forward() -> None:
    motion = walk(seeded(7), num_frames=300)
    travel = np.gradient(joint(motion, "pelvis"), axis=0)
    left = np.cross([0.0, 0.0, 1.0], travel)
    across = joint(motion, "left_hip") - joint(motion, "right_hip")
    assert ((across * left).sum(-1) > 0).all()
    for side in ("left", "right"):
        hip, knee, ankle = (joint(motion, f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        assert (((knee - (hip + ankle) / 2) * travel).sum(-1) > 0).all()


def test_arms_swing_against_the_legs() -> None:
    motion = walk(seeded(1), num_frames=400)
    travel = np.gradient(joint(motion, "pelvis")[:, :2], axis=0)
    facing = travel / np.linalg.norm(travel, axis=-1, keepdims=True)

    def ahead(name: str) -> np.ndarray:
        return ((joint(motion, name) - joint(motion, "pelvis"))[:, :2] * facing).sum(-1)

    legs = ahead("left_ankle") - ahead("right_ankle")
    arms = ahead("left_wrist") - ahead("right_wrist")
    assert np.corrcoef(legs, arms)[0, 1] < -0.8


def test_a_seed_gives_one_motion_whatever_the_threads() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = walk(seeded(3)).positions_m
        torch.set_num_threads(2)
        two = walk(seeded(3)).positions_m
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - walk(seeded(4)).positions_m).max() > 0.1


@pytest.mark.parametrize("name", ["coco17", "body25", "h36m17", "h36m17_mmpose"])
def test_other_joint_sets_show_the_same_person(name: str) -> None:
    skeleton, usual = Skeleton.named(name), walk(seeded(0), num_frames=9)
    motion = walk(seeded(0), num_frames=9, skeleton=skeleton)
    assert motion.positions_m.shape == (9, len(skeleton.joint_names), 3)
    np.testing.assert_array_equal(joint(motion, "left_wrist"), joint(usual, "left_wrist"))


def test_a_joint_that_no_walker_has_is_named() -> None:
    with pytest.raises(ValueError, match="no joint 'tail'"):
        walk(seeded(0), skeleton=Skeleton.from_edges(["tail", "nose"], []))
