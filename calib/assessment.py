"""How far a calibration can be trusted, in millimetres, and what that rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from calib.displacement import displacement, visible
from calib.halves import WAYS, Split, pooled_ratio, split_halves
from calib.held_out import HeldOut, hold_out
from calib.problem import target_points
from calib.solving_again import flat_target, solve_again
from calib.volume import Volume, capture_volume
from triangulate.errors import InputError
from triangulate.geometry.threads import one_thread

if TYPE_CHECKING:
    from calib.solution import Solution

CHANCE = 1.5
"""Halves of a faultless recording differ by less than so many times what is predicted."""

_REMEDIES: dict[str, dict[str, Any]] = {"bow": {"bow": True}, "clock": {"clocks": True}}


@dataclass(frozen=True, eq=False)
class Remedy:
    """What would change were a finding taken into the model.

    Attributes:
        code: of the finding, "bow" or "clock".
        moved_m: (N,) how far points at the volume's places move.
        late_s: (V,) how late each camera is then.
    """

    code: str
    moved_m: np.ndarray
    late_s: np.ndarray


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of a solution's errors. Lengths in metres.

    Attributes:
        of: a fingerprint of the solution that this is about.
        volume: where the target was filmed; the N places below are its `points_world`.
        predicted_m: (N,) expected 3D error of the calibration by its covariance; NaN where fewer
            than two cameras see the place.
        detection_m: (N,) error of a point whose detections are off by one pixel.
        cameras: (N,) how many cameras see the place.
        coherence: by what the covariance was widened, see `Solution`.
        splits: pairs of halves of the recording, compared.
        held_out: frames that the rig was not fitted to; None where that could not be tried.
        remedies: what would change were a finding taken into the model.
        notes: what could not be checked, and why.
    """

    of: str
    volume: Volume
    predicted_m: np.ndarray
    detection_m: np.ndarray
    cameras: np.ndarray
    coherence: float
    splits: tuple[Split, ...]
    held_out: HeldOut | None
    remedies: tuple[Remedy, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """How far the rigs of two halves differ in the volume, against what is predicted.

        Around 1 where the covariance is right; NaN where no halves could be compared.
        """
        return self._in_space("predicted_m")

    @property
    def pixel_ratio(self) -> float:
        """The same in the images, each camera counting alike."""
        return self._in_images("predicted_px")

    @property
    def misfit(self) -> float:
        """How far two halves differ against what independent noise alone explains.

        The larger one of space and images. Far above 1 the model, the synchronisation or the board
        is not what it is taken for.
        """
        return max(self.space_misfit, self.pixel_misfit)

    @property
    def space_misfit(self) -> float:
        """The same in the volume alone."""
        return self._in_space("noise_m")

    @property
    def pixel_misfit(self) -> float:
        """The same in the images alone."""
        return self._in_images("noise_px")

    @property
    def factor(self) -> float:
        """By what the predicted error is raised, because the halves differ by more than it says."""
        ratio = max(self.ratio, self.pixel_ratio)
        return ratio if ratio > CHANCE else 1.0

    @property
    def error_m(self) -> np.ndarray:
        """(N,) the 3D error to be expected of the calibration, all that is known considered.

        The covariance's figure, raised by `factor`, and what remedies would change besides.
        """
        squared = np.square(self.factor * self.predicted_m)
        for remedy in self.remedies:
            squared = squared + np.square(np.nan_to_num(remedy.moved_m))
        return np.sqrt(squared)

    def quantile_m(self, part: float) -> float:
        """The error that so great a part of the volume keeps below."""
        return float(np.nanquantile(self.error_m, part))

    @property
    def worst(self) -> int:
        """The place of the largest error."""
        return int(np.nanargmax(self.error_m))

    def _in_space(self, predicted: str) -> float:
        return pooled_ratio(
            [split.observed_m for split in self.splits],
            [getattr(split, predicted) for split in self.splits],
        )

    def _in_images(self, predicted: str) -> float:
        none = [np.zeros(0)]
        return pooled_ratio(
            np.concatenate([split.observed_px for split in self.splits] or none),
            np.concatenate([getattr(split, predicted) for split in self.splits] or none),
        )


@one_thread()
def trust(
    solution: Solution,
    target: Any = None,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Trust:
    """Find out how far a solution can be trusted; solves some ten times more.

    Args:
        solution: of `calib.solve`.
        target: the board, or its points (N, 3); by default as the solution has them.
        seed: of what is drawn.
        progress: called with how much is done, of how much.

    Raises:
        InputError: there is nowhere that two cameras see.
    """
    points = flat_target(solution)
    if target is not None:
        points, _ = target_points(target, len(points))
    volume = capture_volume(solution)
    places = volume.points_world
    predicted_m = solution.expected_error_m(places)
    if not np.isfinite(predicted_m).any():
        raise InputError("nowhere do two cameras see the same place: no point can be triangulated")
    codes = sorted({finding.code for finding in solution.findings} & set(_REMEDIES))
    tick = _ticking(progress, len(WAYS) + 1 + len(codes))
    splits, notes = split_halves(solution, points, places, tick)
    held_out = None
    try:
        held_out = hold_out(solution, points, seed)
    except InputError as error:
        notes.append(f"no frames could be held out: {error}")
    tick()
    remedies = []
    for code in codes:
        try:
            remedies.append(_remedy(solution, points, places, code))
        except InputError as error:
            notes.append(f"what {code} does could not be found out: {error}")
        tick()
    detection_m = solution.expected_error_m(places, 1.0)
    return Trust(
        of=fingerprint(solution, seed),
        volume=volume,
        predicted_m=predicted_m,
        detection_m=np.sqrt(np.square(detection_m) - np.square(predicted_m)),
        cameras=visible(solution.rig, torch.from_numpy(places)).sum(0).numpy(),
        coherence=solution.coherence,
        splits=tuple(splits),
        held_out=held_out,
        remedies=tuple(remedies),
        notes=tuple(notes),
    )


def fingerprint(solution: Solution, seed: int = 0) -> str:
    """A text that changes with the rig, its covariance, where the target was, and the seed."""
    digest = hashlib.sha256(str(seed).encode())
    pose = solution.rig.cameras.cam_from_world
    for array in (
        solution.values,
        solution.covariance,
        pose.rotation.numpy(),
        pose.translation.numpy(),
        solution.world_from_target_translation_m,
        solution.residuals_px,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _remedy(solution: Solution, target: Any, places: np.ndarray, code: str) -> Remedy:
    """Solve with the finding in the model, and compare."""
    other = solve_again(solution, solution.observations, target, **_REMEDIES[code])
    apart = displacement(solution, solution.rig, other.rig, places)
    return Remedy(code, apart.points_m, other.late_s)


def _ticking(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None]:
    """A function that counts its calls."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return tick
