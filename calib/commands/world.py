"""`calib world`: where a rig's world begins, what points up, and how long a metre is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.console import print_json, print_notes, print_pairs, uninterrupted
from triangulate.errors import InputError, UsageError
from triangulate.options import JsonOption

if TYPE_CHECKING:
    from calib.world_choice import WorldChoice
    from triangulate.rig import Rig

FloorFrameOption = Annotated[
    list[int] | None,
    typer.Option(
        "--floor-frame",
        metavar="N",
        help="The board lay on the floor in this frame: origin at its first corner, x along its "
        "columns, z up. More than once: the floor goes through all, the rest is of the first.",
    ),
]
ThicknessOption = Annotated[
    float,
    typer.Option(
        "--thickness", metavar="M", min=0, help="How far the print was above the floor, metres."
    ),
]
ReferenceOption = Annotated[
    str | None,
    typer.Option("--reference", metavar="CAMERA", help="The world is this camera's own frame."),
]
PointsOption = Annotated[
    Path | None,
    typer.Option(
        "--points",
        metavar="FILE",
        help="Points clicked in the images, and which of them are origin, x and floor, or where "
        "they are to be.",
    ),
]
UpOption = Annotated[
    str | None,
    typer.Option(
        "--up",
        metavar="DIRECTION",
        help="What points up so far: an axis (-y), x,y,z, or two named points (foot,head). It "
        "becomes z; the origin stays.",
    ),
]
DistanceOption = Annotated[
    str | None,
    typer.Option(
        "--distance",
        metavar="A,B=M",
        help="Stretch the rig: these cameras or named points are so many metres apart.",
    ),
]


def world(
    calibration: Annotated[
        Path,
        typer.Argument(
            metavar="CALIBRATION", help="The folder that `calib solve` wrote, or a rig.yaml."
        ),
    ],
    floor_frame: FloorFrameOption = None,
    thickness: ThicknessOption = 0.0,
    reference: ReferenceOption = None,
    points: PointsOption = None,
    up: UpOption = None,
    distance: DistanceOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="OUT",
            help="Write here (a folder, or a rig.yaml) instead of over what was read.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Choose origin, axes and scale of a calibrated rig.

    Up and down are settled by the cameras, which are above the floor. The choice is noted in
    rig.yaml. One of --floor-frame, --reference, --points and --up; --distance alone or with one.

    The YAML of --points holds the pixels of each point in two cameras or more, points: {corner:
    {cam1: [812, 633], cam3: [402, 590]}, door: {...}, pillar: {...}}, and beside that either
    origin: corner, x: door, floor: [pillar], or where points are to be in metres, world: {corner:
    [0, 0, 0], door: [3.2, 0, 0], pillar: [0, 2.5, 0]}.
    """
    with uninterrupted():
        from calib.solution import RIG_FILE, SOLUTION_FILE, load_solution
        from calib.world_choice import settled, settled_rig
        from triangulate.rig import Rig

    choice = parse_choice(floor_frame, thickness, reference, points, up, distance)
    check_choice(choice)
    if not calibration.exists():
        raise InputError(f"{calibration}: there is no such file or folder")
    is_solution = (calibration / SOLUTION_FILE).is_file()
    if calibration.is_dir() and not is_solution:
        calibration = calibration / RIG_FILE
    _check_out(calibration, out, is_solution=is_solution)
    if is_solution:
        solution = settled(load_solution(calibration), choice)
        solution.save(out or calibration)
        rig, written = solution.rig, (out or calibration) / RIG_FILE
    else:
        rig, written = settled_rig(Rig.load(calibration), choice), out or calibration
        rig.save(written)
    _report(rig, written, as_json=as_json)


def parse_choice(
    floor_frame: list[int] | None,
    thickness: float,
    reference: str | None,
    points: Path | None,
    up: str | None,
    distance: str | None,
) -> WorldChoice:
    """The options that settle the world, as the library takes them."""
    from calib.named_points import load_named_points
    from calib.world_choice import WorldChoice

    if thickness and not floor_frame:
        raise UsageError("--thickness says how far the board of --floor-frame was above the floor")
    return WorldChoice(
        floor_frames=tuple(floor_frame or ()),
        thickness_m=thickness,
        reference=reference,
        points=None if points is None else load_named_points(points),
        up=up,
        distance=None if distance is None else parse_distance(distance),
    )


def parse_distance(text: str, option: str = "--distance") -> tuple[str, str, float]:
    """`cam1,cam2=3.2` as two names and metres."""
    names, _, number = text.rpartition("=")
    first, _, second = (part.strip() for part in names.partition(","))
    try:
        metres = float(number)
    except ValueError:
        metres = math.nan
    if not (first and second and math.isfinite(metres) and metres > 0):
        raise typer.BadParameter(
            f"{text!r} is not A,B=METRES, such as cam1,cam2=3.2", param_hint=option
        )
    return first, second, metres


def check_choice(choice: WorldChoice) -> None:
    """Refuse what says nothing, or more than one thing."""
    if len(choice.ways) > 1:
        raise UsageError(f"{' and '.join(choice.ways)} are two worlds: take one")
    if not choice.ways and choice.distance is None:
        if choice.points is not None:
            raise UsageError(
                "the file of --points does not say what the world is: give it 'floor' or 'world', "
                "or measure with --distance or --up"
            )
        raise UsageError(
            "what is the world? Give --floor-frame, --reference, --points, --up or --distance"
        )


def _check_out(calibration: Path, out: Path | None, *, is_solution: bool) -> None:
    if out is None:
        if not is_solution and calibration.suffix not in (".yaml", ".yml"):
            raise UsageError(
                f"{calibration} is no rig.yaml: convert it first (calib convert {calibration} "
                "rig.yaml)"
            )
    elif is_solution and (out.is_file() or out.suffix in (".yaml", ".yml")):
        raise UsageError(f"--out {out}: name a folder, for the rig and the solution go together")
    elif not is_solution and out.is_dir():
        raise UsageError(f"--out {out}: is a folder: name the file, such as {out / 'rig.yaml'}")


def _report(rig: Rig, written: Path, *, as_json: bool) -> None:
    from calib.commands.show import describe
    from calib.world import SCALE_NOTE, WORLD_NOTE

    if as_json:
        print_json(describe(rig))
        return
    print_notes([note for note in rig.notes if note.startswith((WORLD_NOTE, SCALE_NOTE))])
    centres = rig.cameras.centre_world.numpy() + 0.0
    places = [" ".join(f"{round(value, 3) + 0.0:8.3f}" for value in centre) for centre in centres]
    print_pairs("Cameras (m)", list(zip(rig.names, places, strict=True)))
    up = f"{rig.up_axis} is up" if rig.up_axis else "what is up is not known"
    typer.echo(f"wrote {written}: {up}")
