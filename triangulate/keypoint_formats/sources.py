"""What keypoints a path holds, recognised by content."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import json_files
from triangulate.keypoint_formats.recognition import KNOWN, ONE_IMAGE_EACH, recognise

_EXTENSIONS = (".npz", ".json", ".h5", ".hdf5", ".csv")


@dataclass(frozen=True)
class Source:
    """The keypoints of one camera, or of all in the case of "npz".

    Attributes:
        name: the folder's or file's name without extension.
        path: the file, or the folder where there is a file an image.
        format: "npz" or what `load_keypoints_from` reads.
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
        return [Source(path.stem, path, ONE_IMAGE_EACH.get(format_name, format_name))]
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


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key that puts cam2 before cam10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _sources_in(folder: Path) -> tuple[list[Source], list[str]]:
    """The keypoints directly in a folder, and why other files are none."""
    names = json_files(folder)
    reasons = []
    if names:
        format_name, reason = recognise(folder / names[0])
        if format_name in ONE_IMAGE_EACH:
            return [Source(folder.resolve().name, folder, ONE_IMAGE_EACH[format_name])], []
    found = []
    for file in _without_twins(_entries(folder, folders=False)):
        format_name, reason = recognise(file)
        if format_name in ONE_IMAGE_EACH:  # the first is something else: let the reader say so
            return [Source(folder.resolve().name, folder, ONE_IMAGE_EACH[format_name])], []
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
