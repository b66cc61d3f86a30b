"""What a run leaves in its folder."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from triangulate.errors import InputError
from triangulate.export.csv import write_csv
from triangulate.export.options import ExportOptions
from triangulate.export.trc import write_trc
from triangulate.files import together, without_empty_folders, write_text
from triangulate.poses import Poses3D
from triangulate.summary import summarise

_LIBRARIES = ("triangulate", "torch", "numpy", "opencv-python", "av", "ai-edge-litert")


def check_writable(folder: str | Path) -> None:
    """Fail before the work rather than after it; nothing is left behind.

    Raises:
        InputError: the folder cannot be made or written.
    """
    folder = Path(folder)
    probe = folder / f".{os.getpid()}.writable"
    with without_empty_folders(folder):
        try:
            write_text(probe, "")
        except InputError as error:
            raise InputError(str(error).replace(str(probe), str(folder))) from error
        probe.unlink()


@dataclass(frozen=True)
class Run:
    """A run on its way: how long its steps take, and where its results go.

    Attributes:
        out: the folder, tried before the work is done; None: nothing is written.
        timings_s: seconds by step.
    """

    out: str | Path | None
    timings_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fail before the work rather than after it."""
        if self.out is not None:
            check_writable(self.out)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step."""
        start = time.perf_counter()
        yield
        self.timings_s[name] = time.perf_counter() - start

    def write(self, poses: Poses3D, settings: Mapping[str, Any], notes: Sequence[str]) -> None:
        """Write the results (see `write_results`) of the command that is running."""
        if self.out is not None:
            write_results(
                poses,
                self.out,
                command=shlex.join(sys.argv),
                settings=settings,
                timings_s=self.timings_s,
                notes=notes,
            )


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

    They take their places together when the last one is written, so that a full disk leaves the
    results of an earlier run as they were.

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
    trc_names = [
        "poses.trc" if num_people == 1 else f"poses_{person + 1}.trc"
        for person in range(num_people)
    ]
    run = {"command": command, "versions": _versions(), "settings": _plain(settings or {})}
    with together(folder) as staging:
        replace(poses, run=run).save(staging / "poses.npz")
        write_csv(poses, staging / "poses.csv")
        trc_notes = [
            write_trc(poses, staging / name, ExportOptions(person=p))
            for p, name in enumerate(trc_names)
        ]
        document = run | {
            "timings_s": {step: round(seconds, 3) for step, seconds in (timings_s or {}).items()},
            "notes": list(dict.fromkeys([*notes, *(note for some in trc_notes for note in some)])),
            "summary": summarise(poses).as_dict(),
        }
        text = yaml.safe_dump(_plain(document), sort_keys=False, width=100, allow_unicode=True)
        write_text(staging / "run.yaml", text)
    return [folder / name for name in ("poses.npz", "poses.csv", *trc_names, "run.yaml")]


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
