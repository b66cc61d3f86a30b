"""`trust.json`: what `Trust` holds, beside the solution that it is about."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from calib.assessment import Remedy, Trust
from calib.halves import Split
from calib.held_out import HeldOut
from calib.volume import Volume
from triangulate.errors import InputError
from triangulate.files import write_text

TRUST_FILE = "trust.json"
TRUST_FORMAT, TRUST_VERSION = "triangulate-trust", 1


def save_trust(trust: Trust, folder: str | Path) -> None:
    """Write `trust.json` into a folder."""
    document = {"format": TRUST_FORMAT, "version": TRUST_VERSION, **_plain(trust)}
    write_text(Path(folder) / TRUST_FILE, json.dumps(document, allow_nan=False) + "\n")


def load_trust(folder: str | Path) -> Trust:
    """Read what `save_trust` wrote.

    Raises:
        InputError: the file is missing, broken or of another version.
    """
    path = Path(folder) / TRUST_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = document["format"], document["version"]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no {TRUST_FORMAT} file, or a broken one ({error})") from None
    if found != (TRUST_FORMAT, TRUST_VERSION):
        raise InputError(f"{path}: holds {found[0]!r}, version {found[1]}, which is not known")
    try:
        return _trust(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is a broken {TRUST_FORMAT} file ({error})") from None


def _trust(document: dict[str, Any]) -> Trust:
    volume = document["volume"]
    held_out = document["held_out"]
    return Trust(
        of=document["of"],
        volume=Volume(
            np.array(volume["axes"]),
            (*map(np.array, volume["ticks_m"]),),  # type: ignore[arg-type]
            np.array(volume["inside"], dtype=bool),
            volume["up_is_known"],
        ),
        predicted_m=_numbers(document["predicted_m"]),
        detection_m=_numbers(document["detection_m"]),
        cameras=np.array(document["cameras"], dtype=np.int64),
        coherence=document["coherence"],
        splits=tuple(Split(**_read(split)) for split in document["splits"]),
        held_out=None if held_out is None else HeldOut(**_read(held_out)),
        remedies=tuple(Remedy(**_read(remedy)) for remedy in document["remedies"]),
        notes=tuple(document["notes"]),
    )


def _plain(value: Any) -> Any:
    """Dataclasses, arrays and numbers as JSON has them; NaN is null."""
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _read(values: dict[str, Any]) -> dict[str, Any]:
    """Lists as arrays, null as NaN."""
    return {
        name: _numbers(value)
        if isinstance(value, list)
        else float("nan")
        if value is None
        else value
        for name, value in values.items()
    }


def _numbers(values: list[Any]) -> np.ndarray:
    return np.array(values, dtype=np.float64)
