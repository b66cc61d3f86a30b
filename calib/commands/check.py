"""`calib check`: which camera moved since the rig was calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calib.commands.detect import BoardOption, board_path, searching
from calib.commands.selfcal import FpsOption, SkeletonOption, load_people
from triangulate.console import print_json, print_notes, print_table, uninterrupted, waiting
from triangulate.errors import InputError
from triangulate.options import CamerasOption, JsonOption, UnitOption, parse_names

if TYPE_CHECKING:
    from calib.drift import Drift
    from calib.observations import Observations
    from calib.solution import Solution
    from triangulate.rig import Rig


def check(
    rig: Annotated[
        Path,
        typer.Argument(
            metavar="RIG", help="The folder that `calib solve` wrote, or any calibration."
        ),
    ],
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING",
            help="A new recording of the board, its observations.npz, or (with --people) 2D "
            "keypoints of people.",
        ),
    ],
    board: BoardOption = None,
    people: Annotated[
        bool, typer.Option("--people", help="RECORDING holds keypoints of people, not a board.")
    ] = False,
    skeleton: SkeletonOption = None,
    fps: FpsOption = None,
    only: CamerasOption = None,
    unit: UnitOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the rig as it is now, as rig.yaml."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Name the camera that moved, and by how much.

    Lenses are held. The cameras that still stand to each other as they did are taken to stand
    still; where it cannot be told which these are, nobody is named. A board shows millimetres,
    people show centimetres. Exit code 0 whether a camera moved or not: --json tells a program.
    """
    with uninterrupted():
        from calib.drift import check as find_moved

    known = _calibration(rig, unit)
    cameras = known if not hasattr(known, "rig") else known.rig
    if people:
        names = parse_names(only)
        seen = load_people(
            recording, cameras if names is None else cameras.select(names), skeleton, fps
        )
        with waiting("comparing the cameras"):
            drift = find_moved(known, seen)
    else:
        from calib.targets import load_target

        target = load_target(board_path([recording], board))
        observations = _observed(recording, target, parse_names(only))
        with waiting("comparing the cameras"):
            drift = find_moved(known, observations, target)
    if out is not None:
        drift.rig.save(out)
    _report(drift, as_json=as_json)


def _calibration(path: Path, unit: str | None) -> Rig | Solution:
    """The solution, which tells how far the rig was right, or the rig alone."""
    from calib.solution import SOLUTION_FILE, load_solution
    from triangulate.rig_formats import load_rig

    if (path / SOLUTION_FILE).is_file():
        return load_solution(path)
    return load_rig(path, unit)


def _observed(recording: Path, target: Any, names: list[str] | None) -> Observations:
    from calib.commands.solve import OBSERVATIONS_FILE
    from calib.detection import detect
    from calib.observations import load_observations

    file = recording / OBSERVATIONS_FILE if recording.is_dir() else recording
    if file.suffix == ".npz" and file.is_file():
        observations = load_observations(file)
        return observations if names is None else observations.select(names)
    if not recording.exists():
        raise InputError(f"{recording}: there is no such file or folder")
    with searching(cache=True) as report:
        return detect(recording, target, cameras=names, progress=report)


def _report(drift: Drift, *, as_json: bool) -> None:
    cameras = [
        {
            "name": name,
            "checked": bool(drift.checked[v]),
            "moved": bool(drift.moved[v]),
            "shift_m": float(drift.shift_m[v]),
            "shift_sigma_m": float(drift.shift_sigma_m[v]),
            "turn_deg": float(drift.turn_deg[v]),
            "turn_sigma_deg": float(drift.turn_sigma_deg[v]),
            "image_shift_px": float(drift.image_shift_px[v]),
            "zoom": float(drift.zoom[v]),
            "before_px": float(drift.before_px[v]),
            "after_px": float(drift.after_px[v]),
        }
        for v, name in enumerate(drift.names)
    ]
    if as_json:
        print_json(
            {
                "verdict": drift.verdict,
                "moved": drift.moved_names,
                "cameras": cameras,
                "notes": drift.notes,
            }
        )
        return
    print_notes(drift.notes)
    columns = ["camera", "moved", "shift (mm)", "turn (deg)", "in its image (px)"]
    columns += ["error before (px)", "after (px)"]
    print_table("Cameras", columns, [_cells(camera) for camera in cameras], texts=["moved"])
    typer.echo(drift.verdict)


def _cells(camera: dict[str, Any]) -> list[str]:
    if not camera["checked"]:
        return [camera["name"], "not checked", *"-----"]
    return [
        camera["name"],
        "yes" if camera["moved"] else "no",
        f"{1e3 * camera['shift_m']:.1f} +- {1e3 * camera['shift_sigma_m']:.1f}",
        f"{camera['turn_deg']:.2f} +- {camera['turn_sigma_deg']:.2f}",
        f"{camera['image_shift_px']:.2f}",
        f"{camera['before_px']:.2f}",
        f"{camera['after_px']:.2f}",
    ]
