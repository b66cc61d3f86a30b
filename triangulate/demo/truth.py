"""How far a result is from the truth, and the frame that shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from triangulate.geometry.similarity import Similarity, align
from triangulate.poses import Poses3D, Reason
from triangulate.rig import Rig

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


@dataclass(frozen=True)
class RigDifference:
    """How far a rig is from the true one, which may have another world.

    Attributes:
        world_from_found: moves the found rig on to the true one, by the cameras' places and without
            stretching it.
        position_mm: (V,) what is left between the places.
        turn_deg: (V,) angles between the cameras' frames.
        focal_percent: (V,) of fx.
        floor_deg: angle between the two rigs' z axes.
    """

    world_from_found: Similarity
    position_mm: tuple[float, ...]
    turn_deg: tuple[float, ...]
    focal_percent: tuple[float, ...]
    floor_deg: float


def compare_rigs(found: Rig, true: Rig) -> RigDifference:
    """Lay a rig on the true one, and measure.

    Args:
        found: V cameras, three or more that do not stand in a line; z is up.
        true: the same cameras.
    """
    found = found.select(true.names)
    places, true_places = found.cameras.centre_world, true.cameras.centre_world
    world_from_found, valid = align(places, true_places, with_scale=False)
    if not bool(valid):
        raise ValueError("the cameras stand in a line: rigs cannot be laid on each other")
    off_m = (world_from_found.apply(places) - true_places).norm(dim=-1)
    turn = found.cameras.cam_from_world.rotation @ world_from_found.rotation.mT
    turn = turn @ true.cameras.cam_from_world.rotation.mT
    fx, true_fx = (rig.cameras.K[:, 0, 0] for rig in (found, true))
    up = world_from_found.rotation[:, 2]
    return RigDifference(
        world_from_found,
        tuple((1000 * off_m).tolist()),
        tuple(_angle_deg(turn).tolist()),
        tuple((100 * (fx / true_fx - 1)).tolist()),
        float(torch.rad2deg(torch.atan2(up[:2].norm(), up[2]))),
    )


def _angle_deg(rotation: torch.Tensor) -> torch.Tensor:
    """(V, 3, 3) -> (V,) how far each turns; exact for small angles too."""
    skew = rotation - rotation.mT
    sine = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], dim=-1).norm(dim=-1) / 2
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.rad2deg(torch.atan2(sine, (trace - 1) / 2))
