"""Files and their names, as the readers of several formats need them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError

_CHUNK = 1 << 20
_BETWEEN = re.compile(r"[\s,]*")
_NUMBER = re.compile(r"(\d+)\D*$")


def frame_number(name: str, path: str | Path) -> int:
    """The last run of digits in a name without its extension.

    Args:
        name: such as `walk_000000000042_keypoints`.
        path: the file the name stands in, for messages.
    """
    match = _NUMBER.search(re.sub(r"[._-]?(pose|keypoints)?_?2d$", "", name))
    if match is None:
        raise InputError(f"{path}: {name!r} has no frame number; name frames such as cam01_0042")
    return checked_number(int(match[1]), path)


def image_number(image_id: Any, path: str | Path) -> int:
    """The frame number that an image's id says: a number, or the name of the image's file.

    Args:
        image_id: as it stands in the file.
        path: that file, for messages.
    """
    if isinstance(image_id, int) and not isinstance(image_id, bool):
        return checked_number(image_id, path)
    if isinstance(image_id, str):
        name = Path(image_id.replace("\\", "/"))
        return frame_number(name.stem if name.suffix else name.name, path)
    raise InputError(f"{path}: 'image_id' must be a number or a file's name, not {image_id!r}")


def checked_number(number: int, path: str | Path) -> int:
    """A frame number that fits into 64 bits."""
    if abs(number) >= 2**62:
        raise InputError(f"{path}: {number} is too large for a frame number")
    return number


def json_files(folder: Path) -> list[str]:
    """The folder's JSON files, hidden ones aside."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return sorted(n for n in names if n.lower().endswith(".json") and not n.startswith("."))


def numbered_json_files(folder: Path) -> tuple[np.ndarray, list[str]]:
    """(T,) ascending frame numbers and the folder's JSON files of these frames."""
    files: dict[int, str] = {}
    for name in json_files(folder):
        number = frame_number(name[: -len(".json")], folder)
        if number in files:
            raise InputError(
                f"{folder}: {files[number]!r} and {name!r} are both frame {number}; keep each "
                "camera in a folder of its own"
            )
        files[number] = name
    numbers = sorted(files)
    paths = [os.path.join(folder, files[number]) for number in numbers]
    return np.array(numbers, dtype=np.int64), paths


def load_json(path: str | Path) -> Any:
    """A JSON file's content."""
    try:
        with open(path, "rb") as stream:
            return json.loads(stream.read())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: is no JSON, or cut short ({error}); write it again, or take the file away"
        ) from None


def first_element(path: Path) -> Any:
    """The first element of a JSON list that is not empty, None where there is none.

    The file is read no further than needed: it can hold hours of keypoints.
    """
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        text = stream.read(_CHUNK)
        place = text.index("[") + 1
        while True:
            between = _BETWEEN.match(text, place)
            place = place if between is None else between.end()
            if text[place : place + 1] == "]":
                return None
            try:
                element, end = decoder.raw_decode(text, place)
            except (ValueError, RecursionError):
                more = stream.read(max(_CHUNK, len(text)))
                if not more:
                    load_json(path)  # says what is wrong
                    return None
                text += more
                continue
            if element or isinstance(element, int | float):
                return element
            place = end


def one_line(error: BaseException) -> str:
    """Another library's message without its line breaks."""
    return " ".join(str(error).split())
