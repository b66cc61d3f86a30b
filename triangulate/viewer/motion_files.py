"""Moving points of other programs: TRC and C3D."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.skeleton import Skeleton, canonical_name, shipped_skeletons
from triangulate.viewer.contents import Motion

MOTION_SUFFIXES = (".trc", ".c3d")
_METRES = {"mm": 1e-3, "millimeters": 1e-3, "cm": 1e-2, "m": 1.0, "meters": 1.0}
_BIG_ENDIAN = bytes([86])  # of a C3D file's parameters, for the processors that are
_UP = re.compile(r"[+-]?[XYZ]")


def read_motion(path: Path) -> Motion:
    """The points of a TRC or a C3D file, and where their names tell them the bones between them.

    Raises:
        InputError: it is missing, no such file, broken, or of a unit that is not known.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        return _read_trc(path) if path.suffix.lower() == ".trc" else _read_c3d(path)
    except ImportError:
        raise InputError(f'{path}: needs ezc3d: pip install "triangulate[export]"') from None
    except (ValueError, IndexError, KeyError, OSError, RuntimeError) as error:
        kind = path.suffix[1:].upper()
        raise InputError(f"{path}: is no {kind} file, or a broken one ({error})") from None


def skeleton_of(names: Sequence[str]) -> Skeleton:
    """The names with the bones of the shipped skeleton that has most of them."""
    here = {canonical_name(name): index for index, name in reversed(list(enumerate(names)))}

    def bones(skeleton: Skeleton) -> list[tuple[int, int]]:
        places = [here.get(canonical_name(name), -1) for name in skeleton.joint_names]
        found = [(places[a], places[b]) for a, b in skeleton.edges]
        return [(a, b) for a, b in found if a >= 0 and b >= 0]

    most = max((bones(Skeleton.named(name)) for name in shipped_skeletons()), key=len)
    return Skeleton.from_edges(_unique(names), most)


def _unique(names: Sequence[str]) -> list[str]:
    """The names, numbered where one is given twice."""
    found: list[str] = []
    for name in names:
        free = (f"{name} {number}" for number in count(2))
        found.append(name if name not in found else next(n for n in free if n not in found))
    return found


def _read_trc(path: Path) -> Motion:
    """OpenSim's marker file: five lines of header, tabs, blanks where a marker is missing."""
    # The first line may hold a path in whatever encoding.
    lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    if not lines or not lines[0].startswith("PathFileType"):
        raise ValueError("its first line does not begin with PathFileType")
    values = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    width = 2 + 3 * len(names)
    rows = [line for line in lines[5:] if line.strip()]
    if not rows or not names:
        raise ValueError("it holds no markers or no frames")
    table = np.full((len(rows), width), np.nan)
    for row, line in zip(table, rows, strict=True):
        cells = line.split("\t")[:width]
        row[: len(cells)] = [float(cell) if cell.strip() else np.nan for cell in cells]
    if not (np.isfinite(table[:, 0]).all() and (np.diff(table[:, 0]) > 0).all()):
        raise ValueError("the frame numbers in its first column must grow")
    positions = table[:, 2:].reshape(len(rows), 1, -1, 3) * _per_metre(values.get("Units", ""))
    numbers = np.rint(table[:, 0]).astype(int)
    fps = float(values.get("DataRate", "nan"))
    told = re.search(r"up: (\S+)", lines[0])
    return Motion(
        positions,
        skeleton_of(names),
        numbers - min(1, int(numbers[0])),  # rows count from 1, with some programs from 0
        fps if np.isfinite(fps) and fps > 0 else None,
        _up_axis(told.group(1)) if told else "y",
    )


def _read_c3d(path: Path) -> Motion:
    import ezc3d

    file = ezc3d.c3d(str(path))
    point = file["parameters"]["POINT"]
    labels = [str(label).strip() for label in point["LABELS"]["value"]]
    points = np.asarray(file["data"]["points"])  # (4, J, T)
    if not points.shape[1] or not points.shape[2]:
        raise ValueError("it holds no points or no frames")
    if points.shape[2] < (announced := _announced_frames(path)):
        raise ValueError(f"it breaks off after frame {points.shape[2]} of {announced}")
    labels = [*labels, *[""] * (points.shape[1] - len(labels))][: points.shape[1]]
    names = [label or f"point {number}" for number, label in enumerate(labels, 1)]
    missing = np.asarray(file["data"]["meta_points"]["residuals"])[0] < 0  # (J, T)
    unit = str(point["UNITS"]["value"][0]) if len(point["UNITS"]["value"]) else "mm"
    positions = np.where(missing, np.nan, points[:3]).transpose(2, 1, 0) * _per_metre(unit)
    rate = float(point["RATE"]["value"][0])
    screen = point["Y_SCREEN"]["value"] if "Y_SCREEN" in point else []
    first = int(file["header"]["points"]["first_frame"])
    return Motion(
        positions[:, None],
        skeleton_of(names),
        first + np.arange(len(positions)),
        rate if rate > 0 else None,
        _up_axis(str(screen[0]).strip()) if len(screen) else "z",
    )


def _announced_frames(path: Path) -> int:
    """How many frames a C3D file's header tells; ezc3d counts those that are there."""
    with path.open("rb") as file:
        header = file.read(512)
        file.seek(512 * (header[0] - 1) + 3)
        order = ">" if file.read(1) == _BIG_ENDIAN else "<"
    first, last = struct.unpack_from(f"{order}HH", header, 6)
    return last - first + 1


def _per_metre(unit: str) -> float:
    known = _METRES.get(unit.strip().lower())
    if known is None:
        raise ValueError(f"the unit {unit!r} is not known; there are mm, cm and m")
    return known


def _up_axis(text: str) -> str | None:
    """The axis of +Z, as z; None where it is none."""
    return text.lower().lstrip("+") if _UP.fullmatch(text) else None
