"""The command `triangulate`. Each command parses, calls one library function, and writes."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from triangulate.console import print_notes, print_pairs, print_summary, progress_bar
from triangulate.errors import InputError, report_errors
from triangulate.options import (
    CamerasOption,
    SizeOption,
    SubjectOption,
    Unit,
    UnitOption,
    parse_names,
    parse_sizes,
)

if TYPE_CHECKING:
    from triangulate.config import ReconstructConfig
    from triangulate.rig import Rig

SETTINGS = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(
    name="triangulate",
    help="3D poses from several synchronized cameras.",
    epilog="Example: triangulate reconstruct recordings/walk --rig rig.yaml",
    **SETTINGS,  # type: ignore[arg-type]
)
models = typer.Typer(help="The networks that find joints in images.", **SETTINGS)  # type: ignore[arg-type]
app.add_typer(models, name="models")


class MethodName(StrEnum):
    """How views are joined into points."""

    robust = "robust"
    dlt = "dlt"


class OnSizeMismatch(StrEnum):
    """What to do with a video that is not of the calibrated size."""

    crop = "crop"
    scale = "scale"
    error = "error"


RecordingArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORDING...", help="A folder of videos or of image folders; or the videos."
    ),
]
RigOption = Annotated[
    Path | None,
    typer.Option(
        "--rig",
        metavar="FILE",
        help="The calibration, in any known format; by default rig.yaml in or above RECORDING.",
    ),
]
BindOption = Annotated[
    list[str] | None,
    typer.Option(
        "--camera", metavar="FILE=NAME", help="Which camera a file is, where its name differs."
    ),
]
FramesOption = Annotated[
    str | None, typer.Option("--frames", metavar="START:STOP", help="Take these frames only.")
]
EveryOption = Annotated[int | None, typer.Option("--every", min=1, help="Take every nth frame.")]
MismatchOption = Annotated[
    OnSizeMismatch | None,
    typer.Option(
        "--on-size-mismatch",
        help="A video within 2 % of the calibrated size has its edge cut (crop), or was resized "
        "(scale).",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings as YAML (configs/reconstruct.yaml explains)."
    ),
]
CacheOption = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Use and keep detections of the same videos.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of tables.")
]


@app.command(epilog="Example: triangulate demo --out demo")
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Another person, rig and noise.")] = 0,
) -> None:
    """Write a recording of a made-up person, reconstruct it, and compare with the truth."""
    from triangulate.demo import demo_table, run_demo

    result = run_demo(out, seed)
    print_pairs("The demo against the truth", demo_table(result))


@app.command(epilog="Example: triangulate check recordings/walk --rig rig.yaml")
def check(
    recording: RecordingArgument,
    rig: RigOption = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
) -> None:
    """Open a recording, check it against its calibration, and say what was found."""
    from triangulate.pipeline import open_recording

    settings = _settings(
        None, cameras=cameras, frames=frames, every=every, on_size_mismatch=on_size_mismatch
    )
    loaded = _load_rig(recording, rig, unit, size, subject)
    opened = open_recording(_source(recording), loaded, settings, _bind(camera))
    pairs = [
        (name, f"{video.path}  {video.size[0]}x{video.size[1]}")
        for name, video in zip(opened.names, opened.videos, strict=True)
    ]
    rate = "unknown" if opened.fps is None else f"{opened.fps:.6g} a second"
    pairs += [("frames", str(len(opened))), ("rate", rate)]
    pairs.append(("self-test", f"{loaded.self_test_px():.1e} px"))
    print_pairs("Recording", pairs)
    print_notes([*opened.rig.notes, *opened.notes])


@app.command(epilog="Example: triangulate detect recordings/walk --rig rig.yaml")
def detect(
    recording: RecordingArgument,
    rig: RigOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="By default RECORDING/pose2d/keypoints.npz."),
    ] = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    cache: CacheOption = True,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
) -> None:
    """Find 2D keypoints in the videos and write them to a file."""
    from triangulate.detection import detect_recording
    from triangulate.pipeline import open_recording

    target = out or _default_out(recording, "pose2d/keypoints.npz")
    settings = _settings(
        None, cameras=cameras, frames=frames, every=every, on_size_mismatch=on_size_mismatch
    )
    loaded = _load_rig(recording, rig, unit, size, subject)
    opened = open_recording(_source(recording), loaded, settings, _bind(camera))
    print_notes([*opened.rig.notes, *opened.notes])
    _offer_networks()
    with progress_bar("detecting") as report:
        keypoints = detect_recording(opened, cache=cache, progress=report)
    keypoints.save(target)
    seen = (keypoints.confidence > 0).any(-1).sum(-1)  # (T, V) people
    shares = ", ".join(
        f"{name} {share:.0%}"
        for name, share in zip(keypoints.names, (seen > 0).mean(0), strict=True)
    )
    typer.echo(f"wrote {target}: {len(seen)} frames; somebody is seen in {shares}")


@app.command(epilog="Example: triangulate reconstruct recordings/walk --rig Calib.qca.txt")
def reconstruct(
    recording: RecordingArgument,
    rig: RigOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="By default RECORDING/out."),
    ] = None,
    keypoints: Annotated[
        Path | None,
        typer.Option(
            "--keypoints",
            metavar="PATH",
            help="2D keypoints instead of detecting: what `detect` wrote, OpenPose JSON, COCO "
            "results, DeepLabCut, SLEAP.",
        ),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            "--skeleton", metavar="NAME", help="The keypoints' joint set, such as coco17."
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", help="Frame rate, where the keypoints do not tell.")
    ] = None,
    method: Annotated[
        MethodName | None,
        typer.Option("--method", help="robust (default), or dlt: the plain weighted method."),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option("--min-confidence", min=0, max=1, help="Leave weaker 2D joints out."),
    ] = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    config: ConfigOption = None,
    cache: CacheOption = True,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn videos, or 2D keypoints, into 3D poses.

    Writes poses.npz, poses.csv, poses.trc (OpenSim: metres, y up) and run.yaml.
    """
    from triangulate import pipeline
    from triangulate.summary import summarise

    folder = out or _default_out(recording, "out")
    settings = _settings(
        config,
        method=method,
        min_confidence=min_confidence,
        cameras=cameras,
        frames=frames,
        every=every,
        on_size_mismatch=on_size_mismatch,
    )
    loaded = _load_rig(recording, rig, unit, size, subject)
    if keypoints is not None:
        poses = pipeline.reconstruct_files(
            keypoints, loaded, folder, settings, _bind(camera), skeleton, fps
        )
    else:
        _offer_networks()
        with progress_bar("detecting") as report:
            poses = pipeline.reconstruct_recording(
                _source(recording),
                loaded,
                settings.detector,
                folder,
                settings=settings,
                bind=_bind(camera),
                cache=cache,
                progress=report,
            )
    summary = summarise(poses)
    if as_json:
        typer.echo(json.dumps({"out": str(folder), **summary.as_dict()}, indent=2))
    else:
        print_summary(summary, str(folder))


@models.command(epilog="Example: triangulate models fetch blazepose")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="blazepose")],
) -> None:
    """Fetch a detector's networks into the user's cache folder, once."""
    from triangulate.pose2d.model_files import fetch_blazepose

    if name != "blazepose":
        raise InputError(f"no model {name!r} can be fetched; there is blazepose")
    typer.echo(f"BlazePose is in {fetch_blazepose()}")


def main() -> NoReturn:
    """The entry point."""
    report_errors(app)


# --- What the commands share ----------------------------------------------------------------------


def _settings(config: Path | None, **options: Any) -> ReconstructConfig:
    """The settings file with the options given on the command line on top."""
    from triangulate.config import ReconstructConfig, load_config

    settings = load_config(config, ReconstructConfig) if config else ReconstructConfig()
    given = {name: value for name, value in options.items() if value is not None}
    if "cameras" in given:
        given["cameras"] = parse_names(given["cameras"])
    given |= {name: value.value for name, value in given.items() if isinstance(value, StrEnum)}
    return settings.model_copy(update=given)


def _load_rig(
    recording: list[Path],
    path: Path | None,
    unit: Unit | None,
    size: list[str] | None,
    subject: str | None,
) -> Rig:
    """The rig named, or the `rig.yaml` in the recording's folder or the two above it."""
    from triangulate.rig_formats import load_rig

    if path is None:
        folder = recording[0].resolve()
        places = [folder, *folder.parents[:2]]
        found = [place / "rig.yaml" for place in places if (place / "rig.yaml").is_file()]
        if not found:
            raise InputError(f"{recording[0]}: no rig.yaml in it or above it: name one with --rig")
        path = found[0]
    return load_rig(path, unit, parse_sizes(size), subject)


def _source(recording: list[Path]) -> Path | list[Path]:
    return recording[0] if len(recording) == 1 else recording


def _bind(pairs: list[str] | None) -> dict[str, str]:
    bound = {}
    for pair in pairs or []:
        file, separator, name = pair.rpartition("=")
        if not separator or not file or not name:
            raise InputError(f"--camera {pair}: write it as FILE=NAME, such as GX010023.MP4=cam1")
        bound[file] = name
    return bound


def _default_out(recording: list[Path], name: str) -> Path:
    if len(recording) > 1 or not recording[0].is_dir():
        raise InputError(f"say where to write with --out: there is no one folder for {name}")
    return recording[0] / name


def _offer_networks() -> None:
    """Ask to fetch BlazePose where it is missing and somebody is there to answer."""
    from triangulate.pose2d.model_files import blazepose_files, fetch_blazepose

    try:
        blazepose_files()
    except InputError as error:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise
        typer.echo(f"{error}")
        if not typer.confirm("Fetch them now?", default=True):
            raise
        fetch_blazepose()
