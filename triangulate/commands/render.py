"""`triangulate render`: the result as a video or as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.arguments import (
    default_out,
    keypoints_beside,
    open_checked,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.console import print_notes, print_pairs, progress_bar, uninterrupted
from triangulate.errors import InputError, UsageError
from triangulate.options import (
    BindOption,
    CamerasOption,
    EverybodyOption,
    EveryOption,
    FpsOption,
    FramesOption,
    MatchOption,
    MismatchOption,
    RecordingArgument,
    RigOption,
    SubjectOption,
    SyncOption,
    UnitOption,
    parse_bindings,
    parse_names,
    parse_picture_size,
)

if TYPE_CHECKING:
    from triangulate.config import ReconstructConfig
    from triangulate.keypoints import Keypoints2D
    from triangulate.rig import Rig


class ColourName(StrEnum):
    """What colours say."""

    side = "side"
    error = "error"


def render(
    recording: RecordingArgument,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Draw the poses on the videos of all cameras.")
    ] = False,
    poses: Annotated[
        Path | None,
        typer.Option("--poses", metavar="FILE", help="By default RECORDING/out/poses.npz."),
    ] = None,
    rig: RigOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="A video (.mp4), a picture of one frame (.png), or a folder of pictures; by "
            "default RECORDING/out/overlay.mp4.",
        ),
    ] = None,
    colours: Annotated[
        ColourName,
        typer.Option("--colours", help="Colour by left and right, or by reprojection error."),
    ] = ColourName.side,
    blur_faces: Annotated[
        bool,
        typer.Option(
            "--blur-faces",
            help="Make faces unrecognisable, where a pose or 2D keypoints tell where one is.",
        ),
    ] = False,
    keypoints: EverybodyOption = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Size of the result; by default at most 1920x1080.",
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
    unit: UnitOption = None,
    subject: SubjectOption = None,
) -> None:
    """Draw the poses on the videos of all cameras, side by side, as a video or as pictures.

    A cross marks a joint that a camera saw, and that was not used because the others contradict it.
    """
    if not overlay:
        raise UsageError("say what to draw: --overlay, the poses on the videos of all cameras")
    with uninterrupted():
        from triangulate.drawing.sheet import lay_out_sheet, overlay_pictures, rate_of, with_poses
        from triangulate.drawing.sinks import check_target, picture_sink
        from triangulate.output import check_writable
        from triangulate.poses import load_poses

    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": sync,
        }
    )
    of_result = parse_picture_size(size)
    poses_path = poses or _own_poses(recording)
    known = load_poses(poses_path)
    loaded = read_rig(rig_path(recording, rig), settings, unit, None, subject)
    bind = parse_bindings(camera)
    opened = open_checked(recording, loaded, settings, bind)
    chosen, rows = with_poses(opened, known, every or 1, str(poses_path))
    target = out or default_out(recording, "out/overlay.mp4")
    check_target(target, len(chosen))
    check_writable(target.parent if target.suffix else target)
    seen = _read_keypoints(recording, keypoints, loaded, settings, bind) if blur_faces else None
    sheet = lay_out_sheet(chosen.sizes, of_result)
    pictures = overlay_pictures(
        chosen,
        known,
        rows,
        sheet,
        colours=colours.value,
        blur_faces=blur_faces,
        keypoints=seen,
    )
    with (
        progress_bar("drawing", "frames") as report,
        picture_sink(target, sheet.size, rate_of(chosen, known), chosen.frame_numbers) as write,
    ):
        for done, picture in enumerate(pictures, start=1):
            write(picture)
            if report is not None:
                report(done, len(chosen))
    width, height = sheet.size
    pairs = [("frames", f"{len(chosen)} of {len(chosen.names)} cameras, {width} x {height}")]
    print_pairs("Overlay", [*pairs, ("written to", str(target))])


def _own_poses(recording: Sequence[Path]) -> Path:
    """The poses in the recording's folder."""
    path = default_out(recording, "out/poses.npz")
    if not path.is_file():
        raise InputError(
            f"{path}: there are no poses of this recording: run `triangulate reconstruct` first, "
            "or name them with --poses"
        )
    return path


def _read_keypoints(
    recording: Sequence[Path],
    keypoints: Path | None,
    rig: Rig,
    settings: ReconstructConfig,
    bind: Mapping[str, str],
) -> Keypoints2D | None:
    """Everybody that the cameras saw, as far as a file tells."""
    path = keypoints or keypoints_beside(recording)
    if path is None:
        print_notes(
            [
                "faces are blurred where the poses tell where one is; those of others stay as they "
                "are (--keypoints PATH tells of everybody in view)"
            ]
        )
        return None
    from triangulate.inputs import read_keypoints

    everything = settings.model_copy(update={"frames": None})
    seen, _, notes = read_keypoints(path, rig, everything, bind, fps=settings.fps)
    print_notes(notes)
    return seen
