"""What the report derives from poses, once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triangulate.errors import InputError
from triangulate.poses import Poses3D, Reason
from triangulate.reporting.stretches import quantiles

JUMP = 0.1  # of a person's size, away from the middle between the moments before and after


@dataclass(frozen=True)
class Measures:
    """Derived arrays; NaN where something they need is missing.

    Attributes:
        clock: (T,) seconds, or frame numbers where the rate is not known.
        sigma_m: (T, P, J) root of the mean variance.
        lengths_m: (T, P, B) of the skeleton's bones.
        speed: (T, P, J) metres a second since the frame before, or metres a frame.
        leap_m: (T, P, J) distance from the middle between the frames before and after.
        size_m: (P,) a person's size: the usual diagonal of the box around the joints.
        present: (T, P) frames from the first to the last in which a person has any position.
    """

    clock: np.ndarray
    sigma_m: np.ndarray
    lengths_m: np.ndarray
    speed: np.ndarray
    leap_m: np.ndarray
    size_m: np.ndarray
    present: np.ndarray

    @property
    def relative_sigma(self) -> np.ndarray:
        """(T, P, J) as a part of the person's size."""
        return self.sigma_m / self.size_m[:, None]

    @property
    def jumps(self) -> np.ndarray:
        """(T, P, J) whether the joint leaps away and back, farther than a body moves in a frame.

        The frames before and after a leap lie off their neighbours' middle as well, by half of it:
        the farthest of them counts.
        """
        leaps = np.pad(np.nan_to_num(self.leap_m), ((1, 1), (0, 0), (0, 0)))
        is_peak = (leaps[1:-1] >= leaps[:-2]) & (leaps[1:-1] > leaps[2:])
        with np.errstate(invalid="ignore"):
            return np.asarray(is_peak & (self.leap_m > JUMP * self.size_m[:, None]))

    @property
    def bone_spread(self) -> np.ndarray:
        """(P, B) half of what holds 68 % of a bone's lengths, as a part of their median."""
        _, people, bones = self.lengths_m.shape
        found = [
            quantiles(self.lengths_m[:, p, b], (0.16, 0.5, 0.84))
            for p in range(people)
            for b in range(bones)
        ]
        low, middle, high = np.array(found).reshape(people, bones, 3).transpose(2, 0, 1)
        return 0.5 * (high - low) / np.where(middle > 0, middle, np.nan)

    @property
    def is_dense(self) -> bool:
        """Whether frames are near enough in time for leaps between them to mean something."""
        return len(self.clock) > 2 and float(np.median(np.diff(self.clock))) < 0.06


def measure(poses: Poses3D) -> Measures:
    """Derive what the report shows.

    Raises:
        InputError: there is no frame, or not a single position.
    """
    _check(poses)
    points = poses.positions_m
    clock = np.asarray(poses.frames if poses.time_s is None else poses.time_s, dtype=np.float64)
    found = poses.reason == Reason.ok
    edges = np.array(poses.skeleton.edges, dtype=int).reshape(-1, 2)
    bones = points[:, :, edges[:, 0]] - points[:, :, edges[:, 1]]
    anybody = found.any(-1)  # (T, P)
    return Measures(
        clock=clock,
        sigma_m=np.sqrt(np.trace(poses.covariance_m2, axis1=-2, axis2=-1) / 3),
        lengths_m=np.linalg.norm(bones, axis=-1),
        speed=_speed(points, clock, np.asarray(poses.frames)),
        leap_m=_leaps(points, np.asarray(poses.frames)),
        size_m=_sizes(points, found),
        present=np.maximum.accumulate(anybody) & np.maximum.accumulate(anybody[::-1])[::-1],
    )


def _check(poses: Poses3D) -> None:
    if not poses.reason.size:
        shape = " x ".join(map(str, poses.reason.shape))
        raise InputError(
            f"the poses are empty ({shape} frames x people x joints): reconstruct again, and check "
            "--frames and --every"
        )
    if np.isfinite(poses.positions_m).all(-1).any():
        return
    counts = np.bincount(poses.reason.ravel(), minlength=len(Reason))
    why = ", ".join(f"{r.name} {counts[r] / poses.reason.size:.0%}" for r in Reason if counts[r])
    raise InputError(
        f"not a single joint has a position ({why}): check that the calibration, the videos and "
        "their names belong together"
    )


def _steps(frames: np.ndarray) -> np.ndarray:
    """(T - 1,) whether a frame is followed by the next one, not by a hole in the recording."""
    steps = np.diff(frames)
    return steps == steps.min(initial=np.iinfo(np.int64).max)


def _speed(points: np.ndarray, clock: np.ndarray, frames: np.ndarray) -> np.ndarray:
    speed = np.full(points.shape[:-1], np.nan)
    passed = np.where(_steps(frames), np.diff(clock), np.nan)
    speed[1:] = np.linalg.norm(np.diff(points, axis=0), axis=-1) / passed[:, None, None]
    return speed


def _leaps(points: np.ndarray, frames: np.ndarray) -> np.ndarray:
    leaps = np.full(points.shape[:-1], np.nan)
    whole = _steps(frames)
    between = 0.5 * (points[2:] + points[:-2])
    apart = np.linalg.norm(points[1:-1] - between, axis=-1)
    leaps[1:-1] = np.where((whole[1:] & whole[:-1])[:, None, None], apart, np.nan)
    return leaps


def _sizes(points: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Over the frames in which most of the joints are found that ever are so many at once."""
    count = found.sum(-1)
    high = np.where(found[..., None], points, -np.inf).max(2)
    low = np.where(found[..., None], points, np.inf).min(2)
    with np.errstate(invalid="ignore"):
        diagonal = np.linalg.norm(high - low, axis=-1)
    enough = (count > 0) & (count >= 0.8 * count.max(0))
    return np.array(
        [
            quantiles(diagonal[enough[:, p], p], (0.5,))[0] or np.nan  # one joint has no size
            for p in range(points.shape[1])
        ]
    )
