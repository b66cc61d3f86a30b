"""What a 2D detector makes of known truth: noise, gaps, gross errors and swapped sides.

Real detectors fail in bursts: a limb is hidden for a while, left and right are mistaken for a
while. Their confidence follows their random error, but they are sure of themselves when they swap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic.draws import normal, uniform


@dataclass(frozen=True)
class DetectorNoise:
    """How a detector errs. The defaults are those of a good one on a hard recording.

    Attributes:
        sigma_px: range of the standard deviation in x and y; each camera and joint has its own.
        missing: part of the points that are hidden, in bursts a camera and joint.
        missing_frames: shortest and longest such burst.
        gross: part of the points that lie far off.
        gross_px: how far, least and most.
        swapped: part of the camera's frames with left and right exchanged, in bursts.
        swapped_frames: shortest and longest such burst.
    """

    sigma_px: tuple[float, float] = (0.5, 2.5)
    missing: float = 0.15
    missing_frames: tuple[int, int] = (3, 60)
    gross: float = 0.03
    gross_px: tuple[float, float] = (8.0, 60.0)
    swapped: float = 0.02
    swapped_frames: tuple[int, int] = (5, 25)

    def __post_init__(self) -> None:
        """Refuse what no detector can do."""
        for name in ("missing", "gross", "swapped"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        for name in ("sigma_px", "missing_frames", "gross_px", "swapped_frames"):
            low, high = getattr(self, name)
            if not (1 if name.endswith("frames") else 0) <= low <= high:
                raise ValueError(f"{name} must rise from its least to its most, got {(low, high)}")

    @classmethod
    def none(cls) -> DetectorNoise:
        """A perfect detector: only what leaves the image is missing."""
        return cls(sigma_px=(0.0, 0.0), missing=0.0, gross=0.0, swapped=0.0)


@dataclass(frozen=True)
class ObservationTruth:
    """What really happened to every observation.

    Attributes:
        points_px: (T, V, P, J, 2) where a perfect detector would have seen the joints; NaN behind
            the camera or outside the image.
        sigma_px: (V, P, J) standard deviation of the noise in x and y.
        outside: (T, V, P, J) the joint, or where the detector put it, is not in the image.
        missing: (T, V, P, J) hidden in a burst.
        gross: (T, V, P, J) observed, but far off.
        swapped: (T, V, P, J) observed, but it is the other side's joint.
    """

    points_px: np.ndarray
    sigma_px: np.ndarray
    outside: np.ndarray
    missing: np.ndarray
    gross: np.ndarray
    swapped: np.ndarray

    @property
    def outlier(self) -> np.ndarray:
        """(T, V, P, J) observed, and wrong by more than noise."""
        return self.gross | self.swapped


def observe(
    positions_m: np.ndarray,
    rig: Rig,
    skeleton: Skeleton,
    generator: torch.Generator,
    noise: DetectorNoise | None = None,
    fps: float | None = None,
) -> tuple[Keypoints2D, ObservationTruth]:
    """What a detector would report in the cameras of a rig.

    Args:
        positions_m: (T, J, 3) world points of one person, or (T, P, J, 3).
        rig: the cameras; where an image size is not known, nothing is cut off.
        skeleton: the J joints; its flip pairs say what a swap exchanges.
        generator: source of all that varies.
        noise: how the detector errs; `DetectorNoise()` by default.
        fps: frames a second, for the keypoints.
    """
    noise = DetectorNoise() if noise is None else noise
    people = positions_m[:, None] if positions_m.ndim == 3 else positions_m
    joints = len(skeleton.joint_names)
    if people.ndim != 4 or people.shape[2:] != (joints, 3):
        raise ValueError(
            f"positions_m must have shape (T, {joints}, 3) or (T, P, {joints}, 3), "
            f"got {positions_m.shape}"
        )
    clean_px, in_front = _project(people, rig)
    shape = clean_px.shape[:-1]  # T V P J
    sigma_px = uniform(generator, *noise.sigma_px, shape[1:])
    error_px = normal(generator, 1.0, clean_px.shape) * sigma_px[..., None]
    gross = uniform(generator, 0, 1, shape) < noise.gross
    error_px += gross[..., None] * _far_off(generator, noise.gross_px, shape)
    bursts = _bursts(generator, noise.swapped, noise.swapped_frames, shape[:3])
    flip = skeleton.flip_permutation()
    swapped = bursts[..., None] & (flip != np.arange(joints))
    seen_px = np.where(swapped[..., None], clean_px[..., flip, :], clean_px) + error_px

    outside = ~(in_front & _inside(clean_px, rig) & _inside(seen_px, rig))
    missing = _bursts(generator, noise.missing, noise.missing_frames, shape) & ~outside
    observed = ~(outside | missing)
    confidence = _confidence(generator, np.linalg.norm(error_px, axis=-1), swapped)
    keypoints = Keypoints2D(
        np.where(observed[..., None], seen_px, np.nan),
        np.where(observed, confidence, 0.0),
        rig.names,
        skeleton,
        fps,
        rig.sizes,
        source="synthetic",
    )
    visible = (in_front & _inside(clean_px, rig))[..., None]
    truth = ObservationTruth(
        np.where(visible, clean_px, np.nan),
        sigma_px,
        outside,
        missing,
        gross & observed,
        swapped & observed,
    )
    return keypoints, truth


def _project(people: np.ndarray, rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """(T, P, J, 3) -> (T, V, P, J, 2) pixels and (T, V, P, J) whether before the camera."""
    points = torch.from_numpy(np.ascontiguousarray(people, dtype=np.float64)).reshape(-1, 3)
    points_px, in_front = rig.cameras.project(points)
    shape = (len(rig), *people.shape[:-1])
    pixels = np.moveaxis(points_px.numpy().reshape(*shape, 2), 0, 1)
    return pixels, np.moveaxis(in_front.numpy().reshape(shape), 0, 1)


def _inside(points_px: np.ndarray, rig: Rig) -> np.ndarray:
    """(T, V, P, J, 2) -> (T, V, P, J): on a pixel of the image."""
    unknown = (np.inf, np.inf)
    last = np.array([unknown if size is None else size for size in rig.sizes]) - 0.5
    least = np.where(np.isfinite(last), -0.5, -np.inf)
    last, least = (edge[:, None, None, :] for edge in (last, least))
    return np.asarray(((points_px >= least) & (points_px <= last)).all(-1))


def _far_off(
    generator: torch.Generator, distance_px: tuple[float, float], shape: Sequence[int]
) -> np.ndarray:
    """Shifts in any direction, (*shape, 2)."""
    radius = uniform(generator, *distance_px, shape)
    angle = uniform(generator, 0, 2 * np.pi, shape)
    return radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _bursts(
    generator: torch.Generator, part: float, frames: tuple[int, int], shape: Sequence[int]
) -> np.ndarray:
    """Flags (T, ...) that hold in bursts, for `part` of the time on average.

    Bursts begin at random and may overlap; with p = -log(1 - part) / (mean length) starts a frame,
    a frame stays free of all of them with probability 1 - part. They begin before the first frame,
    so that it is like any other.
    """
    shortest, longest = frames
    num_frames, *series = shape
    rate = -np.log1p(-part) / (0.5 * (shortest + longest))
    starts = uniform(generator, 0, 1, (num_frames + longest, *series)) < 1 - np.exp(-rate)
    index = np.nonzero(starts)
    lengths = torch.randint(shortest, longest + 1, (len(index[0]),), generator=generator).numpy()
    change = np.zeros((num_frames + 2 * longest, *series), dtype=np.int32)
    np.add.at(change, index, 1)
    np.add.at(change, (index[0] + lengths, *index[1:]), -1)
    return change.cumsum(axis=0)[longest : longest + num_frames] > 0


def _confidence(
    generator: torch.Generator, error_px: np.ndarray, swapped: np.ndarray
) -> np.ndarray:
    """High for small random errors, falling to a third for large ones, and scattered."""
    usual = 0.3 + 0.65 / (1 + np.square(error_px / 20))
    doubt = np.where(swapped, uniform(generator, 0.75, 1.0, error_px.shape), 1.0)
    return np.clip(usual * doubt + normal(generator, 0.12, error_px.shape), 0.05, 1.0)
