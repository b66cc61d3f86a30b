"""Calibrations of other programs, recognised by what is in the file.

`load_rig` reads any of them, `save_rig` writes those that others need; one module a format. Every
reader states the format's units and axes, and hands over cameras in OpenCV's axes.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from triangulate.errors import InputError
from triangulate.files import write_text
from triangulate.rig import Rig, Size
from triangulate.rig_formats import (
    anipose,
    caliscope,
    freemocap,
    human36m,
    label3d,
    opencv_yaml,
    panoptic,
    pose2sim,
    qualisys,
    voxelpose,
)
from triangulate.rig_formats.calibration import METRES, Calibration
from triangulate.rig_formats.documents import NOT_KNOWN, Document, read_document

Sizes = Mapping[str, Sequence[int]] | Sequence[int]
WrittenFormat = Literal["rig", "anipose", "pose2sim"]

SUFFIXES = {".yaml", ".yml", ".toml", ".json", ".txt", ".xml", ".npy", ".mat"}
MOST_FILES, MOST_BYTES = 200, 64 << 20  # looked at when a folder is given


def load_rig(
    path: str | Path,
    unit: str | None = None,
    sizes: Sizes | None = None,
    subject: str | None = None,
    cameras: Sequence[str] | str | None = None,
) -> Rig:
    """Read a calibration; the format is recognised by the file's content.

    Reads rig.yaml, anipose / Pose2Sim / FreeMoCap / caliscope TOML, OpenCV's multi-camera YAML,
    Qualisys .qca.txt, CMU Panoptic json, Human3.6M labels npy, VoxelPose json and Label3D / DANNCE
    .mat.

    Args:
        path: the file, or a folder that holds one.
        unit: "mm", "cm" or "m" of the translations, where the file leaves it open.
        sizes: image sizes (width, height) where the file has none: by camera name, or one for all.
        subject: whose cameras, where the file has several people's (Human3.6M: "S9").
        cameras: names to take, in this order: a list, or a text with commas. The others are not
            looked at, so that a broken camera can be left out.

    Raises:
        InputError: one line that begins with the path and says what to do.
    """
    file = _find(Path(path))
    try:
        if unit is not None and unit not in METRES:
            raise InputError(f"unit must be {', '.join(METRES)} (--unit), not {unit!r}")
        rig = _rig(read_document(file), unit, sizes, subject, cameras)
        _check_apart(rig)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return rig


def save_rig(rig: Rig, path: str | Path, format: WrittenFormat | None = None) -> None:
    """Write a rig as rig.yaml, anipose TOML (in mm) or Pose2Sim TOML (in m).

    Args:
        rig: what to write; nothing is lost, or an error says what would be.
        path: the file. Its folder is made where it is missing.
        format: "rig", "anipose" or "pose2sim"; by default "rig" for a name in .yaml or .yml.
    """
    if Path(path).is_dir():
        raise InputError(f"{path}: is a folder: name the file to write, such as {path}/rig.yaml")
    format = format or _format_by_name(Path(path))
    try:
        match format:
            case "rig":
                text = rig.to_text()
            case "anipose":
                text = anipose.text(rig)
            case "pose2sim":
                text = pose2sim.text(rig)
            case _:
                raise InputError(f"format must be rig, anipose or pose2sim, not {format!r}")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    write_text(path, text, remedy="choose another file to write")


# --- Recognising ----------------------------------------------------------------------------------


def format_of(document: Document) -> str | None:
    """The name of the format of a parsed file, None where it is no calibration."""
    content = document.content
    match document.syntax:
        case "yaml":
            return "rig"
        case "opencv":
            return "opencv"
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
        case "json" if panoptic.matches(content):
            return "panoptic"
        case "json" if voxelpose.matches(content):
            return "voxelpose"
        case "xml" if qualisys.matches(content):
            return "qualisys"
        case "npy" if human36m.matches(content):
            return "human36m"
        case "mat" if label3d.matches(content):
            return "label3d"
    return None


def _calibration(document: Document, subject: str | None) -> Calibration:
    content = document.content
    match format_of(document):
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
        case "qualisys":
            return qualisys.read(content)
        case "panoptic":
            return panoptic.read(content)
        case "human36m":
            return human36m.read(content, subject)
        case "voxelpose":
            return voxelpose.read(content)
        case "label3d":
            return label3d.read(content)
    raise InputError(f"is {NOT_KNOWN}")


def _find(path: Path) -> Path:
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
    found = [file for file in files[:MOST_FILES] if _is_calibration(file)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found)
        raise InputError(f"{folder}: holds several calibrations ({names}): name one of them")
    raise InputError(f"{folder}: no calibration in this folder: name the file")


def _is_calibration(file: Path) -> bool:
    try:
        return file.stat().st_size <= MOST_BYTES and format_of(read_document(file)) is not None
    except (InputError, OSError):
        return False


# --- What the user chose --------------------------------------------------------------------------


def _rig(
    document: Document,
    unit: str | None,
    sizes: Sizes | None,
    subject: str | None,
    cameras: Sequence[str] | str | None,
) -> Rig:
    format = format_of(document)
    if subject is not None and format not in (None, "human36m"):
        raise InputError("has no subjects: leave subject= (--subject) out")
    if format == "rig":
        return _own_rig(document.content, unit, sizes, cameras)
    calibration = _calibration(document, subject)
    names = calibration.names
    chosen = _chosen(names, cameras)
    return calibration.rig(chosen, unit, _sizes(sizes, names))


def _own_rig(
    document: Mapping[str, Any],
    unit: str | None,
    sizes: Sizes | None,
    cameras: Sequence[str] | str | None,
) -> Rig:
    """rig.yaml, of which only the chosen cameras are read."""
    if unit not in (None, "m"):
        raise InputError("a rig.yaml is in metres: leave unit= (--unit) out")
    entries = document.get("cameras")
    if not isinstance(entries, Mapping) or not all(
        isinstance(e, Mapping) for e in entries.values()
    ):
        return Rig.from_document(document)  # which says what is wrong
    told = _sizes(sizes, list(entries))
    chosen = {name: dict(entries[name]) for name in _chosen(list(entries), cameras)}
    for name in chosen.keys() & told.keys():
        chosen[name]["size"] = told[name]
    return Rig.from_document({**document, "cameras": chosen})


def _chosen(names: Sequence[str], cameras: Sequence[str] | str | None) -> list[str]:
    if doubled := _doubled(names):
        raise InputError(f"camera name {doubled} is given twice: rename one")
    if cameras is None:
        return list(names)
    wanted = [c.strip() for c in cameras.split(",")] if isinstance(cameras, str) else list(cameras)
    missing = [name for name in wanted if name not in names]
    if missing or not wanted:
        raise InputError(
            f"has no camera {', '.join(map(repr, missing)) or 'chosen'} (--cameras); it has "
            f"{_listed(names)}"
        )
    if doubled := _doubled(wanted):
        raise InputError(f"camera {doubled} is asked for twice (--cameras)")
    return wanted


def _doubled(names: Sequence[str]) -> str:
    return ", ".join(sorted({repr(name) for name in names if names.count(name) > 1}))


def _sizes(sizes: Sizes | None, names: Sequence[str]) -> dict[str, Size]:
    if sizes is None:
        return {}
    by_name = sizes if isinstance(sizes, Mapping) else dict.fromkeys(names, sizes)
    unknown = [name for name in by_name if name not in names]
    if unknown:
        raise InputError(
            f"has no camera {', '.join(map(repr, unknown))} (--size); it has {_listed(names)}"
        )
    return {name: _pair(size) for name, size in by_name.items()}


def _pair(size: Sequence[int]) -> Size:
    try:
        width, height = size
    except (TypeError, ValueError):
        raise InputError(f"a size must be (width, height) (--size), not {size!r}") from None
    return width, height


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _check_apart(rig: Rig) -> None:
    pairs = rig.coincident_cameras()
    if pairs:
        first, second = pairs[0]
        others = shlex.quote(",".join(name for name in rig.names if name != first))
        raise InputError(
            f"cameras {first!r} and {second!r} stand at the same place: a copied entry? Calibrate "
            f"again, or leave one out with cameras= (--cameras {others})"
        )


# --- Writing --------------------------------------------------------------------------------------


def _format_by_name(path: Path) -> WrittenFormat:
    if path.suffix.lower() in (".yaml", ".yml"):
        return "rig"
    formats = "|".join(get_args(WrittenFormat))
    raise InputError(f"{path}: its name does not tell the format: say format= (--to {formats})")
