"""The command `triangulate`. Each command parses, calls one library function, and writes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from triangulate.arguments import (
    check_existing,
    default_out,
    detecting,
    offer_networks,
    open_checked,
    read_rig,
    read_settings,
    rig_path,
    with_offsets,
)
from triangulate.commands.cloud import cloud
from triangulate.commands.demo import demo
from triangulate.commands.evaluate import evaluate
from triangulate.commands.export import export
from triangulate.commands.models import models
from triangulate.commands.render import render
from triangulate.commands.report import report
from triangulate.commands.sync import sync
from triangulate.commands.train import train
from triangulate.console import (
    SETTINGS,
    print_json,
    print_notes,
    print_pairs,
    run_app,
    uninterrupted,
)
from triangulate.errors import InputError, UsageError
from triangulate.options import (
    BindOption,
    CamerasOption,
    DetectorOption,
    EveryOption,
    FpsOption,
    FramesOption,
    JsonOption,
    MatchOption,
    MismatchOption,
    RecordingArgument,
    RigOption,
    SizeOption,
    SubjectOption,
    SyncOption,
    UnitOption,
    VersionOption,
    parse_bindings,
    parse_names,
    parse_sizes,
)
from triangulate.tables import print_recording, print_summary

app = typer.Typer(
    name="triangulate",
    help="3D poses from several synchronized cameras.",
    epilog="Example: triangulate reconstruct recordings/walk --rig rig.yaml",
    **SETTINGS,  # type: ignore[arg-type]
)
app.add_typer(models, name="models")


class MethodName(StrEnum):
    """How views are joined into points."""

    robust = "robust"
    dlt = "dlt"
    learned = "learned"


CacheOption = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Use and keep detections of the same videos.")
]


@app.callback()
def _commands(version: VersionOption = False) -> None:
    """Takes what stands before a command."""


app.command(
    short_help="Calibrate and reconstruct made-up recordings with known truth.",
    epilog="Example: triangulate demo --out demo",
)(demo)


@app.command(
    short_help="Say what a recording holds and what is assumed.",
    epilog="Example: triangulate check recordings/walk --rig rig.yaml",
)
def check(
    recording: RecordingArgument,
    rig: RigOption = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    sync: SyncOption = None,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a recording, check it against its calibration, and say what was found."""
    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "every": every,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": sync,
        }
    )
    path = rig_path(recording, rig)
    loaded = read_rig(path, settings, unit, parse_sizes(size), subject)
    opened = open_checked(recording, loaded, settings, parse_bindings(camera))
    if as_json:
        print_json({"rig": path, **opened.as_dict(), "self_test_px": loaded.self_test_px()})
    else:
        print_recording(opened, path, loaded.self_test_px())


@app.command(
    short_help="Find 2D keypoints in the videos and write them to a file.",
    epilog="Example: triangulate detect recordings/walk --rig rig.yaml",
)
def detect(
    recording: RecordingArgument,
    rig: RigOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="By default RECORDING/pose2d/keypoints.npz."),
    ] = None,
    detector: DetectorOption = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    sync: SyncOption = None,
    cache: CacheOption = True,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
) -> None:
    """Find 2D keypoints in the videos and write them to a file.

    `triangulate reconstruct --keypoints` reads that file.
    """
    with uninterrupted():
        from triangulate.detection import detect_recording
        from triangulate.output import check_writable

    target = out or default_out(recording, "pose2d/keypoints.npz")
    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "every": every,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": sync,
            "detector": detector,
        }
    )
    loaded = read_rig(rig_path(recording, rig), settings, unit, parse_sizes(size), subject)
    opened = open_checked(recording, loaded, settings, parse_bindings(camera))
    if target.is_dir():
        raise InputError(f"{target}: is a folder: name the file, such as {target}/keypoints.npz")
    offer_networks(settings.detector)
    check_writable(target.parent)
    with detecting(cache=cache) as report:
        keypoints = detect_recording(opened, settings.detector, cache=cache, progress=report)
    keypoints.save(target)
    seen = (keypoints.confidence > 0).any((-2, -1)).mean(0)  # (V,) share of frames with somebody
    shares = (f"{name} {share:.0%}" for name, share in zip(keypoints.names, seen, strict=True))
    pairs = [("frames", str(len(opened))), ("somebody is seen in", ", ".join(shares))]
    print_pairs("Keypoints", [*pairs, ("written to", str(target))])


@app.command(
    short_help="Turn videos, or 2D keypoints, into 3D poses.",
    epilog="Example: triangulate reconstruct recordings/walk --rig Calib.qca.txt",
)
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
            help="2D keypoints instead of detecting: what `detect` wrote, OpenPose, COCO, "
            "AlphaPose, MMPose, MediaPipe, DeepLabCut, Lightning Pose, SLEAP.",
        ),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            "--skeleton",
            metavar="NAME|FILE",
            help="The keypoints' joint set, such as coco17, or a .yaml file of your own.",
        ),
    ] = None,
    detector: DetectorOption = None,
    method: Annotated[
        MethodName | None,
        typer.Option(
            "--method",
            help="robust (default), dlt: the plain weighted method, or learned: by a network.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE|learned",
            help="Weights of that network: a file of your own, or learned for the shipped ones.",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence", metavar="0..1", min=0, max=1, help="Leave weaker 2D joints out."
        ),
    ] = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    sync: SyncOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings as YAML (configs/reconstruct.yaml explains)."
        ),
    ] = None,
    cache: CacheOption = True,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn videos, or 2D keypoints, into 3D poses.

    Writes poses.npz, poses.csv, poses.trc (OpenSim: metres, y up) and run.yaml. It can be stopped
    with Ctrl-C at any time: the same command goes on where it was.
    """
    with uninterrupted():
        from triangulate import pipeline
        from triangulate.summary import doubts, summarise

    check_existing(recording)
    folder = out or default_out(recording, "out")
    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "every": every,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": sync,
            "detector": detector,
            "method": method,
            "weights": weights,
            "min_confidence": min_confidence,
        },
        config,
    )
    loaded = read_rig(rig_path(recording, rig), settings, unit, parse_sizes(size), subject)
    if keypoints is not None:
        if detector is not None:
            raise UsageError("--detector goes with videos; --keypoints says that all is detected")
        settings = with_offsets(recording, settings)
        print_notes(loaded.notes)
        poses = pipeline.reconstruct_files(
            keypoints, loaded, folder, settings, parse_bindings(camera), skeleton, settings.fps
        )
        if skeleton is None and keypoints.suffix != ".npz" and poses.skeleton.name:
            print_notes([f"the joints are taken as {poses.skeleton.name} (--skeleton NAME)"])
    else:
        if skeleton is not None:
            raise UsageError("--skeleton goes with --keypoints; the detector has its own joints")
        opened = open_checked(recording, loaded, settings, parse_bindings(camera))
        offer_networks(settings.detector)
        with detecting(cache=cache) as report:
            poses = pipeline.reconstruct_recording(
                opened,
                loaded,
                settings.detector,
                folder,
                settings=settings,
                cache=cache,
                progress=report,
            )
    summary = summarise(poses)
    if poses.fps is None:
        print_notes(["the frame rate is not known (--fps): poses.trc counts frames instead"])
    print_notes(doubts(summary))
    if as_json:
        print_json({"out": folder, **summary.as_dict()})
    else:
        print_summary(summary, folder)


app.command(
    short_help="Write poses in other formats: CSV, TRC, C3D, BVH, glTF and more.",
    epilog="Example: triangulate export recordings/walk/out/poses.npz --to trc --to bvh",
)(export)
app.command(
    short_help="Draw the poses on the videos, as a video or as pictures.",
    epilog="Example: triangulate render recordings/walk --overlay --colours error",
)(render)
app.command(
    short_help="Say how far a reconstruction can be trusted, on one HTML page.",
    epilog="Example: triangulate report recordings/walk --rig rig.yaml --blur-faces",
)(report)
app.command(
    short_help="Find time offsets between the cameras, from motion.",
    epilog="Example: triangulate sync recordings/walk --rig rig.yaml",
)(sync)
app.command(
    short_help="Write the person as coloured points (PLY).",
    epilog="Example: triangulate cloud recordings/walk --rig rig.yaml --frames 100:110",
)(cloud)
app.command(
    short_help="Train a network from a settings file.",
    epilog="Example: triangulate train configs/synthetic_algebraic.yaml --out runs/first",
)(train)
app.command(
    short_help="Measure weights on a data set.",
    epilog="Example: triangulate evaluate configs/eval_synthetic_clean.yaml --weights W",
)(evaluate)


def main() -> NoReturn:
    """The entry point."""
    run_app(app)
