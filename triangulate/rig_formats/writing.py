"""A rig as the files of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import (
    anipose,
    colmap,
    easymocap,
    kalibr,
    opencv_yaml,
    panoptic,
    pose2sim,
)

WrittenFormat = Literal[
    "rig", "anipose", "pose2sim", "opencv", "easymocap", "kalibr", "colmap", "panoptic"
]


def files_of(rig: Rig, path: Path, format: WrittenFormat | None) -> dict[Path, str]:
    """The files to write and their content.

    Args:
        rig: what to write.
        path: the file; for a format in several files, their folder or one of them.
        format: None: by the name of the file.
    """
    match format or _format_by_name(path):
        case "easymocap":
            return _in_folder(path, easymocap.texts(rig))
        case "colmap":
            return _in_folder(path, colmap.texts(rig))
        case "rig":
            text = rig.to_text()
        case "anipose":
            text = anipose.text(rig)
        case "pose2sim":
            text = pose2sim.text(rig)
        case "opencv":
            text = opencv_yaml.text(rig)
        case "kalibr":
            text = kalibr.text(rig)
        case "panoptic":
            text = panoptic.text(rig)
        case _:
            raise InputError(f"format must be {', '.join(get_args(WrittenFormat))}, not {format!r}")
    if path.is_dir():
        raise InputError(f"is a folder: name the file to write, such as {path}/rig.yaml")
    return {path: text}


def _in_folder(path: Path, texts: dict[str, str]) -> dict[Path, str]:
    names = " and ".join(texts)
    folder = path.parent if path.name in texts else path
    if folder.is_file() or (folder.suffix and not folder.is_dir()):
        raise InputError(f"this format is written as {names}: name a folder for them")
    return {folder / name: text for name, text in texts.items()}


def _format_by_name(path: Path) -> WrittenFormat:
    if path.is_dir():
        raise InputError(f"is a folder: name the file to write, such as {path}/rig.yaml")
    if path.suffix.lower() in (".yaml", ".yml"):
        return "rig"
    formats = "|".join(get_args(WrittenFormat))
    raise InputError(f"its name does not tell the format: say format= (--to {formats})")
