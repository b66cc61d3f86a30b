"""`calib selfcal`: where the cameras stand, from people who move about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calib.commands.world import DistanceOption, parse_distance
from triangulate.console import print_json, print_notes, print_table, uninterrupted, waiting
from triangulate.errors import InputError, UsageError
from triangulate.options import (
    CamerasOption,
    JsonOption,
    MismatchOption,
    UnitOption,
    parse_names,
)

if TYPE_CHECKING:
    from calib.selfcalibration import SelfCalibration
    from triangulate.keypoints import Keypoints2D
    from triangulate.rig import Rig

KeypointsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="KEYPOINTS",
        help="2D keypoints in any known format, such as RECORDING/pose2d, where `triangulate "
        "detect` writes them.",
    ),
]
SkeletonOption = Annotated[
    str | None,
    typer.Option(
        "--skeleton",
        metavar="NAME|FILE",
        help="The joints, where the keypoints do not tell: a set such as coco17, or a .yaml file.",
    ),
]
FpsOption = Annotated[
    float | None,
    typer.Option("--fps", metavar="RATE", help="Frames a second, where the keypoints do not tell."),
]


def selfcal(
    keypoints: KeypointsArgument,
    rig: Annotated[
        Path,
        typer.Option(
            "--rig",
            metavar="FILE",
            help="Lenses, and (unless --from-scratch) the poses to start from, in any known "
            "format, or the folder of `calib solve --each-alone`.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The rig.yaml to write.")
    ] = Path("rig.yaml"),
    distance: DistanceOption = None,
    limb: Annotated[
        str | None,
        typer.Option(
            "--limb",
            metavar="A,B=M",
            help="These joints are so many metres apart, such as left_hip,left_knee=0.44.",
        ),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch", help="Do not start from the rig's poses: take its lenses alone."
        ),
    ] = False,
    skeleton: SkeletonOption = None,
    fps: FpsOption = None,
    cameras: CamerasOption = None,
    on_size_mismatch: MismatchOption = None,
    unit: UnitOption = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of what is drawn.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Find or refine where the cameras stand from people's joints, without a board.

    Lenses are taken as they are. The scale comes from --distance (two cameras), --limb (two
    joints), or else from the given rig. One person is followed, where several are seen: the surest
    in each view at first, then the one on whom the views agree.
    """
    with uninterrupted():
        from calib.people import selfcalibrate_people
        from calib.scale import Baseline, Limb

    if distance is not None and limb is not None:
        raise UsageError("--distance and --limb are two scales: take one")
    scale: Any = "rig"
    if distance is not None:
        scale = Baseline(*parse_distance(distance))
    elif limb is not None:
        scale = Limb(*parse_distance(limb, option="--limb"))
    lenses = read_lenses(rig, unit, parse_names(cameras))
    seen = load_people(keypoints, lenses, skeleton, fps)
    with waiting("finding the cameras"):
        found = selfcalibrate_people(
            seen,
            lenses,
            scale=scale,
            start="essential" if from_scratch else "auto",
            on_size_mismatch=on_size_mismatch or "crop",
            seed=seed,
        )
    found.rig.save(out)
    _report(found, out, as_json=as_json)


def read_lenses(path: Path, unit: str | None, names: list[str] | None) -> Rig:
    """The rig, of which the poses may mean nothing."""
    from calib.lenses import load_lenses
    from triangulate.rig import Rig
    from triangulate.rig_formats import load_rig

    if path.is_dir() and not (path / "rig.yaml").is_file():
        lenses = load_lenses(path)
        return lenses if names is None else lenses.select(names)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        try:  # where the cameras stand is open, so that they may all stand at one place
            own = Rig.load(path)
        except InputError:  # another program's
            return load_rig(path, unit, cameras=names)
        return own if names is None else own.select(names)
    return load_rig(path, unit, cameras=names)


def load_people(path: Path, rig: Rig, skeleton: str | None, fps: float | None) -> Keypoints2D:
    """The keypoints of the rig's cameras, in its order."""
    from triangulate.keypoint_formats import load_keypoints_from

    if not path.exists():
        raise InputError(
            f"{path}: there is no such file or folder; 'triangulate detect' writes keypoints"
        )
    return load_keypoints_from(path, rig.names, skeleton, fps=fps, rig_sizes=rig.sizes)


def _report(found: SelfCalibration, out: Path, *, as_json: bool) -> None:
    cameras = [
        {
            "name": name,
            "position_m": centre,
            "sigma_m": float(found.sigma_shift_m[v]),
            "sigma_deg": float(found.sigma_turn_deg[v]),
            "shift_m": float(found.shift_m[v]),
            "turn_deg": float(found.turn_deg[v]),
            "residual_px": float(found.residual_px[v]),
        }
        for v, (name, centre) in enumerate(
            zip(found.rig.names, (found.rig.cameras.centre_world + 0.0).tolist(), strict=True)
        )
    ]
    if as_json:
        print_json({"out": out, "cameras": cameras, "notes": found.rig.notes})
        return
    print_notes(found.rig.notes)
    columns = ["camera", "position (m)", "+- (mm)", "+- (deg)", "moved (mm)", "error (px)"]
    rows = [
        [
            camera["name"],
            " ".join(f"{round(value, 3) + 0.0:.3f}" for value in camera["position_m"]),
            f"{1e3 * camera['sigma_m']:.1f}",
            f"{camera['sigma_deg']:.2f}",
            f"{1e3 * camera['shift_m']:.1f}",
            f"{camera['residual_px']:.1f}",
        ]
        for camera in cameras
    ]
    print_table("Cameras", columns, rows)
    typer.echo(f"wrote {out}")
