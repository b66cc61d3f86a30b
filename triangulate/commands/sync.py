"""`triangulate sync`: time offsets between the cameras, from motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.arguments import (
    default_out,
    detecting,
    keypoints_beside,
    offer_networks,
    open_checked,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.console import (
    print_json,
    print_notes,
    print_pairs,
    print_table,
    uninterrupted,
    waiting,
)
from triangulate.errors import InputError
from triangulate.options import (
    BindOption,
    CamerasOption,
    FpsOption,
    FramesOption,
    JsonOption,
    MatchOption,
    MismatchOption,
    RecordingArgument,
    RigOption,
    SizeOption,
    SubjectOption,
    UnitOption,
    parse_bindings,
    parse_names,
    parse_sizes,
)

if TYPE_CHECKING:
    from triangulate.config import ReconstructConfig
    from triangulate.keypoints import Keypoints2D
    from triangulate.recording import Recording
    from triangulate.sync.keypoints import OffsetEstimate


def sync(
    recording: RecordingArgument,
    rig: RigOption = None,
    keypoints: Annotated[
        Path | None,
        typer.Option(
            "--keypoints",
            metavar="PATH",
            help="2D keypoints in any known format; by default RECORDING/pose2d, or else people "
            "are looked for in the videos.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference", metavar="NAME", help="The camera whose clock counts: the first one."
        ),
    ] = None,
    max_offset: Annotated[
        float | None,
        typer.Option(
            "--max-offset", metavar="SECONDS", min=0.01, help="How far apart clocks may be (5)."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="By default RECORDING/sync.yaml."),
    ] = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use and keep detections of the same videos.")
    ] = True,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find time offsets between the cameras from the motion of a person, to a part of a frame.

    Writes sync.yaml, by which the other commands then pair the frames. Where an offset cannot be
    told for sure, nothing is written.
    """
    with uninterrupted():
        from triangulate.inputs import read_keypoints
        from triangulate.sync import MAX_OFFSET_S
        from triangulate.sync.keypoints import estimate_offsets

    target = out or default_out(recording, "sync.yaml")
    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": "none",
        }
    )
    loaded = read_rig(rig_path(recording, rig), settings, unit, parse_sizes(size), subject)
    bind = parse_bindings(camera)
    path = keypoints or keypoints_beside(recording)
    if path is None:
        opened = open_checked(recording, loaded, settings, bind)
        seen, seen_by = _detect(opened, settings, cache=cache), opened.rig
        where = "the videos"
    else:
        seen, seen_by, notes = read_keypoints(path, loaded, settings, bind, fps=settings.fps)
        print_notes([*loaded.notes, *notes])
        where = str(path)
    with waiting("looking for offsets"):
        estimate = estimate_offsets(seen, seen_by, reference, max_offset or MAX_OFFSET_S)
    if says := doubts_of(estimate):
        raise InputError(f"{recording[0]}: {says}; nothing is written")
    found = f"from the motion in {estimate.num_frames} frames of {where}"
    estimate.as_offsets(found).save(target)
    if as_json:
        print_json({"out": target, "keypoints": path, **estimate.as_dict()})
    else:
        _print_offsets(estimate, where, target)


def _detect(recording: Recording, settings: ReconstructConfig, *, cache: bool) -> Keypoints2D:
    from triangulate.detection import detect_recording

    offer_networks()
    with detecting(cache=cache) as report:
        return detect_recording(recording, settings.detector, cache=cache, progress=report)


def doubts_of(estimate: OffsetEstimate) -> str:
    """Which cameras' offsets cannot be told, why, and what to do; empty where all are told."""
    from triangulate.sync import Doubt

    remedies = {
        Doubt.unseen: "take a part with somebody in view of all (--frames), or leave such a camera "
        "out with --cameras",
        Doubt.still: "take a part with more motion (--frames), or film somebody who walks about",
        Doubt.repeats: "take a part with other motion (--frames), or search less far with "
        "--max-offset",
        Doubt.beyond: "search farther with --max-offset",
        Doubt.contradicts: "check the calibration, search farther with --max-offset, or leave such "
        "a camera out with --cameras",
        Doubt.loose: "take a longer part (--frames), or one with more motion",
    }
    of_camera = list(zip(estimate.names, estimate.doubts, strict=True))
    told = [
        (doubt, [name for name, of in of_camera if of == doubt])
        for doubt in Doubt
        if doubt in estimate.doubts
    ]
    if not told:
        return ""
    says = "; ".join(
        f"{', '.join(names)} cannot be told against {estimate.reference}: {doubt}"
        for doubt, names in told
    )
    return f"{says}: {remedies[told[0][0]]}"


def _print_offsets(estimate: OffsetEstimate, where: str, target: Path) -> None:
    rows = [
        [
            camera["name"],
            f"{1000 * camera['late_s']:+.1f} ms",
            f"{1000 * camera['sigma_s']:.1f} ms",
            f"{camera['late_frames']:+.2f}",
        ]
        for camera in estimate.as_dict()["cameras"]
        if camera["name"] != estimate.reference
    ]
    print_table(f"Late against {estimate.reference}", ["camera", "late", "±", "frames"], rows)
    pairs = [
        ("frames", f"{estimate.num_frames}, {estimate.fps:.6g} a second, of {where}"),
        ("written to", str(target)),
    ]
    print_pairs("Offsets", pairs)
