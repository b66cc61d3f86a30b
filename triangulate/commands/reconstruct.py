"""`triangulate reconstruct`: videos, or 2D keypoints, to 3D poses."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
from triangulate.console import print_json, print_notes, uninterrupted
from triangulate.errors import UsageError
from triangulate.options import (
    BindOption,
    CacheOption,
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
    parse_bindings,
    parse_names,
    parse_sizes,
)
from triangulate.tables import print_summary


class MethodName(StrEnum):
    """How views are joined into points."""

    robust = "robust"
    dlt = "dlt"
    learned = "learned"


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
