"""What a user should know about a reconstruction before using it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from triangulate.poses import Poses3D, Reason


@dataclass(frozen=True)
class CameraSummary:
    """One camera's part.

    Attributes:
        name: of the camera.
        frames_used: share of the frames in which it took part in at least one point.
        observations_used: share of its observations that took part.
        median_px: median reprojection error of all its observations.
        p95_px: 95th percentile.
    """

    name: str
    frames_used: float
    observations_used: float
    median_px: float
    p95_px: float


@dataclass(frozen=True)
class BoneSummary:
    """One bone's length over time, in metres: median and standard deviation."""

    name: str
    median_m: float
    spread_m: float


@dataclass(frozen=True)
class Summary:
    """A reconstruction in numbers.

    Attributes:
        frames: their number.
        points_found: share of all joints in all frames that have a position.
        median_px: median reprojection error over all cameras.
        median_sigma_m: median standard deviation of a found point (root of the mean variance).
        cameras: by camera.
        views_by_joint: joint -> mean number of views used where it was found.
        found_by_joint: joint -> share of frames in which it was found.
        bones: by bone, where the skeleton has any.
        missing: reason -> share of all points.
    """

    frames: int
    points_found: float
    median_px: float
    median_sigma_m: float
    cameras: tuple[CameraSummary, ...]
    views_by_joint: dict[str, float]
    found_by_joint: dict[str, float]
    bones: tuple[BoneSummary, ...]
    missing: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, for YAML and JSON; None where there is no number."""
        return _without_nan(asdict(self))


def summarise(poses: Poses3D) -> Summary:
    """Sum a reconstruction up."""
    found = np.asarray(poses.reason == Reason.ok)
    names = poses.skeleton.joint_names
    variance = np.trace(poses.covariance_m2, axis1=-2, axis2=-1) / 3
    views = poses.views_used.sum(axis=2)  # (T, P, J)
    return Summary(
        frames=len(poses.positions_m),
        points_found=_share(found),
        median_px=_percentile(poses.reprojection_px, 50),
        median_sigma_m=_percentile(np.sqrt(variance), 50),
        cameras=tuple(_camera(poses, v) for v in range(len(poses.names))),
        views_by_joint={
            name: float(views[..., j][found[..., j]].mean()) if found[..., j].any() else 0.0
            for j, name in enumerate(names)
        },
        found_by_joint={name: _share(found[..., j]) for j, name in enumerate(names)},
        bones=tuple(_bone(poses, edge) for edge in poses.skeleton.edges),
        missing={
            reason.name: _share(poses.reason == int(reason))
            for reason in Reason
            if reason != Reason.ok and reason in poses.reason
        },
    )


def _camera(poses: Poses3D, view: int) -> CameraSummary:
    errors_px, used = poses.reprojection_px[:, :, view], poses.views_used[:, :, view]
    return CameraSummary(
        name=poses.names[view],
        frames_used=_share(np.any(used, axis=(1, 2))),
        observations_used=_share(used[np.isfinite(errors_px)]),
        median_px=_percentile(errors_px, 50),
        p95_px=_percentile(errors_px, 95),
    )


def _bone(poses: Poses3D, edge: tuple[int, int]) -> BoneSummary:
    names = poses.skeleton.joint_names
    ends = poses.positions_m[:, :, list(edge)]
    lengths = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)
    known = lengths[np.isfinite(lengths)]
    return BoneSummary(
        name=f"{names[edge[0]]}-{names[edge[1]]}",
        median_m=_percentile(known, 50),
        spread_m=float(known.std()) if len(known) else float("nan"),
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _share(condition: np.ndarray) -> float:
    return float(condition.mean()) if condition.size else 0.0


def _percentile(values: np.ndarray, percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else float("nan")


def doubts(summary: Summary) -> list[str]:
    """What in the numbers looks wrong, and what to check, in words."""
    found = []
    medians = np.array([camera.median_px for camera in summary.cameras])
    for v, camera in enumerate(summary.cameras):
        others = float(np.median(np.delete(medians, v))) if len(medians) > 2 else np.nan
        if camera.median_px > max(2 * others, others + 2):
            found.append(
                f"{camera.name} fits worse than the others ({camera.median_px:.1f} px against "
                f"{others:.1f}): is it the right file (--camera), has the camera moved?"
            )
    lengths = {bone.name: bone.median_m for bone in summary.bones}
    for name, length in lengths.items():
        other = lengths.get(name.replace("left_", "right_"), np.nan)
        if "left_" in name and max(length, other) > 1.5 * min(length, other):
            found.append(
                f"{name} is {1000 * length:.0f} mm long on one side and {1000 * other:.0f} on the "
                "other: does the joint set fit (--skeleton)?"
            )
    return found
