"""Files and their names, as the readers of several formats need them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from triangulate.errors import InputError

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


def one_line(error: BaseException) -> str:
    """Another library's message without its line breaks."""
    return " ".join(str(error).split())
