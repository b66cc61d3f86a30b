"""`triangulate detect`: 2D keypoints of the videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triangulate.arguments import (
    default_out,
    detecting,
    offer_networks,
    open_checked,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.console import print_pairs, uninterrupted
from triangulate.errors import InputError
from triangulate.options import (
    BindOption,
    CacheOption,
    CamerasOption,
    DetectorOption,
    EveryOption,
    FpsOption,
    FramesOption,
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
