"""What the arguments of several commands stand for: settings, a rig, a recording, a place.

Each function raises an `InputError` that names what to say instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from triangulate.console import Report, print_notes, progress_bar, uninterrupted, waiting
from triangulate.errors import InputError, Stopped

if TYPE_CHECKING:
    from triangulate.config import ReconstructConfig
    from triangulate.options import Size
    from triangulate.recording import Recording
    from triangulate.rig import Rig


def read_settings(options: Mapping[str, Any], config: Path | None = None) -> ReconstructConfig:
    """The settings file with the options given on the command line on top."""
    from triangulate.config import ReconstructConfig, load_config, with_options

    settings = load_config(config, ReconstructConfig) if config else ReconstructConfig()
    return with_options(settings, options)


def rig_path(recording: Sequence[Path], rig: Path | None) -> Path:
    """The rig named, or the `rig.yaml` in the recording's folder or in one of three above it."""
    if rig is not None:
        return rig
    check_existing(recording)
    start = Path(os.path.abspath(recording[0]))  # without following links, as the user sees it
    folder = start if start.is_dir() else start.parent
    for place in (folder, *folder.parents[:3]):
        if (place / "rig.yaml").is_file():
            return Path(os.path.relpath(place / "rig.yaml"))
    raise InputError(
        f"{recording[0]}: no rig.yaml in it or in the folders above; name the calibration "
        "with --rig"
    )


def read_rig(
    path: Path,
    settings: ReconstructConfig,
    unit: str | None,
    sizes: Size | dict[str, Size] | None,
    subject: str | None,
) -> Rig:
    """The cameras to use of a calibration; a broken one may be left out with --cameras."""
    with uninterrupted():
        from triangulate.rig_formats import load_rig

    rig = load_rig(path, unit, sizes, subject, settings.cameras)
    if len(rig) < 2:
        raise InputError(
            f"{path}: holds one camera ({rig.names[0]}), and 3D needs at least two: name the "
            "calibration of all cameras with --rig"
        )
    return rig


def open_checked(
    recording: Sequence[Path], rig: Rig, settings: ReconstructConfig, bind: Mapping[str, str]
) -> Recording:
    """The recording, checked against the rig; what had to be assumed goes to stderr."""
    with uninterrupted():
        from triangulate.inputs import open_recording

    source = recording[0] if len(recording) == 1 else list(recording)
    opened = open_recording(source, rig, settings, bind)
    print_notes([*opened.rig.notes, *opened.notes])
    return opened


def with_offsets(recording: Sequence[Path], settings: ReconstructConfig) -> ReconstructConfig:
    """The settings with the recording's own file of time offsets, unless another is named."""
    from triangulate.config import with_options
    from triangulate.recording.offsets import offsets_path

    source = recording[0] if len(recording) == 1 else list(recording)
    path = offsets_path(source, settings.sync)
    if path is None:
        return settings
    print_notes([f"{path}: the cameras' time offsets are taken from it (--sync none: are not)"])
    return with_options(settings, {"sync": str(path)})


def default_out(recording: Sequence[Path], name: str) -> Path:
    """Where to write if the user does not say: in the recording's folder."""
    check_existing(recording)
    folders = {path if path.is_dir() and len(recording) == 1 else path.parent for path in recording}
    if len(folders) > 1:
        raise InputError(f"{recording[0]}: is not beside the others; say where to write with --out")
    return folders.pop() / name


def poses_beside(recording: Sequence[Path]) -> Path | None:
    """The poses that `reconstruct` wrote of a recording; None without any."""
    folder = default_out(recording, ".")
    paths = (folder / "out" / "poses.npz", folder / "poses.npz")
    return next((path for path in paths if path.is_file()), None)


def keypoints_beside(recording: Sequence[Path]) -> Path | None:
    """The 2D keypoints that lie beside the videos, in `pose2d`; None without any."""
    folder = default_out(recording, "pose2d")
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def check_existing(recording: Sequence[Path]) -> None:
    """Refuse a recording that is not there."""
    for path in recording:
        if not path.exists():
            raise InputError(f"{path}: does not exist; name a folder of videos, or several videos")


@contextmanager
def detecting(*, cache: bool) -> Iterator[Report]:
    """Show how far detection is; where Ctrl-C ends it, say what is kept."""
    reached: tuple[int, int] | None = None
    with progress_bar("detecting", "frames") as show:

        def report(done: int, total: int) -> None:
            nonlocal reached
            reached = done, total
            show(done, total)

        try:
            yield report
        except KeyboardInterrupt:
            raise Stopped(_kept(reached, cache=cache)) from None


def _kept(reached: tuple[int, int] | None, *, cache: bool) -> str:
    from triangulate.detection import STRETCH_FRAMES

    if not cache:
        return "stopped; with --no-cache nothing is kept, and the same command starts anew"
    if reached is None:
        return "stopped; finished detections are kept: run the same command again to go on"
    done, total = reached
    kept = total if done == total else done - done % STRETCH_FRAMES
    says = f"stopped after frame {done} of {total}; "
    if kept == 0:
        return says + f"nothing is kept yet, as detections are kept {STRETCH_FRAMES} at a time"
    return says + f"the first {kept} are kept: run the same command again to go on from there"


def offer_networks(detector: str = "blazepose") -> None:
    """Ask to fetch BlazePose where it is needed and missing, and somebody is there to answer."""
    if detector != "blazepose":
        return
    from triangulate.pose2d.model_files import blazepose_files

    try:
        blazepose_files()
    except InputError as error:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        typer.echo(str(error), err=True)
        if not typer.confirm("Fetch them now?", default=True, err=True):
            raise InputError(
                "nothing can be detected without the BlazePose networks; triangulate reconstruct "
                "takes 2D keypoints of another detector with --keypoints"
            ) from None
        fetch_networks()


def fetch_networks() -> Path:
    """Fetch BlazePose, unless it is there; the folder it is in."""
    from triangulate.pose2d.model_files import fetch_blazepose

    with waiting("fetching BlazePose (36 MB)"):
        return fetch_blazepose()
