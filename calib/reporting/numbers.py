"""The numbers of the report, as JSON holds them: what `calib report --json` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from calib.assessment import Trust
from calib.overlap import image_coverage, shared_frames, weakest_edge
from calib.verdicts import board_departure
from triangulate.pages.verdicts import Verdict

if TYPE_CHECKING:
    from calib.halves import Split
    from calib.solution import Solution


def describe(solution: Solution, trust: Trust, verdict: Verdict) -> dict[str, Any]:
    """All figures, in millimetres and pixels."""
    names = solution.rig.names
    edge = weakest_edge(shared_frames(solution))
    return {
        "verdict": verdict.level,
        "sentences": list(verdict.sentences),
        "advice": list(verdict.advice),
        "error_mm": error_numbers(trust),
        "volume_m": trust.volume.extent_m.tolist(),
        "detection_of_1_px_mm": 1e3 * float(np.nanmedian(trust.detection_m)),
        "ratio": trust.ratio,
        "ratio_in_images": trust.pixel_ratio,
        "ratio_to_noise": trust.misfit,
        "halves": [_split_numbers(split, names) for split in trust.splits],
        "held_out": _held_out_numbers(trust),
        "remedies": [
            {
                "code": remedy.code,
                "moved_mm": 1e3 * float(np.nanmedian(remedy.moved_m)),
                "late_ms": dict(zip(names, (1e3 * remedy.late_s).tolist(), strict=True)),
            }
            for remedy in trust.remedies
        ],
        "cameras": [camera_numbers(solution, v) for v in range(len(names))],
        "weakest_link": edge
        and {"cameras": [names[edge.first], names[edge.second]], "frames": edge.frames},
        "findings": [
            {"code": f.code, "camera": f.camera, "text": f.text} for f in solution.findings
        ],
        "notes": [*solution.notes, *solution.rig.notes, *trust.notes],
        "settings": dict(solution.settings),
    }


def error_numbers(trust: Trust) -> dict[str, Any]:
    """The expected 3D error over the capture volume, millimetres."""
    return {
        "median": 1e3 * trust.quantile_m(0.5),
        "95%": 1e3 * trust.quantile_m(0.95),
        "max": 1e3 * float(np.nanmax(trust.error_m)),
        "worst_at_m": trust.volume.points_world[trust.worst].tolist(),
        "by_covariance": {
            "median": 1e3 * float(np.nanmedian(trust.predicted_m)),
            "95%": 1e3 * float(np.nanquantile(trust.predicted_m, 0.95)),
        },
        "raised_by": trust.factor,
    }


def camera_numbers(solution: Solution, v: int) -> dict[str, Any]:
    """One camera: what it saw, how well that fits, and its parameters with deviations."""
    name = solution.rig.names[v]
    seen = ~np.isnan(solution.residuals_px[v, ..., 0])
    off = solution.residuals_px[v][solution.inliers[v]]
    sigmas = solution.sigmas
    counts = image_coverage(solution)[v]
    return {
        "name": name,
        "lens": solution.rig.lens_names[v],
        "frames": int(seen.any(-1).sum()),
        "points": int(seen.sum()),
        "outliers": int(solution.outliers[v].sum()),
        "residual_px": float(np.sqrt(np.square(off).sum(-1).mean())) if len(off) else None,
        "sigma_px": float(solution.sigma_px[v]),
        "image_covered": float((counts > 0).mean()),
        "centre_m": (solution.rig.cameras.centre_world[v].numpy() + 0.0).tolist(),
        "parameters": {
            parameter: [float(solution.values[i]), float(sigmas[i])]
            for i, (camera, parameter) in enumerate(solution.parameters)
            if camera == name
        },
    }


def _split_numbers(split: Split, names: tuple[str, ...]) -> dict[str, Any]:
    images = zip(
        names, split.observed_px.tolist(), split.predicted_px.tolist(), split.noise_px.tolist(),
        strict=True,
    )  # fmt: skip
    return {
        "way": split.way,
        "observed_mm": 1e3 * split.observed_m,
        "predicted_mm": 1e3 * split.predicted_m,
        "noise_mm": 1e3 * split.noise_m,
        "images_px": {
            name: {"observed": observed, "predicted": predicted, "noise": noise}
            for name, observed, predicted, noise in images
        },
    }


def _held_out_numbers(trust: Trust) -> dict[str, Any] | None:
    found = trust.held_out
    if found is None:
        return None
    departure_m, ratio = board_departure(trust)
    return {
        "frames": found.frames,
        "fit_px": found.fit_px,
        "held_out_px": found.held_out_px,
        "distances": found.pairs,
        "distance_error_mm": 1e3 * found.distance_m,
        "expected_distance_error_mm": 1e3 * found.expected_distance_m,
        "board_departs_by_mm": 1e3 * departure_m,
        "board_departs_by_noise": ratio,
    }
