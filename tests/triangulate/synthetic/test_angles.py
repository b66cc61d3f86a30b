from __future__ import annotations

import numpy as np
import torch

from triangulate.synthetic import random_pose
from triangulate.synthetic.captured import PARENTS, h36m17
from triangulate.synthetic.draws import seeded


def at(poses: np.ndarray, name: str) -> np.ndarray:
    return poses[:, h36m17().index(name)]


def test_the_seed_decides() -> None:
    assert np.array_equal(random_pose(seeded(3), 5), random_pose(seeded(3), 5))
    assert not np.allclose(random_pose(seeded(3)), random_pose(seeded(4)))


def test_bones_are_human_and_symmetric_and_the_lowest_joint_is_near_the_floor() -> None:
    poses = random_pose(seeded(0), 300, height_m=(1.6, 1.6))
    for name, parent in PARENTS.items():
        if not name.startswith("left"):
            continue
        length = np.linalg.norm(at(poses, name) - at(poses, parent or name), axis=-1)
        other, above = name.replace("left", "right"), (parent or "").replace("left", "right")
        mirrored = np.linalg.norm(at(poses, other) - at(poses, above), axis=-1)
        np.testing.assert_allclose(length, mirrored)
        assert 0.05 < length.min()
        assert length.max() < 0.5
        assert length.std() / length.mean() > 0.02
    np.testing.assert_allclose(poses[..., 2].min(1), 0.039 * 1.6)


def test_hinges_bend_one_way_and_most_arms_stay_out_of_the_trunk() -> None:
    poses = random_pose(seeded(1), 400, lying=0.0)
    hips = at(poses, "left_hip") - at(poses, "right_hip")
    for side in ("left", "right"):
        thigh = at(poses, f"{side}_knee") - at(poses, f"{side}_hip")
        shank = at(poses, f"{side}_ankle") - at(poses, f"{side}_knee")
        # To the back: about the axis to the left, by the right-hand rule. Hips twist a little.
        turn = (np.cross(thigh, shank) * hips).sum(-1)
        size = np.linalg.norm(np.cross(thigh, shank), axis=-1) * np.linalg.norm(hips, axis=-1)
        assert (turn[size > 1e-3] > 0.2 * size[size > 1e-3]).mean() > 0.95
        wrist, trunk = at(poses, f"{side}_wrist"), at(poses, "spine")
        assert (np.linalg.norm(wrist - trunk, axis=-1) > 0.1).mean() > 0.98
    up = at(poses, "thorax") - at(poses, "pelvis")
    assert (up[:, 2] > 0).mean() > 0.97


def test_lying_turns_people_any_way() -> None:
    poses = random_pose(seeded(2), 400, lying=1.0)
    up = at(poses, "thorax") - at(poses, "pelvis")
    share = float((up[:, 2] > 0).mean())
    assert 0.4 < share < 0.6
    assert torch.isfinite(torch.from_numpy(poses)).all()
