"""What a run leaves in its folder."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from triangulate.errors import InputError
from triangulate.export.csv import write_csv
from triangulate.export.trc import write_trc
from triangulate.files import write_text
from triangulate.poses import Poses3D
from triangulate.summary import summarise

_LIBRARIES = ("triangulate", "torch", "numpy", "opencv-python", "av", "ai-edge-litert")


def check_writable(folder: str | Path) -> None:
    """Fail before the work rather than after it.

    Raises:
        InputError: the folder cannot be made or written.
    """
    probe = Path(folder) / ".writable"
    write_text(probe, "")
    probe.unlink()


def write_results(
    poses: Poses3D,
    folder: str | Path,
    *,
    command: str = "",
    settings: Mapping[str, Any] | None = None,
    timings_s: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> list[Path]:
    """Write `poses.npz`, `poses.csv`, `poses.trc` and `run.yaml`.

    Args:
        poses: the result; several people get a `.trc` each, numbered from 1.
        folder: made where missing; other files in it are left alone.
        command: what was run.
        settings: its settings.
        timings_s: seconds by step.
        notes: what was assumed, for people.

    Returns:
        The files written.
    """
    folder = Path(folder)
    if folder.is_file():
        raise InputError(f"{folder}: is a file, not a folder; choose another place with --out")
    num_people = poses.positions_m.shape[1]
    trc_paths = [
        folder / ("poses.trc" if num_people == 1 else f"poses_{person + 1}.trc")
        for person in range(num_people)
    ]
    poses.save(folder / "poses.npz")
    write_csv(poses, folder / "poses.csv")
    trc_notes = [write_trc(poses, path, person) for person, path in enumerate(trc_paths)]
    document = {
        "command": command,
        "versions": _versions(),
        "settings": dict(settings or {}),
        "timings_s": {step: round(seconds, 3) for step, seconds in (timings_s or {}).items()},
        "notes": list(dict.fromkeys([*notes, *(note for some in trc_notes for note in some)])),
        "summary": summarise(poses).as_dict(),
    }
    write_text(folder / "run.yaml", yaml.safe_dump(_plain(document), sort_keys=False, width=100))
    return [folder / "poses.npz", folder / "poses.csv", *trc_paths, folder / "run.yaml"]


def _plain(value: Any) -> Any:
    """Tuples as lists and floats in six digits, for a file that people read."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return versions
