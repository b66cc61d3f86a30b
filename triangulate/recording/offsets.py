"""`sync.yaml`: how late each camera is, beside a recording.

A camera that is late_s late calls t what was seen at t + late_s on the clock of the reference
camera; the reference is 0 late. A camera that was started 10 ms after the reference is 0.010 late.

    format: triangulate-sync
    version: 1
    reference: cam1
    found: from motion, 300 frames of pose2d/keypoints.npz
    cameras:
      cam1: {late_s: 0.0, sigma_s: 0.0}
      cam2: {late_s: 0.01032, sigma_s: 0.0004}

`sigma_s` is the standard deviation, and may be left out as `found` may. `triangulate sync` writes
the file, `Recording.open` reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from triangulate.errors import InputError
from triangulate.files import write_text
from triangulate.yaml_text import parse_yaml

SYNC_FILE = "sync.yaml"
SYNC_FORMAT, SYNC_VERSION = "triangulate-sync", 1
NO_OFFSETS = "none"
"""In place of a file: the cameras are taken as they are."""

_HEADER = (
    "# What a camera calls time t was seen at t + late_s on the clock of the reference camera.\n"
)


@dataclass(frozen=True, eq=False)
class TimeOffsets:
    """How late cameras are.

    Attributes:
        names: V camera names.
        late_s: (V,) seconds; what camera v calls t was seen at t + late_s[v].
        reference: the camera whose clock is meant: it is 0 late.
        sigma_s: (V,) standard deviations, NaN where unknown.
        found: where the figures come from, for people.
        path: the file they were read from, for messages.
    """

    names: tuple[str, ...]
    late_s: np.ndarray
    reference: str
    sigma_s: np.ndarray
    found: str = ""
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is no set of offsets."""
        if self.reference not in self.names:
            raise InputError(f"the reference {self.reference!r} is none of {', '.join(self.names)}")
        for name, late_s in zip(self.names, self.late_s, strict=True):
            if not math.isfinite(late_s):
                raise InputError(f"camera {name!r}: late_s must be a number of seconds")
        if self.late_s[self.names.index(self.reference)] != 0:
            raise InputError(f"the reference {self.reference!r} must be 0 late")

    def select(self, names: Sequence[str], rig_names: Sequence[str]) -> tuple[np.ndarray, str]:
        """How late some cameras are, and whose clock that is about.

        Args:
            names: of the cameras, V.
            rig_names: all that there are; the file may hold more than `names`, but no others.

        Returns:
            (V,) seconds, and the reference camera; where it is none of `names`, the first of these
            takes its place.

        Raises:
            InputError: a camera that is not in the rig, or one without an offset.
        """
        where = f"{self.path or SYNC_FILE}"
        for name in self.names:
            if name not in rig_names:
                raise InputError(
                    f"{where}: no camera {name!r} in the rig; it has {', '.join(rig_names)}: "
                    "correct the name, or run `triangulate sync` again"
                )
        for name in names:
            if name not in self.names:
                raise InputError(
                    f"{where}: has no offset for camera {name!r}: run `triangulate sync` again, or "
                    "leave the camera out with --cameras"
                )
        late_s = self.late_s[[self.names.index(name) for name in names]]
        reference = self.reference if self.reference in names else names[0]
        return late_s - late_s[list(names).index(reference)], reference

    def save(self, path: str | Path) -> None:
        """Write `sync.yaml`."""
        cameras: dict[str, Any] = {}
        for name, late_s, sigma_s in zip(self.names, self.late_s, self.sigma_s, strict=True):
            cameras[name] = {"late_s": round(float(late_s), 7)}
            if math.isfinite(sigma_s):
                cameras[name]["sigma_s"] = float(f"{sigma_s:.3g}")
        document = {"format": SYNC_FORMAT, "version": SYNC_VERSION, "reference": self.reference}
        document |= {"found": self.found, "cameras": cameras}
        text = yaml.safe_dump(
            document, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
        )
        write_text(path, _HEADER + text)


def load_offsets(path: str | Path) -> TimeOffsets:
    """Read `sync.yaml`.

    Raises:
        InputError: the file is missing, broken or of another format; the message names it.
    """
    try:
        return _from_document(parse_yaml(Path(path).read_text(encoding="utf-8")), Path(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({(error.strerror or '').lower()})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text file") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def offsets_path(source: Any, sync: str | Path | None) -> Path | None:
    """The file of offsets that is meant, None where there is none.

    Args:
        source: a recording as `Recording.open` takes it.
        sync: the file; None for `sync.yaml` in the recording's folder, if it is there; "none" for
            no offsets.
    """
    if sync is not None:
        return None if str(sync) == NO_OFFSETS else Path(sync)
    paths = source.values() if isinstance(source, Mapping) else source
    if isinstance(source, str | Path):
        folders = {Path(source) if Path(source).is_dir() else Path(source).parent}
    else:
        folders = {Path(path).parent for path in paths}
    found = [folder / SYNC_FILE for folder in folders if (folder / SYNC_FILE).is_file()]
    return found[0] if len(folders) == 1 and found else None


def offsets_beside(
    source: Any, sync: str | Path | None, names: Sequence[str], rig_names: Sequence[str]
) -> tuple[np.ndarray | None, list[str]]:
    """How late cameras are by a recording's file of offsets, and notes for people.

    Args:
        source: see `offsets_path`.
        sync: likewise.
        names: V cameras.
        rig_names: all cameras there are.

    Returns:
        (V,) seconds, None where there is no file.
    """
    path = offsets_path(source, sync)
    if path is None:
        return None, []
    late_s, reference = load_offsets(path).select(names, rig_names)
    listed = (
        f"{name} {1000 * late:+.1f} ms" for name, late in zip(names, late_s, strict=True) if late
    )
    says = ", ".join(listed) or "nobody"
    return late_s, [f"{path}: late against {reference}: {says}; frames are paired accordingly"]


def _from_document(document: Any, path: Path) -> TimeOffsets:
    if not isinstance(document, dict) or document.get("format") != SYNC_FORMAT:
        raise InputError(f"no 'format: {SYNC_FORMAT}' in it; run `triangulate sync` to write one")
    if document.get("version") != SYNC_VERSION:
        raise InputError(
            f"version {document.get('version')} is not known; this program reads {SYNC_VERSION}"
        )
    entries = document.get("cameras")
    if not isinstance(entries, dict) or not entries:
        raise InputError("'cameras' must hold a name and its late_s for each camera")
    late_s = [_seconds(name, entry, "late_s") for name, entry in entries.items()]
    sigma_s = [_seconds(name, entry, "sigma_s", math.nan) for name, entry in entries.items()]
    return TimeOffsets(
        names=tuple(entries),
        late_s=np.array(late_s),
        reference=str(document.get("reference")),
        sigma_s=np.array(sigma_s),
        found=str(document.get("found") or ""),
        path=path,
    )


def _seconds(name: str, entry: Any, key: str, default: float | None = None) -> float:
    value = entry.get(key, default) if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"camera {name!r}: {key} must be a number of seconds, not {value!r}")
    return float(value)
