"""Which format a file is in, and where it is in a folder."""

from __future__ import annotations

import difflib
from pathlib import Path

from triangulate.errors import InputError
from triangulate.rig_formats import (
    anipose,
    caliscope,
    colmap,
    easymocap,
    freemocap,
    human36m,
    kalibr,
    label3d,
    multical,
    opencv_yaml,
    pairs,
    panoptic,
    pose2sim,
    qualisys,
    vicon,
    voxelpose,
)
from triangulate.rig_formats.calibration import Calibration
from triangulate.rig_formats.documents import NOT_KNOWN, Document, read_document

SUFFIXES = {".yaml", ".yml", ".toml", ".json", ".txt", ".xml", ".xcp", ".npy", ".mat"}
MOST_FILES, MOST_BYTES = 200, 64 << 20  # looked at when a folder is given


def format_of(document: Document) -> str | None:
    """The name of the format of a parsed file, None where it is no calibration."""
    content = document.content
    match document.syntax:
        case "colmap":
            return "colmap"
        case "yaml" | "opencv" if kalibr.matches(content):
            return "kalibr"
        case "yaml":
            return "rig"
        case "opencv":
            return "easymocap" if easymocap.matches(content) else "opencv"
        case "toml":
            # The one that says least about itself comes last.
            for name, room in (
                ("caliscope", caliscope),
                ("freemocap", freemocap),
                ("pose2sim", pose2sim),
                ("anipose", anipose),
            ):
                if room.matches(content):
                    return name
        case "json":
            for name, room in (
                ("panoptic", panoptic),
                ("multical", multical),
                ("voxelpose", voxelpose),
            ):
                if room.matches(content):
                    return name
        case "xml" if qualisys.matches(content):
            return "qualisys"
        case "xml" if vicon.matches(content):
            return "vicon"
        case "npy" if human36m.matches(content):
            return "human36m"
        case "mat" if label3d.matches(content):
            return "label3d"
    return None


def calibration_of(document: Document, subject: str | None, radial: str | None) -> Calibration:
    """The calibration in a parsed file (in both, where the format is a pair of files)."""
    content = document.content
    match format_of(document):
        case "human36m":
            return human36m.read(content, subject)
        case "vicon":
            return vicon.read(content, radial)
        case "caliscope":
            return caliscope.read(content)
        case "freemocap":
            return freemocap.read(content)
        case "pose2sim":
            return pose2sim.read(content)
        case "anipose":
            return anipose.read(content)
        case "opencv":
            return opencv_yaml.read(content)
        case "easymocap":
            return easymocap.read(content)
        case "kalibr":
            return kalibr.read(content)
        case "colmap":
            return colmap.read(content)
        case "qualisys":
            return qualisys.read(content)
        case "panoptic":
            return panoptic.read(content)
        case "multical":
            return multical.read(content)
        case "voxelpose":
            return voxelpose.read(content)
        case "label3d":
            return label3d.read(content)
    raise InputError(f"is {NOT_KNOWN}")


def find(path: Path) -> Path:
    """The calibration itself, where a folder is given."""
    if path.is_dir():
        return _find_in(path)
    if path.is_file():
        return path
    neighbours = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, neighbours, n=1)
    remedy = f"did you mean {path.parent / near[0]}?" if near else "name a calibration's file"
    raise InputError(f"{path}: no such file; {remedy}")


def _find_in(folder: Path) -> Path:
    if (folder / "rig.yaml").is_file():
        return folder / "rig.yaml"
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    formats = {file: _format_of_file(file) for file in files[:MOST_FILES]}
    found = pairs.without_second_halves({f: format for f, format in formats.items() if format})
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found)
        raise InputError(f"{folder}: holds several calibrations ({names}): name one of them")
    raise InputError(f"{folder}: no calibration in this folder: name the file")


def _format_of_file(file: Path) -> str | None:
    try:
        return format_of(read_document(file)) if file.stat().st_size <= MOST_BYTES else None
    except (InputError, OSError):
        return None
