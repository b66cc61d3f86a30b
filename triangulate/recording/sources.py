"""Where a recording's files are, and which camera each belongs to."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from triangulate.errors import InputError
from triangulate.video import VIDEO_SUFFIXES, list_images
from triangulate.video.images import natural_key

KEYPOINT_SUFFIXES = frozenset(".npz .json .h5 .hdf5 .csv".split())


def list_videos(folder: Path) -> list[Path]:
    """The video files of a recording's folder, or its folders of images.

    Looked for in `videos/`, `images/`, and in the folder itself.
    """
    if not folder.is_dir():
        what = "is a file, and one camera is not enough" if folder.exists() else "does not exist"
        raise InputError(f"{folder}: {what}; name a folder of videos, or several videos")
    found = [e for e in map(_entries, (folder / "videos", folder / "images")) if e]
    if len(found) == 2:
        raise InputError(f"{folder}: holds both videos/ and images/; name the one that is meant")
    entries = found[0] if found else _entries(folder)
    if not entries:
        raise InputError(f"{folder}: {_what_is_there(folder)}")
    return entries


def bind_videos(
    files: Sequence[Path],
    rig_names: Sequence[str],
    bind: Mapping[str, str] | None = None,
    cameras: Sequence[str] | None = None,
) -> tuple[dict[str, Path], list[str]]:
    """Which file each camera has.

    Args:
        files: videos and folders of images.
        rig_names: the cameras there are.
        bind: file name or stem -> camera name, before what the names say.
        cameras: which to use; files of others, or of none, are then left out.

    Returns:
        camera name -> file, in the rig's order, and notes for people.

    Raises:
        InputError: a file of no camera, two files of one, a camera asked for without a file, fewer
            than two cameras.
    """
    names, notes = list(rig_names), []
    _check_known(cameras or (), names, "--cameras")
    bound = _bound_by_hand(files, names, bind or {})
    of_camera: dict[str, list[Path]] = {name: [] for name in names}
    strangers = []
    for file in files:
        camera, how = bound.get(file), None
        if camera is None:
            camera, how = _camera_of(file, names)
        if camera is None:
            strangers.append(file)
        elif file not in bound and camera in bound.values():
            notes.append(f"{file.name}: left out, {camera} has another file by --camera")
        else:
            of_camera[camera].append(file)
            notes += [how] if how else []
    if strangers and cameras is None:
        raise InputError(_stranger(strangers[0], names))
    if strangers:
        left = ", ".join(file.name for file in strangers)
        notes.append(f"left out, being of none of the cameras {', '.join(names)}: {left}")
    wanted = [name for name in names if cameras is None or name in cameras]
    return _one_file_each({name: of_camera[name] for name in wanted}, cameras, notes), notes


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    inside = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural_key)
    videos = [
        path for path in inside if path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()
    ]
    return videos or [p for p in inside if p.is_dir() and p.name != "out" and list_images(p)]


def _what_is_there(folder: Path) -> str:
    recordings = folder / "recordings"
    inside = sorted(p.name for p in recordings.iterdir()) if recordings.is_dir() else []
    if inside:
        return f"is a project; name one of its recordings: {', '.join(inside[:8])} in {recordings}"
    inside = [
        p.name
        for p in sorted(folder.iterdir())
        if any(map(_entries, (p, p / "videos", p / "images")))
    ]
    if inside:
        return f"no videos here, but in its folders; name one of them: {', '.join(inside[:8])}"
    keypoints = folder / "pose2d"
    if _holds_keypoints(keypoints):
        told = shlex.quote(str(keypoints))
        return (
            "no videos here, but 2D keypoints: triangulate reconstruct and triangulate sync take "
            f"them with --keypoints {told}"
        )
    if list_images(folder):
        return "holds the images of one camera; name the folder above, with a folder a camera"
    return "no videos here; expected <camera>.mp4 (or .mov, .avi, .mkv, ...) or <camera>/*.jpg"


def _holds_keypoints(folder: Path) -> bool:
    """Whether anything in a folder, or in the folders in it, looks like 2D keypoints."""
    if not folder.is_dir():
        return False
    inside = itertools.chain(folder.iterdir(), folder.glob("*/*"))
    return any(path.suffix.lower() in KEYPOINT_SUFFIXES for path in inside)


def _check_known(cameras: Iterable[str], names: Sequence[str], option: str) -> None:
    for name in cameras:
        if name not in names:
            raise InputError(f"{option}: no camera {name!r} in the rig; it has {', '.join(names)}")


def _bound_by_hand(
    files: Sequence[Path], names: Sequence[str], bind: Mapping[str, str]
) -> dict[Path, str]:
    bound: dict[Path, str] = {}
    for key, camera in bind.items():
        _check_known([camera], names, f"--camera {key}={camera}")
        named = [f for f in files if key in (f.name, str(f))] or [f for f in files if key == f.stem]
        if not named:
            raise InputError(
                f"--camera {key}={camera}: there is no file {key!r}; there are "
                f"{', '.join(file.name for file in files)}"
            )
        bound |= dict.fromkeys(named, camera)
    return bound


def _camera_of(file: Path, names: Sequence[str]) -> tuple[str | None, str | None]:
    """The camera by a file's name, and a note where it took more than reading it."""
    stem = file.name if file.is_dir() else file.stem
    if stem in names:
        return stem, None
    same = [name for name in names if name.lower() == stem.lower()]
    holds = [name for name in names if _holds_word(stem.lower(), name.lower())]
    for candidates in (same, holds):
        if len(candidates) == 1:
            return candidates[0], f"{file.name}: taken as camera {candidates[0]!r}, by its name"
    return None, None


def _holds_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text) is not None


def _stranger(file: Path, names: Sequence[str]) -> str:
    return (
        f"{file}: belongs to no camera of the rig ({', '.join(names)}); say to which with "
        f"--camera {file.name}=NAME, or which cameras to use with --cameras"
    )


def _one_file_each(
    of_camera: Mapping[str, list[Path]], cameras: Sequence[str] | None, notes: list[str]
) -> dict[str, Path]:
    for name, files in of_camera.items():
        if len(files) > 1:
            raise InputError(
                f"camera {name!r}: {files[0].name} and {files[1].name} are both named for it: "
                f"say which with --camera {files[0].name}={name}, or move one away"
            )
        if not files and cameras is not None:
            raise InputError(f"camera {name!r} has no video in this recording")
    chosen = {name: files[0] for name, files in of_camera.items() if files}
    missing = [name for name in of_camera if name not in chosen]
    if len(chosen) < 2:
        have = f"only {next(iter(chosen))!r}" if chosen else "none"
        lack = f"; no video for {', '.join(missing)}" if missing else ""
        raise InputError(f"two cameras are needed for 3D, and there is {have}{lack}")
    notes += [f"{name}: the recording has no video of this camera" for name in missing]
    return chosen
