"""How far a result is from the truth, and the frame that shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from triangulate.poses import Poses3D, Reason

_FAIR_MM = 60  # a joint further off is not worth showing


def error_quantiles_mm(error_mm: np.ndarray) -> tuple[float, float, float]:
    """Median, 95th percentile and largest of the errors that are finite; NaN where none is."""
    known = error_mm[np.isfinite(error_mm)]
    if not known.size:
        return math.nan, math.nan, math.nan
    median, p95, largest = np.quantile(known, [0.5, 0.95, 1]).tolist()
    return median, p95, largest


def missing_points(poses: Poses3D) -> dict[str, int]:
    """How many points have no position, by reason."""
    counts = {reason.name: int((poses.reason == reason).sum()) for reason in Reason}
    return {name: count for name, count in counts.items() if count and name != Reason.ok.name}


def missing_text(missing: Mapping[str, int], num_points: int) -> str:
    """The share of points without a position, and why."""
    reasons = ", ".join(f"{name} {count}" for name, count in missing.items())
    share = f"{100 * sum(missing.values()) / max(num_points, 1):.1f} %"
    return f"{share} ({reasons})" if missing else share


def telling_frame(poses: Poses3D, error_mm: np.ndarray) -> int:
    """The frame to show: all joints found, and much to be put right.

    Args:
        poses: T frames of one person.
        error_mm: (T, J), NaN where there is no position.
    """
    good = np.sum(error_mm < _FAIR_MM, axis=1)
    mended = np.sum(np.isfinite(poses.reprojection_px) & ~poses.views_used, axis=(1, 2, 3))
    mended += 10 * np.sum(poses.sides_swapped, axis=(1, 2))
    return int(np.lexsort((mended, good))[-1])
