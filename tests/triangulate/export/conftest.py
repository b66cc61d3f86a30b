"""Poses of made-up people who walk, with gaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton
from triangulate.synthetic import walk
from triangulate.synthetic.draws import seeded

MakePoses = Callable[..., Poses3D]


@pytest.fixture
def made_poses() -> MakePoses:
    """A function that makes poses; see `_made_poses`."""
    return _made_poses


def _made_poses(
    skeleton: str | Skeleton = "h36m17",
    num_frames: int = 40,
    num_people: int = 1,
    *,
    positions_m: np.ndarray | None = None,
    fps: float | None = 50.0,
    up_axis: str | None = "z",
    step: int = 1,
    with_gaps: bool = True,
) -> Poses3D:
    """People who walk, z up, a different one each.

    Args:
        skeleton: a shipped set, or one of the made-up body's joints.
        num_frames: T.
        num_people: P.
        positions_m: (T, P, J, 3), instead of walking.
        fps: of the recording.
        up_axis: what the poses say of it.
        step: every nth frame of the recording is there, from number 10 on.
        with_gaps: joint 1 is missing for a while, joint 2 at the start, joint 3 at the end, and a
            tenth of all points here and there.
    """
    skeleton = Skeleton.named(skeleton) if isinstance(skeleton, str) else skeleton
    if positions_m is None:
        motions = [walk(seeded(p), num_frames, 50.0, skeleton=skeleton) for p in range(num_people)]
        positions_m = np.stack([motion.positions_m for motion in motions], axis=1)
    positions_m = positions_m.copy()
    num_frames, num_people, num_joints, _ = positions_m.shape
    reason = np.zeros(positions_m.shape[:3], np.uint8)
    if with_gaps:
        reason[12:19, 0, 1] = reason[:3, 0, 2] = reason[-4:, 0, 3] = Reason.too_few_views
        here_and_there = np.random.default_rng(0).random(reason.shape) < 0.1
        reason[here_and_there & (reason == 0)] = Reason.high_error
    positions_m[reason != 0] = np.nan
    return Poses3D(
        positions_m=positions_m,
        covariance_m2=np.broadcast_to(4e-6 * np.eye(3), (*reason.shape, 3, 3)),
        reprojection_px=np.ones((num_frames, num_people, 2, num_joints)),
        views_used=np.ones((num_frames, num_people, 2, num_joints), bool),
        reason=reason,
        sides_swapped=np.zeros((num_frames, num_people, 2), bool),
        skeleton=skeleton,
        names=("a", "b"),
        fps=fps,
        frames=np.arange(10, 10 + step * num_frames, step),
        up_axis=up_axis,
    )
