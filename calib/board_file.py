"""`board.yaml`: a target's description, read strictly.

    type: charuco                # charuco, chessboard, aprilgrid or circles
    columns: 8                   # squares across; of a chessboard, inner corners; tags; circles
    rows: 11
    square_size_mm: 24           # any length is given in _m, _cm or _mm
    marker_size_mm: 18.75
    dictionary: DICT_4X4_1000

The keys are the fields of `calib.targets`' classes. An unknown key is refused and the nearest known
one named.
"""

from __future__ import annotations

import difflib
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_type_hints

from calib.targets import (
    DICTIONARIES,
    AprilGrid,
    Charuco,
    Chessboard,
    CircleGrid,
    Target,
)
from triangulate.errors import InputError
from triangulate.files import write_text
from triangulate.yaml_text import parse_yaml

KINDS: dict[str, type[Charuco] | type[Chessboard] | type[AprilGrid] | type[CircleGrid]] = {
    kind.type: kind for kind in (Charuco, Chessboard, AprilGrid, CircleGrid)
}
_UNITS = {"_m": 1, "_cm": 100, "_mm": 1000}  # in a metre


def read_board(path: Path) -> Target:
    """Read a target's description.

    Raises:
        InputError: the file cannot be read, a key is missing, unknown or given in two units, or the
            board cannot be: one line that names the file.
    """
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f'{path}: there is no such file; "calib board" writes one with a board to print'
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; expected a board.yaml") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected 'key: value' lines, such as 'type: charuco'")
    try:
        return target_from(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def target_from(values: dict[str, Any]) -> Target:
    """A target from its description, such as a file or a command line gives it."""
    name = values.get("type")
    if name is None:
        raise InputError(f"'type' is missing: one of {', '.join(KINDS)}")
    if name not in KINDS:
        raise InputError(f"type {name!r} is not known: {_nearest(str(name), KINDS)}")
    kind = KINDS[name]
    hints = get_type_hints(kind)
    known = [text for field in fields(kind) for text in _spellings(field.name)]
    unknown = [key for key in values if key not in (*known, "type")]
    if unknown:
        raise InputError(f"unknown key {unknown[0]!r}: {_nearest(unknown[0], known)}")
    given: dict[str, Any] = {}
    for field in fields(kind):
        given |= _taken(values, field, hints[field.name])
    return kind(**given)


def write_board(target: Target, path: Path) -> None:
    """Write a target's description."""
    write_text(path, board_text(target))


def board_text(target: Target) -> str:
    """A target's description as YAML, lengths in millimetres."""
    lines = [
        f"# {target}",
        "# Measure the print: if a side is not what it says here, correct it here.",
        f"type: {target.type}",
    ]
    for field in fields(target):
        value = getattr(target, field.name)
        if field.name.endswith("_m"):
            lines.append(f"{field.name}m: {round(1000 * value, 9):.10g}")
        elif value != field.default:
            lines.append(f"{field.name}: {str(value).lower() if value is True else value}")
    return "\n".join(lines) + "\n"


def dictionary_name(text: str) -> str:
    """OpenCV's name of a dictionary that is written in capitals or not, with DICT_ or without."""
    name = text.upper()
    return name if name in DICTIONARIES or name.startswith("DICT_") else f"DICT_{name}"


def _spellings(name: str) -> list[str]:
    if not name.endswith("_m"):
        return [name]
    return [name.removesuffix("_m") + unit for unit in _UNITS]


def _taken(values: dict[str, Any], field: Field, kind: type) -> dict[str, Any]:
    """A field's value by its name; nothing where it is left to its default."""
    keys = [key for key in _spellings(field.name) if key in values]
    if len(keys) > 1:
        raise InputError(f"{keys[0]} and {keys[1]} are both given: keep one")
    if not keys:
        if field.default is not MISSING:
            return {}
        spelt = " (or in _cm, _mm)" if field.name.endswith("_m") else ""
        raise InputError(f"'{field.name}' is missing{spelt}")
    value = values[keys[0]]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        expected = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}
        raise InputError(f"{keys[0]} should be {expected[kind]}, got {value!r}")
    if field.name == "dictionary":
        value = dictionary_name(str(value))
    if field.name.endswith("_m"):
        in_a_metre = _UNITS[keys[0].removeprefix(field.name.removesuffix("_m"))]
        value = round(value / in_a_metre, 12)  # 30.2 mm are 0.0302 m, not a bit less
    return {field.name: value}


def _nearest(text: str, known: Any) -> str:
    near = difflib.get_close_matches(text, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
