"""`triangulate render`: the result as a video or as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.arguments import (
    default_out,
    keypoints_beside,
    open_checked,
    poses_beside,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.commands.viewing import Wanted, load_all
from triangulate.console import print_notes, print_pairs, progress_bar, uninterrupted
from triangulate.errors import InputError, UsageError
from triangulate.options import (
    BindOption,
    CamerasOption,
    CloudsOption,
    ColourBy,
    ColoursOption,
    EverybodyOption,
    EveryOption,
    FpsOption,
    FramesOption,
    ImagesOption,
    MatchOption,
    MismatchOption,
    OnePersonOption,
    PosesOption,
    RigOption,
    ShowOption,
    Size,
    SourcesArgument,
    SubjectOption,
    SyncOption,
    UnitOption,
    UpOption,
    parse_bindings,
    parse_names,
    parse_picture_size,
)

if TYPE_CHECKING:
    from triangulate.config import ReconstructConfig
    from triangulate.keypoints import Keypoints2D
    from triangulate.rig import Rig
    from triangulate.viewer.film import Film

_SCENE_SIZE = (1280, 720)


def render(
    sources: SourcesArgument = [Path(".")],  # noqa: B006
    overlay: Annotated[
        bool,
        typer.Option("--overlay", help="Draw the poses on the videos of all cameras instead."),
    ] = False,
    poses: PosesOption = None,
    rig: RigOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="A video (.mp4), a picture of one frame (.png), or a folder of pictures; by "
            "default RECORDING/out/scene.mp4, or overlay.mp4.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Size of the result; by default 1280x720, or what the overlay needs.",
        ),
    ] = None,
    view: Annotated[
        str,
        typer.Option(
            "--view",
            metavar="orbit|still|CAMERA",
            help="From where: around everything, from one place, or as a camera of the rig sees.",
        ),
    ] = "orbit",
    turn: Annotated[
        float, typer.Option("--turn", metavar="DEGREES", help="A second, for --view orbit.")
    ] = 15.0,
    clouds: CloudsOption = None,
    colours: ColoursOption = None,
    show: ShowOption = "",
    person: OnePersonOption = None,
    images: ImagesOption = True,
    blur_faces: Annotated[
        bool,
        typer.Option(
            "--blur-faces",
            help="Make faces unrecognisable, where a pose or 2D keypoints tell where one is.",
        ),
    ] = False,
    keypoints: EverybodyOption = None,
    up: UpOption = None,
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
    """Draw poses, cameras and clouds in space into a video or pictures, without a display.

    With --overlay, draw the poses on the videos of all cameras, side by side: a cross marks a joint
    that a camera saw, and that was not used because the others contradict it.
    """
    options = {
        "cameras": parse_names(cameras),
        "on_size_mismatch": on_size_mismatch,
        "match": match,
        "fps": fps,
        "sync": sync,
    }
    wanted = Wanted(
        tuple(sources),
        poses,
        rig,
        clouds,
        up,
        images,
        blur_faces,
        keypoints,
        colours,
        show,
        person,
        parse_bindings(camera),
        options,
        unit,
        subject,
    )
    if overlay:
        _draw_overlay(wanted, out, parse_picture_size(size), frames, every or 1)
        return
    from triangulate.viewer.film import Film

    film = Film(parse_picture_size(size) or _SCENE_SIZE, view, turn, frames, every or 1)
    _draw_scene(wanted, film, out)


# --- The scene in space ---------------------------------------------------------------------------


def _draw_scene(wanted: Wanted, film: Film, out: Path | None) -> None:
    with uninterrupted():
        from triangulate.viewer.filming import write_film

    target = out or _default_target(wanted.sources[0])
    with progress_bar("drawing", "frames") as report:
        count = write_film(target, partial(load_all, wanted), film, report)
    width, height = film.size
    print_pairs("Scene", [("frames", f"{count}, {width} x {height}"), ("written to", str(target))])


def _default_target(source: Path) -> Path:
    """In the recording's `out`, or beside a file."""
    if source.is_dir():
        return (source if source.name == "out" else source / "out") / "scene.mp4"
    return source.with_name(f"{source.stem}_scene.mp4")


# --- The poses on the videos ----------------------------------------------------------------------


def _draw_overlay(
    wanted: Wanted, out: Path | None, size: Size | None, frames: str | None, every: int
) -> None:
    with uninterrupted():
        from triangulate.drawing.sheet import lay_out_sheet, overlay_pictures, rate_of, with_poses
        from triangulate.drawing.sinks import check_target, picture_sink
        from triangulate.output import check_writable
        from triangulate.poses import load_poses

    if wanted.colours in (ColourBy.person, ColourBy.deviation):
        raise UsageError(f"--colours {wanted.colours}: an overlay's colours say side or error")
    recording = wanted.sources
    settings = read_settings({**wanted.options, "frames": frames})
    poses_path = wanted.poses or _own_poses(recording)
    known = load_poses(poses_path)
    loaded = read_rig(rig_path(recording, wanted.rig), settings, wanted.unit, None, wanted.subject)
    opened = open_checked(recording, loaded, settings, wanted.bind)
    chosen, rows = with_poses(opened, known, every, str(poses_path))
    target = out or default_out(recording, "out/overlay.mp4")
    check_target(target, len(chosen))
    opened.check_not_in(target)
    check_writable(target.parent if target.suffix else target)
    seen = None
    if wanted.blur_faces:
        seen = _read_keypoints(recording, wanted.keypoints, loaded, settings, wanted.bind)
    sheet = lay_out_sheet(chosen.sizes, size)
    pictures = overlay_pictures(
        chosen,
        known,
        rows,
        sheet,
        colours="error" if wanted.colours == ColourBy.error else "side",
        blur_faces=wanted.blur_faces,
        keypoints=seen,
    )
    with (
        progress_bar("drawing", "frames") as report,
        picture_sink(target, sheet.size, rate_of(chosen, known), chosen.frame_numbers) as write,
    ):
        for done, picture in enumerate(pictures, start=1):
            write(picture)
            report(done, len(chosen))
    width, height = sheet.size
    pairs = [("frames", f"{len(chosen)} of {len(chosen.names)} cameras, {width} x {height}")]
    print_pairs("Overlay", [*pairs, ("written to", str(target))])


def _own_poses(recording: Sequence[Path]) -> Path:
    """The poses in the recording's folder."""
    path = poses_beside(recording)
    if path is None:
        raise InputError(
            f"{default_out(recording, 'out/poses.npz')}: there are no poses of this recording: run "
            "`triangulate reconstruct` first, or name them with --poses"
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
