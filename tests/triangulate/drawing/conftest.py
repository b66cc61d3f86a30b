"""Poses whose every number is known: the truth, seen without noise but for a few observations."""

from __future__ import annotations

import numpy as np
import pytest

from triangulate.drawing.bones import project
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture
def rig() -> Rig:
    return ring_rig(seeded(0))


@pytest.fixture
def keypoints(rig: Rig) -> Keypoints2D:
    """Perfect, but in every frame cam2 misses joint 3 and puts joint 5 30 px off."""
    motion = walk(seeded(0), num_frames=12)
    seen = observe(motion.positions_m, rig, motion.skeleton, seeded(1), DetectorNoise.none(), 50.0)
    points, confidence = seen[0].points_px.copy(), seen[0].confidence.copy()
    points[:, 1, 0, 3], confidence[:, 1, 0, 3] = np.nan, 0
    points[:, 1, 0, 5, 0] += 30
    return Keypoints2D(points, confidence, rig.names, motion.skeleton, 50.0, rig.sizes)


@pytest.fixture
def some_poses(rig: Rig, keypoints: Keypoints2D) -> Poses3D:
    positions = walk(seeded(0), num_frames=12).positions_m[:, None]
    projected = np.moveaxis(project(rig.cameras, positions), 0, 1)  # T V P J 2
    apart = np.linalg.norm(keypoints.points_px - projected, axis=-1)
    reprojection = np.moveaxis(apart, 1, 2)  # T P V J
    used = np.isfinite(reprojection) & (reprojection < 10)
    covariance = np.broadcast_to(1e-6 * np.eye(3), (*positions.shape, 3))
    reason = np.zeros(positions.shape[:3], np.uint8)
    return Poses3D(
        positions_m=positions,
        covariance_m2=covariance,
        reprojection_px=reprojection,
        views_used=used,
        reason=reason,
        sides_swapped=np.zeros((12, 1, 4), bool),
        skeleton=keypoints.skeleton,
        names=rig.names,
        fps=50.0,
        up_axis="z",
    )
