"""People as the target: what the cameras saw of their joints, checked and thinned out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from triangulate.errors import InputError
from triangulate.keypoints import FARTHEST_PX, MIN_CONFIDENCE
from triangulate.rig import Rig

MOST_POINTS = 6000
"""Points (a joint in a frame) that are adjusted; more frames than that are thinned out evenly."""

_MIN_SHARED = 30  # points that a camera must have in common with others


@dataclass(frozen=True)
class Joints:
    """One or several people's joints in V cameras and T frames; a joint is followed over time.

    Attributes:
        points_px: (V, T, J, 2) distorted pixels, finite everywhere.
        confidence: (V, T, J) in [0, 1]; 0 where a joint was not seen.
    """

    points_px: Tensor
    confidence: Tensor

    @classmethod
    def of(
        cls,
        points_px: np.ndarray,
        confidence: np.ndarray | None,
        rig: Rig,
        min_confidence: float = MIN_CONFIDENCE,
    ) -> Joints:
        """From arrays, checked against the rig.

        Args:
            points_px: (T, V, J, 2) distorted pixels; NaN: not seen. Views in the rig's order.
            confidence: (T, V, J) in [0, 1]; None: all alike.
            rig: the V cameras.
            min_confidence: points below it are not used.

        Raises:
            InputError: arrays of another shape, or a camera that saw too little.
        """
        points = np.asarray(points_px, dtype=np.float64)
        if points.ndim != 4 or points.shape[1] != len(rig) or points.shape[3] != 2:
            raise InputError(
                f"points_px must have shape (T, {len(rig)}, J, 2) for the rig's cameras "
                f"{', '.join(rig.names)}, got {points.shape}"
            )
        score = np.ones(points.shape[:3]) if confidence is None else np.asarray(confidence)
        if score.shape != points.shape[:3]:
            raise InputError(f"confidence must have shape {points.shape[:3]}, got {score.shape}")
        if not (score[np.isfinite(score)] <= 1).all() or (score < 0).any():
            raise InputError("confidence must lie in [0, 1]")
        with np.errstate(invalid="ignore"):
            seen = (np.abs(points) < FARTHEST_PX).all(-1) & (score > 0) & (score >= min_confidence)
        _check_seen(seen, rig.names)
        shared = (seen.sum(1) >= 2).any(-1)  # a frame that one camera saw tells nothing
        frames = _thinned(np.flatnonzero(shared), points.shape[2])
        points = np.where(seen[..., None], points, 0.0)[frames]
        score = np.where(seen, score, 0.0)[frames]
        return cls(
            torch.from_numpy(points).movedim(1, 0).contiguous(),
            torch.from_numpy(score).double().movedim(1, 0).contiguous(),
        )

    def thinned(self, most_points: int) -> Joints:
        """Every so manieth frame, so that there are about `most_points` points."""
        every = max(1, self.confidence[0].numel() // most_points)
        return Joints(self.points_px[:, ::every], self.confidence[:, ::every])

    @property
    def num_joints(self) -> int:
        """J."""
        return self.confidence.shape[2]

    @property
    def flat_px(self) -> Tensor:
        """(V, N, 2) the same points, N = T * J, joints running fastest."""
        return self.points_px.flatten(1, 2)

    @property
    def observed(self) -> Tensor:
        """(V, N) bool."""
        return self.confidence.flatten(1) > 0

    def undistorted_n(self, rig: Rig) -> tuple[Tensor, Tensor]:
        """(V, N, 2) on the cameras' z = 1 planes, and (V, N) whether they were seen and can be."""
        cameras = rig.cameras
        undistorted_px, valid = cameras.undistort(self.flat_px)
        homogeneous = torch.cat([undistorted_px, torch.ones_like(undistorted_px[..., :1])], -1)
        points_n = (homogeneous @ torch.linalg.inv(cameras.K).mT)[..., :2]
        return points_n, valid & self.observed


def _check_seen(seen: np.ndarray, names: Sequence[str]) -> None:
    """(T, V, J): every camera must share points with others."""
    if len(names) < 2:
        raise InputError(f"the rig has one camera ({names[0]}): it takes two that see one person")
    own: np.ndarray = np.asarray(seen.any((0, 2)))
    blind = [name for name, some in zip(names, own, strict=True) if not some]
    if blind:
        raise InputError(
            f"camera {', '.join(map(repr, blind))} never sees a person: leave it out (--cameras), "
            "or film again"
        )
    shared = (seen & (seen.sum(1, keepdims=True) >= 2)).sum((0, 2))
    for name, count in zip(names, shared, strict=True):
        if count < _MIN_SHARED:
            raise InputError(
                f"camera {name!r} shares {count} points with the others, and it takes "
                f"{_MIN_SHARED}: film people where several cameras see them at once, or leave it "
                "out (--cameras)"
            )


def _thinned(frames: np.ndarray, num_joints: int) -> np.ndarray:
    """Evenly spaced ones of the frames, so that there are no more than `MOST_POINTS` points."""
    most = max(1, MOST_POINTS // max(1, num_joints))
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).round().astype(int)]
