from __future__ import annotations

import numpy as np
import pytest

from triangulate.synthetic import random_pose, walk
from triangulate.synthetic.captured import bone_lengths, h36m17
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.variation import mirrored, reproportioned, tumbled, turned


def test_turning_by_hand_and_back() -> None:
    point = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(turned(point, np.pi / 2), [[-2.0, 1.0, 3.0]], atol=1e-12)
    motion = walk(seeded(0), 3).positions_m
    np.testing.assert_allclose(turned(turned(motion, 0.7), -0.7), motion, atol=1e-12)


def test_a_mirror_swaps_sides_and_twice_is_nothing() -> None:
    motion, skeleton = walk(seeded(0), 3).positions_m, h36m17()
    other = mirrored(motion, skeleton)
    left, right = skeleton.index("left_wrist"), skeleton.index("right_wrist")
    np.testing.assert_array_equal(other[:, left], motion[:, right] * [1, -1, 1])
    np.testing.assert_array_equal(mirrored(other, skeleton), motion)


def test_other_proportions_are_symmetric_constant_and_stand_as_before() -> None:
    motion, skeleton = walk(seeded(0), 40).positions_m, h36m17()
    other = reproportioned(seeded(1), motion, skeleton, size=(1.2, 1.2), spread=0.0)
    np.testing.assert_allclose(
        bone_lengths(other, skeleton), 1.2 * bone_lengths(motion, skeleton), atol=1e-12
    )
    assert other[..., 2].min() == pytest.approx(1.2 * motion[..., 2].min())
    other = reproportioned(seeded(1), motion, skeleton, spread=0.1)
    before, after = bone_lengths(motion, skeleton), bone_lengths(other, skeleton)
    change = after / np.where(before > 0, before, 1)
    for left, right in skeleton.flip_pairs:
        assert change[left] == pytest.approx(change[right], rel=1e-9)
    assert np.std(change[before > 0]) > 0.02


def test_tumbling_is_rigid() -> None:
    pose = random_pose(seeded(5))[0]
    other = tumbled(seeded(1), pose)
    apart = np.linalg.norm(pose[:, None] - pose, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(other[:, None] - other, axis=-1), apart, atol=1e-12)
    assert other[:, 2].min() == pytest.approx(pose[:, 2].min())
    assert not np.allclose(other, pose, atol=0.05)
