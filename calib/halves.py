"""Two rigs from two halves of a recording: do they differ as much as the covariance says?

The frames are cut into eight stretches of time, and these are shared out between two halves in
three ways that have nothing in common (Walsh functions), so that each tells something new. The
first way is before and after: it sees a camera that was moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from calib.displacement import displacement
from calib.solving_again import frame_blocks, solve_again
from calib.space import pixel_gains
from triangulate.errors import InputError

if TYPE_CHECKING:
    from calib.solution import Solution

WAYS = {
    "first and second half": (1, 1, 1, 1, -1, -1, -1, -1),
    "quarters in turn": (1, 1, -1, -1, 1, 1, -1, -1),
    "eighths in turn": (1, -1, 1, -1, 1, -1, 1, -1),
}
"""How the eight stretches are shared out; products of any two of these add up to zero."""

_FEWEST = 8  # frames with the target
_WEAK = 6.0  # a half so many times less sure than the whole says nothing; usual is 2
_MOST_PLACES = 250  # at which images, and cameras one by one, are compared


@dataclass(frozen=True, eq=False)
class Split:
    """Two halves compared. All numbers are root mean squares over the capture volume.

    Attributes:
        way: how the frames were shared out, a key of `WAYS`.
        observed_m: how far apart the two rigs put a point.
        predicted_m: how far their covariances say.
        noise_m: how far they would say were the points of a view to err independently.
        observed_px: (V,) how far apart the two rigs see a point in each image.
        predicted_px: (V,).
        noise_px: (V,).
        without_m: (V,) how far apart they would put a point without this camera; NaN where fewer
            than two others see any.
    """

    way: str
    observed_m: float
    predicted_m: float
    noise_m: float
    observed_px: np.ndarray
    predicted_px: np.ndarray
    noise_px: np.ndarray
    without_m: np.ndarray


def split_halves(
    solution: Solution,
    target: Any,
    points_world: np.ndarray,
    progress: Callable[[], None] = lambda: None,
) -> tuple[list[Split], list[str]]:
    """Solve both halves, in every way.

    Args:
        solution: of all frames.
        target: the board.
        points_world: (N, 3) places over the capture volume.
        progress: called after each way.

    Returns:
        The comparisons that could be made, and why others could not.
    """
    blocks = frame_blocks(solution)
    if (blocks >= 0).sum() < _FEWEST:
        return [], [
            f"the recording is too short to be checked against itself: {(blocks >= 0).sum()} frames"
            f" show the board, and it takes {_FEWEST}"
        ]
    splits, reasons = [], []
    for way, signs in WAYS.items():
        sides = np.where(blocks >= 0, np.array(signs)[blocks], 0)
        try:
            splits.append(_split(solution, target, points_world, way, sides))
        except InputError as error:
            reasons.append(f"{way} could not be compared: {error}")
        progress()
    return splits, reasons


def _split(
    solution: Solution, target: Any, points_world: np.ndarray, way: str, sides: np.ndarray
) -> Split:
    a, b = (
        solve_again(solution, solution.observations.select_frames(sides == side), target)
        for side in (1, -1)
    )
    covariance = a.covariance + b.covariance
    noise = a.covariance / a.coherence + b.covariance / b.coherence
    predicted, by_noise = (
        replace(solution, covariance=each).expected_error_m(points_world)
        for each in (covariance, noise)
    )
    predicted_m = float(root_mean_square(predicted))
    if not predicted_m < _WEAK * root_mean_square(solution.expected_error_m(points_world)):
        raise InputError("by itself, one of the halves says too little")
    apart = displacement(solution, a.rig, b.rig, points_world)
    places = slice(None, None, max(1, len(points_world) // _MOST_PLACES))
    gains = pixel_gains(solution, torch.from_numpy(points_world[places]))  # (V, N, 2, P)
    seen = np.isfinite(apart.pixels_px[:, places])
    without = [
        displacement(solution, a.rig, b.rig, points_world[places], v).points_m
        for v in range(len(solution.rig))
    ]
    return Split(
        way=way,
        observed_m=float(root_mean_square(apart.points_m)),
        predicted_m=predicted_m,
        noise_m=float(root_mean_square(by_noise)),
        observed_px=root_mean_square(apart.pixels_px),
        predicted_px=_predicted_px(gains, covariance, seen),
        noise_px=_predicted_px(gains, noise, seen),
        without_m=root_mean_square(np.array(without)),
    )


def _predicted_px(gains: torch.Tensor, covariance: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(V,) root mean square over the places that each camera sees, (V, N)."""
    variance = ((gains @ torch.from_numpy(covariance)) * gains).sum((-2, -1)).clamp_min(0)
    return root_mean_square(np.where(seen, variance.sqrt().numpy(), np.nan))


def root_mean_square(values: np.ndarray) -> Any:
    """Over the last axis; NaN counts as not there, and of nothing it is NaN."""
    known = np.isfinite(values)
    total = np.where(known, np.square(values), 0.0).sum(-1)
    count = known.sum(-1)
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.nan)[()]


def pooled_ratio(
    observed: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray
) -> float:
    """Of several comparisons, each counting the same; NaN without any."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.array(observed) / np.array(predicted)
    return float(root_mean_square(ratios)) if ratios.size else float("nan")
