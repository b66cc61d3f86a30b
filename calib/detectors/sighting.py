"""What is found of a target in one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_POINTS = 4

NOISE_GREY, FLOOR_PX = 3.0, 0.04
"""Noise of a compressed video in grey levels, and what a sharp corner errs by whatever the noise.

Together they are what the corners of real recordings leave after calibration.
"""


@dataclass(frozen=True, eq=False)
class Sighting:
    """The points of a target in one picture.

    Attributes:
        points_px: (N, 2) NaN: not seen.
        spread: (N,) standard deviation relative to that of a sharp corner, NaN: not seen.
    """

    points_px: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, points_px: np.ndarray, spread: np.ndarray) -> Sighting | None:
        """The points whose spread is known, None where they are fewer than four."""
        seen = np.isfinite(spread)
        if seen.sum() < MIN_POINTS:
            return None
        return cls(np.where(seen[:, None], points_px, np.nan), spread)

    @property
    def count(self) -> int:
        """How many points are seen."""
        return int(np.isfinite(self.spread).sum())


def spread_of(
    gain: np.ndarray, residual: np.ndarray, bias_px: np.ndarray | float = 0.0
) -> np.ndarray:
    """Relative standard deviation, 1 and more, of fitted points.

    Args:
        gain: standard deviation in pixels for noise of one grey level.
        residual: what the fit leaves in grey levels; counts where it is more than usual noise.
        bias_px: what else they err by.
    """
    noise_px = np.maximum(NOISE_GREY, residual) * gain
    return np.hypot(1.0, np.hypot(noise_px, bias_px) / FLOOR_PX)
