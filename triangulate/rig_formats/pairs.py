"""Formats that lie in two files: lenses in one, the places of the cameras in the other.

The other file of a pair has the name of the first with one word exchanged, in the same folder:
`intri.yml` and `extri.yml`, `cameras.txt` and `images.txt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triangulate.errors import InputError
from triangulate.rig_formats import easymocap
from triangulate.rig_formats.documents import NOT_KNOWN, Document, read_document


@dataclass(frozen=True)
class Pair:
    """How a format is split.

    Attributes:
        whose: its name, for messages.
        lenses: the word in the name of the file that holds the lenses.
        poses: the word in that of the other.
        holds: which of the two a content has.
        joined: both in one, lenses first.
    """

    whose: str
    lenses: str
    poses: str
    holds: Callable[[Mapping[str, Any]], tuple[bool, bool]]
    joined: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


PAIRS = {
    "easymocap": Pair(
        whose="an EasyMocap",
        lenses=easymocap.LENSES,
        poses=easymocap.POSES,
        holds=lambda storage: (easymocap.has_lenses(storage), easymocap.has_poses(storage)),
        joined=easymocap.joined,
    ),
    "colmap": Pair(
        whose="a COLMAP",
        lenses="cameras",
        poses="images",
        holds=lambda content: ("cameras" in content, "images" in content),
        joined=lambda lenses, poses: {**lenses, **poses},
    ),
}


def completed(file: Path, document: Document, format: str | None) -> Document:
    """The document with the content of its other half, where it is half of a pair.

    Args:
        file: what was read.
        document: its content.
        format: its name.
    """
    pair = PAIRS.get(format or "")
    if pair is None or all(pair.holds(document.content)):
        return document
    has_lenses, _ = pair.holds(document.content)
    here, there = (pair.lenses, pair.poses) if has_lenses else (pair.poses, pair.lenses)
    other_name = file.name.replace(here, there) if here in file.name else f"{there}{file.suffix}"
    other = file.with_name(other_name)
    if not other.is_file():
        missing = "the places of the cameras" if has_lenses else "the lenses"
        raise InputError(
            f"is one half of {pair.whose} calibration: put {other_name}, with {missing}, beside it"
        )
    try:
        content = read_document(other).content
    except InputError as error:
        if str(error) != f"is {NOT_KNOWN}":
            raise InputError(f"its other half, {other_name}: {error}") from None
        content = None
    if not isinstance(content, Mapping) or not pair.holds(content)[1 if has_lenses else 0]:
        raise InputError(f"its other half, {other_name}, holds no {there} of {pair.whose} file")
    halves = (document.content, content) if has_lenses else (content, document.content)
    return Document(document.syntax, pair.joined(*halves))


def without_second_halves(found: Mapping[Path, str]) -> list[Path]:
    """The files but those of poses whose lenses are there too.

    Args:
        found: calibrations and their formats.
    """
    return [file for file, format in found.items() if not _has_first_half(file, format, found)]


def _has_first_half(file: Path, format: str, found: Mapping[Path, str]) -> bool:
    pair = PAIRS.get(format)
    if pair is None or pair.poses not in file.name:
        return False
    return found.get(file.with_name(file.name.replace(pair.poses, pair.lenses))) == format
