from __future__ import annotations

import numpy as np
import pytest

from triangulate.synthetic.captured import (
    Captured,
    as_motion,
    bone_lengths,
    h36m17,
    with_bone_lengths,
)
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.motion import HEAD_POINTS, walk


def standing(frames: int = 3) -> Captured:
    """A stick figure 1.7 m tall, by the shares of the leg, facing x."""
    leg = 0.491 * 1.7 / 2
    points = {"spine": (0, 0, 1.2), "thorax": (0, 0, 1.45)}
    for side, y in (("left", 0.1), ("right", -0.1)):
        points |= {
            f"{side}_hip": (0, y, 1.0),
            f"{side}_knee": (0, y, 1.0 - leg),
            f"{side}_ankle": (0, y, 1.0 - 2 * leg),
            f"{side}_shoulder": (0, 2 * y, 1.45),
            f"{side}_elbow": (0, 2 * y, 1.15),
            f"{side}_wrist": (0, 2 * y, 0.9),
        }
    wide = {name: np.tile(np.array(point, float), (frames, 1)) for name, point in points.items()}
    head = np.broadcast_to(np.eye(3), (frames, 3, 3))
    pivot = wide["thorax"] + [0.0, 0.0, 0.2]
    return Captured(wide, head, pivot, 0.2, 30.0, sole_m=0.07)


def test_pelvis_head_and_floor_are_put_where_they_belong() -> None:
    motion = as_motion(standing())
    at = {n: motion.positions_m[0, j] for j, n in enumerate(motion.skeleton.joint_names)}
    np.testing.assert_allclose(at["pelvis"], (at["left_hip"] + at["right_hip"]) / 2)
    np.testing.assert_allclose(at["left_ankle"][2], 0.07)
    for name in ("neck_base", "head"):
        expected = at["thorax"] + 1.7 * np.array(HEAD_POINTS[name])
        np.testing.assert_allclose(at[name], expected, atol=1e-12)


def test_bones_get_constant_lengths_and_keep_their_directions() -> None:
    captured = standing(5)
    captured.points_m["thorax"][:, 2] += np.linspace(-0.02, 0.02, 5)  # a trunk that stretches
    motion = as_motion(captured)
    lengths = bone_lengths(motion.positions_m, motion.skeleton)
    for frame in range(5):
        one = bone_lengths(motion.positions_m[frame : frame + 1], motion.skeleton)
        np.testing.assert_allclose(one, lengths, atol=1e-12)


def test_other_lengths_scale_a_motion_about_its_pelvis() -> None:
    motion = walk(seeded(0), 4)
    pelvis = motion.positions_m[:, h36m17().index("pelvis"), None]
    doubled = with_bone_lengths(
        motion.positions_m, motion.skeleton, 2 * bone_lengths(motion.positions_m, motion.skeleton)
    )
    assert doubled - pelvis == pytest.approx(2 * (motion.positions_m - pelvis), abs=1e-9)
