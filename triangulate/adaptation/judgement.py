"""Whether learning helped, told by frames and views that took no part in it.

A camera is left out, the others give the joints, and the left-out camera's own detections say how
far off they are. Bones say how steady the joints are. Both need no label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from triangulate.adaptation.trajectories import bone_lengths
from triangulate.geometry.camera import Camera
from triangulate.metrics import Interval as Interval

Estimator = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""From the (V,) cameras that take part to joints (T, J, 3) in metres, NaN where unknown."""

RESAMPLES = 1000
MAX_HELD_OUT = 6
"""Cameras left out, one at a time; more of them cost time and tell little."""


@dataclass(frozen=True)
class Measured:
    """What an estimator gives in frames that were not learned from.

    Attributes:
        positions_m: (T, J, 3) from all cameras, NaN where unknown.
        held_out_px: (T, K, J) distance to the detection of each of K cameras that were left out;
            NaN where there is no detection, or no joint.
    """

    positions_m: NDArray[np.float64]
    held_out_px: NDArray[np.float64]


def measure(
    estimate: Estimator,
    points_px: NDArray[np.float64],
    confidence: NDArray[np.float64],
    camera: Camera,
    min_confidence: float,
) -> Measured:
    """Run an estimator with all cameras, and without each.

    Args:
        estimate: see `Estimator`.
        points_px: (T, V, J, 2) detections, NaN where there is none.
        confidence: (T, V, J).
        camera: (V,) of the images.
        min_confidence: detections below it are no yardstick.
    """
    num_views = points_px.shape[1]
    everybody = np.ones(num_views, dtype=bool)
    left_out = np.unique(np.linspace(0, num_views - 1, min(num_views, MAX_HELD_OUT)).astype(int))
    errors = []
    for view in left_out:
        positions_m = estimate(everybody & (np.arange(num_views) != view))
        seen_px = project(positions_m, camera[int(view)])
        apart = np.linalg.norm(seen_px - points_px[:, view], axis=-1)
        errors.append(np.where(confidence[:, view] >= min_confidence, apart, np.nan))
    return Measured(estimate(everybody), np.stack(errors, axis=1))


def project(positions_m: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Pixels (T, J, 2) of one camera; NaN where a joint is not known or behind it."""
    flat = torch.from_numpy(np.nan_to_num(positions_m)).flatten(0, 1)
    pixels, in_front = camera.project(flat)
    known = np.isfinite(positions_m).all(-1) & in_front.numpy().reshape(positions_m.shape[:2])
    return np.where(known[..., None], pixels.numpy().reshape(*known.shape, 2), np.nan)


def bone_spread(
    positions_m: NDArray[np.float64], edges: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Standard deviations of the bones' lengths over the frames, (*B, T, J, 3) -> (*B,).

    Their sum over that of the mean lengths, of the bones that two frames or more show. A mean of
    each bone's own ratio would be of eyelids and fingers, which a centimetre doubles.
    """
    lengths = bone_lengths(torch.from_numpy(positions_m), edges).numpy()
    known = np.isfinite(lengths)
    enough = known.sum(-2) >= 2
    clean = np.where(enough[..., None, :] & known, lengths, np.nan)
    clean = np.where(enough[..., None, :], clean, 1.0)
    total_m = (np.nanmean(clean, axis=-2) * enough).sum(-1)
    spread_m = (np.nanstd(clean, axis=-2) * enough).sum(-1)
    return spread_m / np.where(enough.any(-1), total_m, 1.0)


def resampled_frames(num_frames: int, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Frames of repetitions, (R, T): blocks of neighbours, as neighbours are alike.

    The moving-block bootstrap (Künsch 1989), circular, with blocks of sqrt(T) frames.
    """
    block = max(1, round(num_frames**0.5))
    starts = np.random.default_rng(seed).integers(
        num_frames, size=(resamples, -(-num_frames // block))
    )
    index = (starts[..., None] + np.arange(block)) % num_frames
    return index.reshape(resamples, -1)[:, :num_frames]


def interval(
    statistic: Callable[[np.ndarray], np.ndarray], num_frames: int, seed: int = 0
) -> Interval:
    """A statistic with its 95 % interval.

    Args:
        statistic: from frames (*R, T) to figures (*R,).
        num_frames: T.
        seed: of the repetitions; the same one pairs two statistics.
    """
    repeated = statistic(resampled_frames(num_frames, seed))
    low, high = np.nanquantile(repeated, [0.025, 0.975])
    return Interval(float(statistic(np.arange(num_frames))), float(low), float(high))


def frame_means(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each frame, (T, ...) -> (T,); NaN where there is nothing."""
    flat = errors.reshape(len(errors), -1)
    known = np.isfinite(flat)
    total, count = np.where(known, flat, 0.0).sum(1), known.sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class Verdict:
    """What learning brought on unseen frames, and whether that is a gain.

    Attributes:
        held_out_px: before and after, the mean distance to a left-out camera's detections.
        bone_spread: before and after, see `bone_spread`.
        held_out_gain_px: how much less, paired by frames.
        bone_gain: likewise.
        num_frames: that were judged by.
    """

    held_out_px: tuple[Interval, Interval]
    bone_spread: tuple[Interval, Interval]
    held_out_gain_px: Interval
    bone_gain: Interval
    num_frames: int

    @property
    def helped(self) -> bool:
        """Whether one measure is surely better, and the other not surely worse."""
        gains = (self.held_out_gain_px, self.bone_gain)
        return any(gain.low > 0 for gain in gains) and all(gain.high >= 0 for gain in gains)


def compare(before: Measured, after: Measured, edges: Sequence[tuple[int, int]]) -> Verdict:
    """Hold an estimator against another, by the same detections, joints and frames."""
    both = np.isfinite(before.held_out_px) & np.isfinite(after.held_out_px)
    pixels = [frame_means(np.where(both, each.held_out_px, np.nan)) for each in (before, after)]
    known = np.isfinite(before.positions_m) & np.isfinite(after.positions_m)
    joints = [np.where(known, each.positions_m, np.nan) for each in (before, after)]
    count = len(known)

    def mean(values: NDArray[np.float64]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda frames: np.nanmean(values[frames], axis=-1)

    def spread(values: NDArray[np.float64]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda frames: bone_spread(values[frames], edges)

    first, second = (interval(mean(values), count) for values in pixels)
    loose, tight = (interval(spread(values), count) for values in joints)
    return Verdict(
        (first, second),
        (loose, tight),
        interval(mean(pixels[0] - pixels[1]), count),
        interval(lambda f: spread(joints[0])(f) - spread(joints[1])(f), count),
        count,
    )
