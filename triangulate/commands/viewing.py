"""What `view` and `render` show: files on the command line as the contents of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triangulate.arguments import (
    check_existing,
    keypoints_beside,
    poses_beside,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.console import print_notes
from triangulate.errors import InputError, UsageError
from triangulate.options import ColourBy

if TYPE_CHECKING:
    from triangulate.config import ReconstructConfig
    from triangulate.poses import Poses3D
    from triangulate.recording import Recording
    from triangulate.rig import Rig
    from triangulate.viewer.contents import Contents, Motion
    from triangulate.viewer.look import Look
    from triangulate.viewer.moments import Faces

_RECORDED = ("on_size_mismatch", "match", "sync")


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line; it goes to another process.

    Attributes:
        sources: recordings, poses, rigs, clouds, meshes, TRC and C3D files.
        poses: of the recording, if they are not in its folder `out`.
        rig: the calibration, if it is not in or above the recording.
        clouds: a folder with a cloud a frame, if it is not the recording's `out/clouds`.
        up: which axis points up, whatever the files tell.
        images: show what the cameras saw.
        blur_faces: make faces in it unrecognisable.
        keypoints: of everybody in view, for that.
        colours: what colours say; None: persons where there are several, else sides.
        layers: what is shown, as `parse_layers` reads it.
        person: the only one shown, counted from 1.
        bind: file -> camera, where names differ.
        options: of the recording, as settings.
        unit: of a calibration that does not tell.
        subject: of Human3.6M's cameras.
    """

    sources: tuple[Path, ...]
    poses: Path | None = None
    rig: Path | None = None
    clouds: Path | None = None
    up: str | None = None
    images: bool = True
    blur_faces: bool = False
    keypoints: Path | None = None
    colours: ColourBy | None = None
    layers: str = ""
    person: int | None = None
    bind: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    unit: str | None = None
    subject: str | None = None


def open_contents(wanted: Wanted) -> Contents:
    """Read what was asked for; what had to be left out is told in notes.

    Raises:
        InputError: a file that cannot be read, or nothing to be seen.
    """
    from triangulate.video import VIDEO_SUFFIXES
    from triangulate.viewer.contents import Contents
    from triangulate.viewer.opening import (
        cloud_sequence,
        holds_models,
        is_model,
        is_motion,
        open_models,
        open_motion,
    )

    check_existing(wanted.sources)
    models = [path for path in wanted.sources if is_model(path)]
    motions = [path for path in wanted.sources if is_motion(path)]
    folders = [path for path in wanted.sources if holds_models(path)]
    others = [path for path in wanted.sources if path not in [*models, *motions, *folders]]
    rigs = [p for p in others if p.is_file() and p.suffix.lower() not in VIDEO_SUFFIXES]
    places = [_recording_of(path) for path in others if path not in rigs]
    motion_path = _one([*motions, *filter(None, [wanted.poses])], "poses or markers")
    if motion_path is None and places:
        motion_path = poses_beside(places)
    motion = None if motion_path is None else open_motion(motion_path)
    if not places and motion_path is not None:
        folder = _recording_of(motion_path.parent)
        places = [folder] if folder != motion_path.parent else []
    settings = _settings(wanted, motion)
    named = _one([*rigs, *filter(None, [wanted.rig])], "calibrations")
    rig = _rig(wanted, places or ([motion_path] if motion_path else []), named, settings)
    recording = None
    if rig is not None and places and wanted.images:
        recording, rig = _recording(places, rig, settings, wanted.bind)
    clouds = _one([*folders, *filter(None, [wanted.clouds])], "folders of clouds")
    if clouds is None and len(places) == 1 and holds_models(places[0] / "out" / "clouds"):
        clouds = places[0] / "out" / "clouds"
    title = str(wanted.sources[0])
    if not (motion or rig or models or clouds):
        raise InputError(
            f"{title}: there are no poses, no calibration and no clouds in it to be seen: run "
            "triangulate reconstruct first, or name the files"
        )
    return Contents(
        title,
        motion,
        rig,
        recording,
        open_models(models),
        {} if clouds is None else cloud_sequence(clouds),
        wanted.up,
    )


def load_all(wanted: Wanted) -> tuple[Contents, Look, Faces | None]:
    """What is shown, how, and whose faces are hidden."""
    contents = open_contents(wanted)
    return contents, look_of(wanted, contents), faces_of(wanted, contents)


def look_of(wanted: Wanted, contents: Contents) -> Look:
    """How it is shown.

    Raises:
        InputError: colours that the files cannot tell, or a person that there is not.
    """
    from triangulate.viewer.look import Look, colour_scale, default_colours, parse_layers

    motion, person = contents.motion, wanted.person
    colours = wanted.colours or default_colours(motion)
    if motion is not None:
        colour_scale(motion, colours)
        people = motion.positions_m.shape[1]
        if person is not None and person > people:
            raise InputError(f"--person {person}: there are {people}, counted from 1")
    layers = parse_layers(wanted.layers)
    return Look(colours, layers, None if person is None else person - 1)


def faces_of(wanted: Wanted, contents: Contents) -> Faces | None:
    """Whose faces are hidden in the images; None: nobody's."""
    if not wanted.blur_faces or contents.recording is None or contents.rig is None:
        return None
    from triangulate.drawing.sheet import keypoints_at
    from triangulate.inputs import read_keypoints
    from triangulate.viewer.moments import Faces

    poses = None if contents.motion is None else contents.motion.poses
    if poses is None:
        raise InputError(
            "--blur-faces: only poses (poses.npz) tell where faces are; leave the "
            "images out with --no-images"
        )
    path = wanted.keypoints or keypoints_beside(wanted.sources)
    if path is None:
        print_notes(["faces of people without a pose stay as they are (--keypoints)"])
        return Faces()
    settings = _settings(wanted, contents.motion)
    seen, _, notes = read_keypoints(path, contents.rig, settings, wanted.bind, fps=settings.fps)
    print_notes(notes)
    return Faces(keypoints_at(seen, contents.recording, poses))


def _recording_of(path: Path) -> Path:
    """The recording itself where the folder of its results is named."""
    return path.parent if path.name == "out" and (path / "poses.npz").is_file() else path


def _one(paths: Sequence[Path], what: str) -> Path | None:
    if len(paths) > 1:
        raise UsageError(f"{paths[0]} and {paths[1]}: two {what} cannot be shown at once")
    return paths[0] if paths else None


def _settings(wanted: Wanted, motion: Motion | None) -> ReconstructConfig:
    """How the recording is to be opened: as it was for the poses, but for what is said now."""
    poses: Poses3D | None = None if motion is None else motion.poses
    recorded = {} if poses is None else poses.run.get("settings") or {}
    kept = {name: recorded[name] for name in _RECORDED if recorded.get(name) is not None}
    if kept.get("sync", "none") != "none" and not Path(kept["sync"]).is_file():
        del kept["sync"]  # named from another folder; what lies beside the videos is found anyway
    return read_settings(
        {**kept, **{name: value for name, value in wanted.options.items() if value is not None}}
    )


def _rig(
    wanted: Wanted, places: Sequence[Path], named: Path | None, settings: ReconstructConfig
) -> Rig | None:
    """The calibration; None, with a note, where there is none."""
    try:
        path = rig_path(places, named) if places or named else None
    except InputError as error:
        print_notes([f"{error}; without it neither cameras nor images are shown"])
        return None
    if path is None:
        return None
    rig = read_rig(path, settings, wanted.unit, None, wanted.subject)
    print_notes(rig.notes)
    return rig


def _recording(
    places: Sequence[Path], rig: Rig, settings: ReconstructConfig, bind: Mapping[str, str]
) -> tuple[Recording | None, Rig]:
    """The videos and the cameras that they show; no videos, with a note, where there are none."""
    from triangulate.inputs import open_recording

    source = places[0] if len(places) == 1 else list(places)
    try:
        recording = open_recording(source, rig, settings, bind)
    except InputError as error:
        print_notes([f"{error}; the cameras are shown without images"])
        return None, rig
    print_notes(recording.notes)
    return recording, recording.rig
