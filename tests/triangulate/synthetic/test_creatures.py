from __future__ import annotations

import pytest
import torch

from triangulate.skeleton import Skeleton
from triangulate.synthetic.creatures import bend, random_creatures
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import walk


@pytest.mark.parametrize("num_joints", [1, 2, 3, 17, 40])
def test_a_random_skeleton_is_a_tree_with_sides(num_joints: int) -> None:
    points, skeleton = random_creatures(5, seeded(num_joints), num_joints)
    assert points.shape == (5, num_joints, 3)
    assert len(skeleton.joint_names) == num_joints
    assert len(skeleton.edges) == num_joints - 1
    lengths = points[:, [a for a, _ in skeleton.edges]] - points[:, [b for _, b in skeleton.edges]]
    lengths = lengths.norm(dim=-1)
    assert ((lengths >= 0.1) & (lengths <= 0.45)).all()
    if num_joints == 40:
        assert skeleton.flip_pairs


def test_bending_keeps_the_bones_and_the_root() -> None:
    motion = walk(seeded(0), 10)
    points = torch.from_numpy(motion.positions_m)
    bent = bend(points, motion.skeleton, torch.full((10,), 0.7), seeded(1))
    ends = torch.tensor(motion.skeleton.edges)

    def bones(where):
        return (where[:, ends[:, 0]] - where[:, ends[:, 1]]).norm(dim=-1)

    torch.testing.assert_close(bones(bent), bones(points))
    assert (bent - points).norm(dim=-1).amax(1).min() > 0.1
    still = bend(points, motion.skeleton, torch.zeros(10), seeded(1))
    torch.testing.assert_close(still, points)


def test_joints_without_bones_stay() -> None:
    points = torch.randn(2, 4, 3, generator=seeded(0), dtype=torch.float64)
    bent = bend(points, Skeleton.anonymous(4), torch.ones(2), seeded(1))
    torch.testing.assert_close(bent, points)
