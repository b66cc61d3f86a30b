"""`calib solve`: from what the cameras saw of a board to a rig and how far it is right."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calib.commands.detect import BoardOption, board_path, searching
from calib.commands.world import (
    DistanceOption,
    FloorFrameOption,
    PointsOption,
    ThicknessOption,
    UpOption,
    check_choice,
    parse_choice,
)
from triangulate.console import (
    print_json,
    print_notes,
    print_pairs,
    print_table,
    uninterrupted,
    waiting,
)
from triangulate.errors import UsageError
from triangulate.options import CamerasOption, JsonOption, parse_names

if TYPE_CHECKING:
    from calib.observations import Observations
    from calib.solution import Solution

OBSERVATIONS_FILE = "observations.npz"


class LensName(StrEnum):
    """Lens models."""

    radtan = "radtan"
    rational = "rational"
    fisheye = "fisheye"


def solve(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING",
            help="The folder of the board's recording, or the observations.npz that "
            "`calib detect` wrote.",
        ),
    ],
    board: BoardOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where rig.yaml and the rest go: calibration, or lenses with --each-alone.",
        ),
    ] = None,
    lens: Annotated[
        list[str] | None,
        typer.Option(
            "--lens",
            metavar="LENS|NAME=LENS",
            help="radtan (the default), rational or fisheye; once for all cameras, or by camera.",
        ),
    ] = None,
    intrinsics_from: Annotated[
        Path | None,
        typer.Option(
            "--intrinsics-from",
            metavar="RIG",
            help="Take the lenses from this calibration (or the folder of --each-alone), and hold "
            "them unless --fix is given.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start", metavar="RIG", help="Start from this rig, poses too, and keep its world."
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            "--fix",
            metavar="WORD|NAME=WORD",
            help="Hold this: focal, aspect, principal_point, k1, ..., distortion, intrinsics; "
            "for all cameras, or for one.",
        ),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--share", metavar="all|A,B", help="These cameras have one lens and sensor in common."
        ),
    ] = None,
    cameras: CamerasOption = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="CAMERA",
            help="The rig's world is this camera's frame; by default the first one's.",
        ),
    ] = None,
    floor_frame: FloorFrameOption = None,
    thickness: ThicknessOption = 0.0,
    points: PointsOption = None,
    up: UpOption = None,
    distance: DistanceOption = None,
    each_alone: Annotated[
        bool,
        typer.Option(
            "--each-alone",
            help="Find each camera's lens by itself, into FOLDER/CAMERA; the cameras need not have "
            "been filmed together.",
        ),
    ] = False,
    bow: Annotated[bool, typer.Option("--bow", help="Let the board be bent.")] = False,
    clocks: Annotated[
        bool, typer.Option("--clocks", help="Estimate how late each camera is (a moving board).")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, max=2**63 - 1, help="Of what is drawn.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Calibrate the cameras: lenses, places, and how wrong they may be.

    Writes rig.yaml (which triangulate reads) and solution.npz (which calib report, check and world
    read) into FOLDER. Where RECORDING holds no observations.npz, the board is looked for first.
    """
    with uninterrupted():
        from calib.lenses import load_lenses, save_alone, solve_alone
        from calib.solver import solve as solve_rig
        from calib.targets import load_target
        from calib.world_choice import settled
        from triangulate.rig_formats import load_rig

    lenses, fixed, shared = parse_lenses(lens), parse_fixed(fix), parse_groups(share)
    choice = parse_choice(floor_frame, thickness, None, points, up, distance)
    if choice.ways or choice.distance is not None:
        check_choice(choice)
    out = out or Path("lenses" if each_alone else "calibration")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file; name a folder")
    target = load_target(board_path([source], board))
    observations = _observed(source, target, parse_names(cameras))
    options: dict[str, Any] = {"lens": lenses, "share": shared, "fix": fixed}
    options |= {"bow": bow, "seed": seed}
    if intrinsics_from is not None:
        options["intrinsics"] = load_lenses(intrinsics_from)
    if each_alone:
        if start or reference or clocks or choice.ways or choice.distance:
            raise UsageError("--each-alone finds lenses: it has no world, and no clocks")
        with waiting("finding the lenses"):
            solutions = solve_alone(observations, target, **options)
        save_alone(solutions, out)
        _report_alone(solutions, out, as_json=as_json)
        return
    with waiting("finding the cameras"):
        solution = solve_rig(
            observations,
            target,
            start=None if start is None else load_rig(start),
            reference=reference,
            clocks=clocks,
            **options,
        )
    if choice.ways or choice.distance is not None:
        solution = settled(solution, choice)
    solution.save(out)
    _report(solution, out, as_json=as_json)


# --- Reading --------------------------------------------------------------------------------------


def _observed(source: Path, target: Any, names: list[str] | None) -> Observations:
    from calib.detection import detect
    from calib.observations import load_observations

    file = source / OBSERVATIONS_FILE if source.is_dir() else source
    if file.is_file() and file.suffix == ".npz":
        observations = load_observations(file)
        return observations if names is None else observations.select(names)
    with searching(cache=True) as report:
        return detect(source, target, cameras=names, progress=report)


def parse_lenses(texts: list[str] | None) -> str | dict[str, str] | None:
    """`fisheye`, or `cam1=fisheye ...`, as the solver takes them."""
    if not texts:
        return None
    by_name, for_all = _by_camera(texts)
    words = [*for_all, *(word for words in by_name.values() for word in words)]
    known = [name.value for name in LensName]
    if wrong := [word for word in words if word not in known]:
        raise typer.BadParameter(f"{wrong[0]!r} is none of {', '.join(known)}", param_hint="--lens")
    if len(for_all) > 1 or (for_all and by_name):
        raise typer.BadParameter("either one lens for all, or NAME=LENS", param_hint="--lens")
    return for_all[0] if for_all else {name: words[-1] for name, words in by_name.items()}


def parse_fixed(texts: list[str] | None) -> list[str] | dict[str, list[str]] | None:
    """`k3`, or `cam1=k3 ...`, as the solver takes them."""
    if not texts:
        return None
    by_name, for_all = _by_camera(texts)
    if by_name and for_all:
        raise typer.BadParameter("either for all cameras, or NAME=WORD", param_hint="--fix")
    return by_name or for_all


def parse_groups(texts: list[str] | None) -> str | list[list[str]] | None:
    """`all`, or groups of names with commas."""
    if not texts:
        return None
    if texts == ["all"]:
        return "all"
    groups = [[name.strip() for name in text.split(",")] for text in texts]
    if lonely := [text for text, group in zip(texts, groups, strict=True) if len(group) < 2]:
        raise typer.BadParameter(
            f"{lonely[0]!r} is neither 'all' nor names with commas, such as cam1,cam2",
            param_hint="--share",
        )
    return groups


def _by_camera(texts: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    by_name: dict[str, list[str]] = {}
    for_all: list[str] = []
    for text in texts:
        name, separator, word = text.rpartition("=")
        if separator:
            by_name.setdefault(name, []).append(word)
        else:
            for_all.append(word)
    return by_name, for_all


# --- Writing --------------------------------------------------------------------------------------


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


def _report(solution: Solution, out: Path, *, as_json: bool) -> None:
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


def _report_alone(solutions: dict[str, Solution], out: Path, *, as_json: bool) -> None:
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
