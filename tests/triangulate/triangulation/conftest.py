"""A walker seen by a ring of cameras, and what is promised of missing points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from triangulate.poses import Reason
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded
from triangulate.triangulation import Triangulated, triangulate_keypoints


class Scene:
    """A walker seen by a ring of cameras: points (V, T, J, 2) and confidences (V, T, J)."""

    def __init__(
        self, noise=None, num_frames: int = 20, num_cameras: int = 4, lens="radtan", seed: int = 0
    ) -> None:
        generator = seeded(seed)
        self.rig = ring_rig(generator, num_cameras, radius_m=3.8, lens=lens)
        motion = walk(generator, num_frames, half_length_m=1.5)
        self.flip = motion.skeleton.flip_permutation()
        self.positions_m = motion.positions_m
        noise = noise or DetectorNoise.none()
        keypoints, _ = observe(motion.positions_m, self.rig, motion.skeleton, generator, noise)
        self.points_px = keypoints.points_px[:, :, 0].swapaxes(0, 1).copy()
        self.confidence = keypoints.confidence[:, :, 0].swapaxes(0, 1).copy()

    def run(
        self, method="robust", rig: Rig | None = None, min_confidence=0.0, flip=None
    ) -> Triangulated:
        camera = (rig or self.rig).cameras
        return triangulate_keypoints(
            self.points_px, self.confidence, camera, method, min_confidence, flip
        )

    def error_m(self, result: Triangulated) -> np.ndarray:
        return np.linalg.norm(result.positions_m - self.positions_m, axis=-1)

    def hide(self, view, joint) -> None:
        self.confidence[view, :, joint] = 0


def _check_gaps(result: Triangulated, confidence: np.ndarray) -> None:
    """What `Triangulated` promises of missing points."""
    ok = result.reason == Reason.ok
    np.testing.assert_array_equal(np.isfinite(result.positions_m).all(-1), ok)
    np.testing.assert_array_equal(np.isnan(result.positions_m).all(-1), ~ok)
    np.testing.assert_array_equal(np.isfinite(result.covariance_m2).all((-2, -1)), ok)
    np.testing.assert_array_equal(np.isnan(result.covariance_m2).all((-2, -1)), ~ok)
    assert not result.views_used[:, ~ok].any()
    assert (result.views_used.sum(0)[ok] >= 2).all()
    known = np.isfinite(result.reprojection_px)
    assert not known[:, ~ok].any()
    assert not (result.views_used & ~known).any()
    assert not (known & (confidence == 0)).any()


@pytest.fixture
def scene_of() -> type[Scene]:
    """Makes a `Scene`."""
    return Scene


@pytest.fixture
def check_gaps() -> Callable[[Triangulated, np.ndarray], None]:
    """A function: what `Triangulated` promises of missing points, given the confidences."""
    return _check_gaps
