"""From files to what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from triangulate.errors import InputError
from triangulate.poses import load_poses
from triangulate.video import VIDEO_SUFFIXES
from triangulate.viewer.contents import Motion
from triangulate.viewer.motion_files import MOTION_SUFFIXES, read_motion
from triangulate.viewer.reading import CLOUD_SUFFIXES, MESH_SUFFIXES, read_cloud
from triangulate.viewer.shapes import Dots, Mesh

MODEL_SUFFIXES = (*CLOUD_SUFFIXES, *MESH_SUFFIXES)
POSES_SUFFIX = ".npz"
_RECORDINGS = ("videos", "images", "out", "pose2d")  # what a recording's folder holds


def is_motion(path: Path) -> bool:
    """Whether a file's name says that it holds moving points."""
    return path.suffix.lower() in (POSES_SUFFIX, *MOTION_SUFFIXES)


def is_model(path: Path) -> bool:
    """Whether a file's name says that it is a cloud or a mesh."""
    return path.suffix.lower() in MODEL_SUFFIXES


def open_motion(path: Path) -> Motion:
    """The program's own poses, which stay in their file, or another program's points."""
    if path.suffix.lower() in MOTION_SUFFIXES:
        return read_motion(path)
    return Motion.of(load_poses(path, mapped=True))


def open_models(paths: Iterable[Path]) -> dict[str, Dots | Mesh]:
    """Clouds and meshes that are always there, by name."""
    return {str(path): read_cloud(path) for path in paths}


def cloud_sequence(folder: Path) -> Mapping[int, Path]:
    """Frame number -> file, of a folder of clouds such as `frame_000123.ply`.

    Raises:
        InputError: there is none, or two are of the same frame.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    found: dict[int, Path] = {}
    for path in sorted(path for path in folder.iterdir() if is_model(path)):
        numbers = re.findall(r"\d+", path.stem)
        number = int(numbers[-1]) if numbers else len(found)
        if number in found:
            raise InputError(f"{path}: is of frame {number}, and {found[number].name} is, too")
        found[number] = path
    if not found:
        raise InputError(f"{folder}: holds no clouds ({', '.join(MODEL_SUFFIXES)})")
    return found


def holds_models(folder: Path) -> bool:
    """Whether a folder is one of clouds: a recording may have some beside its videos."""
    if not folder.is_dir():
        return False
    entries = list(folder.iterdir())
    is_recording = any(
        entry.suffix.lower() in VIDEO_SUFFIXES or entry.name in _RECORDINGS for entry in entries
    )
    return not is_recording and any(is_model(entry) for entry in entries)
