"""`calib solve`: from what the cameras saw of a board to a rig and how far it is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calib.commands.detect import BoardOption, board_path, searching
from calib.commands.solve_options import parse_fixed, parse_groups, parse_lenses
from calib.commands.solve_summary import print_lenses, print_solution
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
    uninterrupted,
    waiting,
)
from triangulate.errors import UsageError
from triangulate.options import CamerasOption, JsonOption, parse_names

if TYPE_CHECKING:
    from calib.observations import Observations

OBSERVATIONS_FILE = "observations.npz"


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
        print_lenses(solutions, out, as_json=as_json)
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
    print_solution(solution, out, as_json=as_json)


def _observed(source: Path, target: Any, names: list[str] | None) -> Observations:
    from calib.detection import detect
    from calib.observations import load_observations

    file = source / OBSERVATIONS_FILE if source.is_dir() else source
    if file.is_file() and file.suffix == ".npz":
        observations = load_observations(file)
        return observations if names is None else observations.select(names)
    with searching(cache=True) as report:
        return detect(source, target, cameras=names, progress=report)
