"""Gaps in positions: filled, for formats that cannot hold them, and told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SHOWN = 5


def interpolated(points: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Positions (T, N, 3) with straight lines through their gaps; the ends are held.

    What is missing in all frames stays NaN.
    """
    filled = points.copy()
    for n in range(points.shape[1]):
        known = np.isfinite(points[:, n]).all(axis=-1)
        if known.any() and not known.all():
            for axis in range(3):
                filled[:, n, axis] = np.interp(frames, frames[known], points[known, n, axis])
    return filled


def gap_notes(name: str, points: np.ndarray) -> list[str]:
    """What to say of the gaps that `interpolated` fills in positions (T, N, 3)."""
    missing = ~np.isfinite(points).all(axis=-1)  # (T, N)
    missing = missing[:, ~missing.all(axis=0)]
    if not missing.any():
        return []
    longest = _longest(missing)
    return [
        f"{name}: {missing.sum():,} of {missing.size:,} positions are missing and interpolated, "
        f"the longest gap over {longest:,} frame{'s' * (longest > 1)}"
    ]


def _longest(missing: np.ndarray) -> int:
    """The longest run of True along the first axis of (T, N)."""
    run, longest = np.zeros(missing.shape[1], int), 0
    for row in missing:
        run = np.where(row, run + 1, 0)
        longest = max(longest, int(run.max(initial=0)))
    return longest


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
