"""`triangulate report`: one HTML page that says how far a reconstruction can be trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.arguments import keypoints_beside, read_rig, read_settings, rig_path
from triangulate.console import print_json, print_notes, print_verdict, uninterrupted, waiting
from triangulate.errors import InputError, UsageError
from triangulate.options import (
    BindOption,
    EverybodyOption,
    MatchOption,
    MismatchOption,
    RigOption,
    SubjectOption,
    SyncOption,
    UnitOption,
    parse_bindings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triangulate.config import ReconstructConfig
    from triangulate.poses import Poses3D
    from triangulate.reporting.pictures import Moment
    from triangulate.rig import Rig

PAGE_FILE, POSES_FILE = "report.html", "poses.npz"
_RECORDED = ("on_size_mismatch", "match", "sync")


@dataclass(frozen=True)
class Place:
    """What is reported on.

    Attributes:
        poses: the file.
        recording: the folder whose videos the poses come from, if it is known.
    """

    poses: Path
    recording: Path | None

    @property
    def name(self) -> str:
        """For the heading."""
        folder = (self.recording or self.poses.parent).absolute()
        return folder.name if self.poses.name == POSES_FILE else self.poses.stem


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING|FOLDER|POSES",
            help="A recording with out/poses.npz, the folder that `reconstruct` wrote, or the "
            "poses.npz itself; by default the folder one is in.",
        ),
    ] = Path("."),
    poses: Annotated[
        Path | None,
        typer.Option("--poses", metavar="FILE", help="By default RECORDING/out/poses.npz."),
    ] = None,
    rig: RigOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The page; by default report.html beside the poses."
        ),
    ] = None,
    blur_faces: Annotated[
        bool, typer.Option("--blur-faces", help="Make faces in the pictures unrecognisable.")
    ] = False,
    keypoints: EverybodyOption = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures/--no-pictures", help="Show four moments of the videos, or none."),
    ] = True,
    camera: BindOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    sync: SyncOption = None,
    unit: UnitOption = None,
    subject: SubjectOption = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the numbers as JSON; the page is then written with --out only."
        ),
    ] = False,
) -> None:
    """Say how far a reconstruction can be trusted, and show it all on one page.

    The page is one HTML file that needs no network: errors by camera, joint and time, gaps with
    their reasons, bones, uncertainty, speed, a skeleton to turn and play, and pictures.
    """
    if out is not None and out.is_dir():
        raise UsageError(f"--out {out}: is a folder; name a file, such as {out / PAGE_FILE}")
    place = find_poses(source, poses)
    with uninterrupted():
        from triangulate.files import write_text
        from triangulate.pages.style import graph_objects
        from triangulate.poses import load_poses
        from triangulate.reporting.findings import Found
        from triangulate.reporting.page import page

    target = (out or place.poses.parent / PAGE_FILE) if out or not as_json else None
    if target is not None:
        graph_objects()  # says what is missing before the work
    known = load_poses(place.poses)
    try:
        found = Found.of(known)
    except InputError as error:
        raise InputError(f"{place.poses}: {error}") from None
    if target is not None:
        options = {"on_size_mismatch": on_size_mismatch, "match": match, "sync": sync}
        settings = _settings_of(known, options)
        loaded, why = _read_rig(place, rig, known, settings, unit, subject)
        moments: list[Moment] = []
        if not pictures:
            why = "they were not asked for (--no-pictures)"
        elif loaded is not None:
            bind = parse_bindings(camera)
            moments, why = _moments(
                place, known, loaded, settings, bind, keypoints, blur_faces=blur_faces
            )
        write_text(target, page(found, f"Reconstruction of {place.name}", loaded, moments, why))
    if as_json:
        print_json(found.numbers)
        return
    print_verdict(found.verdict)
    typer.echo(f"wrote {target}")


def find_poses(source: Path, poses: Path | None = None) -> Place:
    """The poses that are meant, and the recording they are of.

    Args:
        source: a recording, a folder with poses in it, or a file of poses.
        poses: where they are, if not in the recording's `out`.

    Raises:
        InputError: there are none.
    """
    if poses is not None:
        if not poses.is_file():
            raise InputError(f"{poses}: no such file; --poses names what reconstruct wrote")
        return Place(poses, source if source.is_dir() else None)
    if source.is_file():
        return Place(source, _recording_of(source.parent))
    if not source.exists():
        raise InputError(f"{source}: does not exist; name a recording or its {POSES_FILE}")
    if (source / POSES_FILE).is_file():
        return Place(source / POSES_FILE, _recording_of(source))
    if (source / "out" / POSES_FILE).is_file():
        return Place(source / "out" / POSES_FILE, source)
    raise InputError(
        f"{source}: no {POSES_FILE} in it or in its folder out: run triangulate reconstruct first, "
        "or name the poses with --poses"
    )


def _recording_of(folder: Path) -> Path:
    """The recording whose folder `out` this is, or that holds the poses itself."""
    whole = folder.absolute()
    return Path(os.path.relpath(whole.parent)) if whole.name == "out" else folder


def _settings_of(poses: Poses3D, options: Mapping[str, object]) -> ReconstructConfig:
    """How the recording is to be opened: as it was for the poses, but for what is said now."""
    recorded = poses.run.get("settings") or {}
    kept = {name: recorded[name] for name in _RECORDED if recorded.get(name) is not None}
    return read_settings({**kept, **{k: v for k, v in options.items() if v is not None}})


def _read_rig(
    place: Place,
    named: Path | None,
    poses: Poses3D,
    settings: ReconstructConfig,
    unit: str | None,
    subject: str | None,
) -> tuple[Rig | None, str]:
    """The calibration, or why there is none; one that was named must fit."""
    from triangulate.reporting.pictures import misfit

    try:
        path = rig_path([place.recording or place.poses], named)
    except InputError:
        return None, "there is no rig.yaml in the recording or above; --rig names the calibration"
    try:
        loaded = read_rig(path, settings, unit, None, subject)
        why = misfit(poses, loaded)
        if why is not None:
            raise InputError(
                f"{path}: is not the rig of these poses: {why}; name the right one with --rig"
            )
    except InputError as error:
        if named is not None:
            raise
        return None, str(error)
    return loaded.select(poses.names), ""


def _moments(
    place: Place,
    poses: Poses3D,
    rig: Rig,
    settings: ReconstructConfig,
    bind: dict[str, str],
    keypoints: Path | None,
    *,
    blur_faces: bool,
) -> tuple[list[Moment], str]:
    """Pictures, or why there are none."""
    if place.recording is None:
        return [], "it is not known which videos the poses are of: name the recording, and --poses"
    from triangulate.inputs import open_recording, read_keypoints
    from triangulate.reporting.pictures import overlay_moments

    try:
        with waiting("drawing pictures"):
            opened = open_recording(place.recording, rig, settings, bind)
            seen = None
            if blur_faces:
                path = keypoints or keypoints_beside([place.recording])
                if path is None:
                    print_notes(["faces of people without a pose stay as they are (--keypoints)"])
                else:
                    seen, _, _ = read_keypoints(path, rig, settings, bind)
            moments = overlay_moments(opened, poses, blur_faces=blur_faces, keypoints=seen)
    except InputError as error:
        return [], str(error)
    print_notes([*opened.rig.notes, *opened.notes])
    return moments, ""
