"""What keypoints a path holds, recognised by content."""

from __future__ import annotations

import importlib.util
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import json_files, load_json, one_line

_EXTENSIONS = (".npz", ".json", ".h5", ".hdf5", ".csv")
KNOWN = (
    "the program's own .npz, OpenPose JSON (a folder a camera, a file a frame), COCO results "
    ".json, DeepLabCut .h5 or .csv, SLEAP analysis .h5"
)


@dataclass(frozen=True)
class Source:
    """The keypoints of one camera, or of all in the case of "npz".

    Attributes:
        name: the folder's or file's name without extension.
        path: the file, or the folder of "openpose".
        format: "npz", "openpose", "coco", "deeplabcut" or "sleap".
    """

    name: str
    path: Path
    format: str


def find_sources(path: Path) -> list[Source]:
    """The keypoints in a file, a folder of files, or a folder of folders, in natural order.

    Raises:
        InputError: there are none, or it is open which ones are meant.
    """
    if path.is_file():
        format_name, reason = recognise(path)
        if format_name is None:
            raise InputError(f"{path}: {reason}; known are {KNOWN}")
        return [Source(path.stem, path, format_name)]
    if not path.is_dir():
        raise InputError(f"{path}: there is no such file or folder")
    own, reasons = _sources_in(path)
    nested: list[Source] = []
    for folder in _entries(path, folders=True):
        found, more_reasons = _sources_in(folder)
        reasons += more_reasons
        if len(found) > 1:
            raise InputError(
                f"{folder}: holds several files of keypoints "
                f"({', '.join(source.path.name for source in found)}); leave one there"
            )
        nested += [Source(folder.name, source.path, source.format) for source in found]
    if own and nested:
        raise InputError(
            f"{path}: holds keypoints itself ({own[0].path.name}) and in folders "
            f"({nested[0].name}); point at the one or the other"
        )
    if not own and not nested:
        why = f" ({reasons[0]})" if reasons else ""
        raise InputError(f"{path}: holds no keypoints{why}; known are {KNOWN}")
    return own or nested


def recognise(file: Path) -> tuple[str | None, str]:
    """The format of a file, or None and what it is instead.

    Raises:
        InputError: it cannot be read at all.
    """
    try:
        with file.open("rb") as stream:
            start = stream.read(256).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    if not start:
        raise InputError(f"{file}: is empty; write it again or take it away")
    if start.startswith(b"PK"):
        return _recognise_npz(file)
    if start.startswith(b"\x89HDF"):
        return _recognise_h5(file)
    if start.startswith(b"["):
        return "coco", ""
    if start.startswith(b"{"):
        content = load_json(file)
        if "people" in content:
            return "openpose", ""
        if "annotations" in content:
            return None, "holds COCO annotations, of which only results (a list) are read"
        return None, "is a JSON object without 'people'"
    if start[:6].lower() == b"scorer":
        return "deeplabcut", ""
    return None, "is of no format known here"


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key that puts cam2 before cam10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _recognise_npz(file: Path) -> tuple[str | None, str]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: is broken ({one_line(error)}); write it again") from None
    if {"header.npy", "points_px.npy", "confidence.npy"} <= names:
        return "npz", ""
    return None, "is an archive without keypoints"


def _recognise_h5(file: Path) -> tuple[str | None, str]:
    try:
        with h5py.File(file, "r") as content:
            if {"tracks", "node_names"} <= content.keys():
                return "sleap", ""
            if {"frames", "instances", "metadata"} <= content.keys():
                return None, "is a SLEAP project, from which the analysis HDF5 has to be exported"
            groups = [item for item in content.values() if isinstance(item, h5py.Group)]
            if any("pandas_type" in group.attrs for group in groups):
                return "deeplabcut", ""
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{file}: is no HDF5 file, or cut short ({one_line(error)})") from None
    return None, "is an HDF5 file without keypoints"


def _sources_in(folder: Path) -> tuple[list[Source], list[str]]:
    """The keypoints directly in a folder, and why other files are none."""
    names = json_files(folder)
    reasons = []
    if names:
        first = folder / names[0]
        format_name, reason = recognise(first)
        if format_name == "openpose":
            return [Source(folder.resolve().name, folder, "openpose")], []
    found = []
    for file in _without_twins(_entries(folder, folders=False)):
        format_name, reason = recognise(file)
        if format_name == "openpose":  # the first file is something else: let the reader say so
            return [Source(folder.resolve().name, folder, "openpose")], []
        if format_name is None:
            reasons.append(f"{file.name} {reason}")
        else:
            found.append(Source(file.stem, file, format_name))
    return found, reasons


def _entries(folder: Path, *, folders: bool) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: natural_order(entry.name))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
    visible = [entry for entry in entries if not entry.name.startswith(".")]
    if folders:
        return [entry for entry in visible if entry.is_dir()]
    return [entry for entry in visible if entry.suffix.lower() in _EXTENSIONS and entry.is_file()]


def _without_twins(files: Sequence[Path]) -> list[Path]:
    """DeepLabCut writes the same table as .h5 and .csv: the one that can be read here."""
    unwanted = ".csv" if importlib.util.find_spec("tables") else ".h5"
    stems = {(file.stem, file.suffix.lower()) for file in files}
    return [
        file
        for file in files
        if not (
            file.suffix.lower() == unwanted and {(file.stem, ".h5"), (file.stem, ".csv")} <= stems
        )
    ]
