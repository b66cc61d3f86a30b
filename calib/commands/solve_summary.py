"""What `calib solve` says of a solution: tables for people, JSON for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from triangulate.console import (
    print_json,
    print_notes,
    print_pairs,
    print_table,
)

if TYPE_CHECKING:
    from calib.solution import Solution


def summary(solution: Solution) -> dict[str, Any]:
    """What `calib solve` prints, as JSON holds it."""
    import numpy as np

    found = zip(solution.values, solution.sigmas, strict=True)
    known = dict(zip(solution.parameters, found, strict=True))
    compared = ~np.isnan(solution.residuals_px[..., 0])
    length_px = np.linalg.norm(solution.residuals_px, axis=-1)
    centre_m = solution.rig.cameras.centre_world.numpy() + 0.0
    cameras = []
    for v, name in enumerate(solution.rig.names):
        focal, focal_sigma = known[name, "fx"]
        place = [known[name, axis][1] for axis in ("tx", "ty", "tz") if (name, axis) in known]
        own = compared[v] & ~solution.outliers[v]
        cameras.append(
            {
                "name": name,
                "lens": solution.rig.lens_names[v],
                "frames": int(compared[v].any(-1).sum()),
                "points": int(compared[v].sum()),
                "outliers": int(solution.outliers[v].sum()),
                "reprojection_px": float(length_px[v][own].mean()) if own.any() else None,
                "focal_px": [float(focal), float(focal_sigma)],
                "position_m": centre_m[v].tolist(),
                "position_sigma_m": float(np.linalg.norm(place)) if place else 0.0,
                "late_s": float(solution.late_s[v]),
            }
        )
    error_m = expected_errors_m(solution)
    return {
        "expected_error_m": {
            "median": float(np.median(error_m)) if len(error_m) else None,
            "95%": float(np.quantile(error_m, 0.95)) if len(error_m) else None,
        },
        "cameras": cameras,
        "findings": [
            {"code": f.code, "camera": f.camera, "text": f.text} for f in solution.findings
        ],
        "notes": [*solution.notes, *solution.rig.notes],
    }


def expected_errors_m(solution: Solution) -> Any:
    """The expected error where the board was filmed and two cameras see the place, (N,)."""
    import numpy as np

    places = solution.target_points_world.reshape(-1, 3)
    places = places[np.isfinite(places).all(-1)]
    error_m = solution.expected_error_m(places[:: max(1, len(places) // 2000)])
    return error_m[np.isfinite(error_m)]


def print_solution(solution: Solution, out: Path, *, as_json: bool) -> None:
    """Say how the cameras came out, and where that is written."""
    told = summary(solution)
    if as_json:
        print_json(told)
        return
    print_notes(told["notes"])
    columns = ["camera", "lens", "frames", "points", "left out", "error (px)", "focal (px)"]
    columns += ["position (m)", "+- (mm)"]
    print_table(
        "Cameras",
        columns,
        [_cells(camera) for camera in told["cameras"]],
        texts=["lens"],
    )
    median, high = (told["expected_error_m"][key] for key in ("median", "95%"))
    pairs = [
        (
            "expected 3D error",
            "cannot be told: nowhere do two cameras see the board"
            if median is None
            else f"{1e3 * median:.2f} mm (median), {1e3 * high:.2f} mm (95 %), where the board was",
        )
    ]
    pairs += [
        (f"{name} is late by", f"{1e3 * late:.1f} ms")
        for name, late in zip(solution.rig.names, solution.late_s, strict=True)
        if late
    ]
    print_pairs("Rig", pairs)
    for finding in solution.findings:
        typer.echo(f"warning: {finding.text}", err=True)
    typer.echo(f"wrote {out / 'rig.yaml'} and {out / 'solution.npz'}")


def print_lenses(solutions: dict[str, Solution], out: Path, *, as_json: bool) -> None:
    """The same of lenses that were found each by itself."""
    told = {name: summary(solution) for name, solution in solutions.items()}
    if as_json:
        print_json(told)
        return
    columns = ["camera", "lens", "frames", "points", "left out", "error (px)", "focal (px)"]
    rows = [_cells(one["cameras"][0])[: len(columns)] for one in told.values()]
    print_table("Lenses", columns, rows, texts=["lens"])
    for solution in solutions.values():
        for finding in solution.findings:
            typer.echo(f"warning: {finding.text}", err=True)
    typer.echo(f"wrote {out}: use it with --intrinsics-from {out}")


def _cells(camera: dict[str, Any]) -> list[str]:
    focal, sigma = camera["focal_px"]
    error_px = camera["reprojection_px"]
    return [
        camera["name"],
        camera["lens"],
        str(camera["frames"]),
        str(camera["points"]),
        str(camera["outliers"]),
        "-" if error_px is None else f"{error_px:.2f}",
        f"{focal:.1f} +- {sigma:.1f}",
        " ".join(f"{round(value, 3) + 0.0:.3f}" for value in camera["position_m"]),
        f"{1e3 * camera['position_sigma_m']:.1f}",
    ]
