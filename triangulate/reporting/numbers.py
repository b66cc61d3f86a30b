"""The numbers of the report, as JSON holds them: what `triangulate report --json` prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from triangulate.pages.verdicts import Verdict
from triangulate.poses import Poses3D, Reason
from triangulate.reporting.measures import Measures
from triangulate.reporting.stretches import quantiles
from triangulate.reporting.verdict import bone_names, found_share
from triangulate.summary import Summary

_MOST_GAPS = 50


def describe(
    poses: Poses3D, summary: Summary, measures: Measures, verdict: Verdict
) -> dict[str, Any]:
    """All figures; lengths in millimetres, NaN where there is none."""
    frames = np.asarray(poses.frames)
    return {
        "verdict": verdict.level,
        "sentences": list(verdict.sentences),
        "advice": list(verdict.advice),
        "frames": summary.frames,
        "first_frame": int(frames[0]),
        "last_frame": int(frames[-1]),
        "fps": poses.fps,
        "people": [person_numbers(poses, measures, p) for p in range(poses.positions_m.shape[1])],
        "points_found": found_share(poses, measures),
        "missing": summary.missing,
        "reprojection_px": _spread(poses.reprojection_px),
        "sigma_mm": _spread(1e3 * measures.sigma_m),
        "cameras": [
            {
                "name": camera.name,
                "frames_used": camera.frames_used,
                "observations_used": camera.observations_used,
                "reprojection_px": _spread(poses.reprojection_px[:, :, v]),
            }
            for v, camera in enumerate(summary.cameras)
        ],
        "joints": [joint_numbers(poses, measures, j) for j in range(len(measures.sigma_m[0, 0]))],
        "speed_unit": "m/s" if poses.fps is not None else "m/frame",
        "leaps": float(measures.jumps[np.isfinite(measures.leap_m)].mean())
        if measures.is_dense and np.isfinite(measures.leap_m).any()
        else None,
        "longest_gaps": longest_gaps(poses, measures, _MOST_GAPS),
        "run": poses.run,
    }


def joint_numbers(poses: Poses3D, measures: Measures, j: int) -> dict[str, Any]:
    """One joint, all people together."""
    found = poses.reason[..., j] == Reason.ok
    views = poses.views_used[..., j].sum(2)[found]
    there = found[measures.present]
    return {
        "name": poses.skeleton.joint_names[j],
        "found": float(there.mean()) if there.size else 0.0,
        "views_used": float(views.mean()) if views.size else 0.0,
        "reprojection_px": _spread(poses.reprojection_px[..., j]),
        "sigma_mm": _spread(1e3 * measures.sigma_m[..., j]),
        "speed": _spread(measures.speed[..., j]),
    }


def person_numbers(poses: Poses3D, measures: Measures, p: int) -> dict[str, Any]:
    """One person: when they are there, how large, and their bones."""
    rows = np.flatnonzero(measures.present[:, p])
    frames, spread = np.asarray(poses.frames), measures.bone_spread[p]
    lengths_mm = 1e3 * measures.lengths_m[:, p]
    return {
        "person": p + 1,
        "first_frame": int(frames[rows[0]]) if len(rows) else None,
        "last_frame": int(frames[rows[-1]]) if len(rows) else None,
        "size_m": float(measures.size_m[p]),
        "bones": [
            {
                "name": name,
                "length_mm": _spread(lengths_mm[:, b]),
                "relative_spread": float(spread[b]),
            }
            for b, name in enumerate(bone_names(poses))
        ],
    }


def longest_gaps(poses: Poses3D, measures: Measures, most: int) -> list[dict[str, Any]]:
    """Where joints are missing for long while their person is there, the longest first."""
    frames = np.asarray(poses.frames)
    gaps = np.where(measures.present[..., None], poses.reason, 0) != Reason.ok  # (T, P, J)
    edges = np.diff(gaps.astype(np.int8), axis=0, prepend=0, append=0)
    person, joint, start = np.nonzero(np.moveaxis(edges == 1, 0, -1))
    end = np.nonzero(np.moveaxis(edges == -1, 0, -1))[2]
    order = np.argsort(start - end, kind="stable")[:most]
    found = []
    for p, j, first, stop in zip(
        person[order], joint[order], start[order], end[order], strict=True
    ):
        reasons = np.bincount(poses.reason[first:stop, p, j], minlength=len(Reason))
        found.append(
            {
                "person": int(p) + 1,
                "joint": poses.skeleton.joint_names[j],
                "first_frame": int(frames[first]),
                "last_frame": int(frames[stop - 1]),
                "frames": int(stop - first),
                "reason": Reason(int(reasons.argmax())).name,
            }
        )
    return found


def _spread(values: np.ndarray) -> dict[str, float]:
    """Median and 95 %."""
    median, most = quantiles(values, (0.5, 0.95))
    return {"median": float(median), "95%": float(most)}
