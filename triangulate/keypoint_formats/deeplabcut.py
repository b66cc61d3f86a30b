"""DeepLabCut `.h5` and `.csv`, Lightning Pose `.csv`: a file a camera, a row a frame.

The columns are scorer / [individuals] / bodyparts / coords with coords x, y and likelihood, in
pixels; labelled data have no likelihood, and its points have confidence 1 here. Rows are numbered
by frame, or named after an image (`labeled-data/walk/img0042.png`, in one column or three), whose
last run of digits is the frame's number. Individuals are people, in the file's order; body parts
that only some individuals have (DeepLabCut's unique body parts, under `single`) are left out.

Lightning Pose writes the same `.csv`, of one animal, with its network as the scorer
(`heatmap_tracker`). Its predictions on labelled images have one more column, `set`, that is left
out, as are the medians and variances that its smoother (EKS) adds. Headers without the words
scorer, bodyparts and coords, as pandas writes them for columns without names, are understood too.

Half pixels: the labelling tools and DeepLabCut's maintainers take integers as pixel centres, as
here; its resizing multiplies coordinates by the plain ratio of sizes. Nothing is shifted.

Cropping: a video analysed with `cropping` has its coordinates in the crop, and only the
`_meta.pickle` beside the table says so. It is looked into (without unpickling) and such a table
refused, because a shifted camera gives a wrong pose without a sign.
"""

from __future__ import annotations

import csv
import pickletools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoint_formats.input_files import frame_number, one_line
from triangulate.keypoint_formats.view import View
from triangulate.skeleton import Skeleton, snake_case

_REMEDY = "export it from DeepLabCut again"
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True)
class _Table:
    """columns: C triples (individual, body part, coordinate); rows: T names; values: (T, C)."""

    columns: list[tuple[str, str, str]]
    rows: list[Any]
    values: np.ndarray


def read_deeplabcut(path: Path) -> View:
    """Read one camera's file."""
    _check_cropping(path)
    table = _read_csv(path) if path.suffix.lower() == ".csv" else _read_h5(path)
    individuals, parts, notes = _people_and_parts(table.columns)
    x, y, likelihood = (_column_indices(table, individuals, parts, c, path) for c in _COORDS)
    if x is None or y is None:
        raise InputError(f"{path}: has no columns 'x' and 'y' for every body part; {_REMEDY}")
    numbers = _frame_numbers(table.rows, path)
    order = np.argsort(numbers)
    _check_numbers(numbers[order], path)
    points_px = np.stack([table.values[:, x], table.values[:, y]], -1)[order]  # (T, P, J, 2)
    seen = np.isfinite(points_px).all(-1)
    stored = np.ones(seen.shape) if likelihood is None else table.values[:, likelihood][order]
    unscored = seen & np.isnan(stored)
    if likelihood is None or unscored.any():
        notes = (*notes, "labels without likelihood have confidence 1")
    confidence = np.where(seen, np.where(unscored, 1, stored), 0)
    return View(
        numbers[order],
        points_px.astype(np.float32),
        confidence.astype(np.float32),
        _skeleton(parts, path),
        notes,
    )


def _check_cropping(path: Path) -> None:
    """Refuse a table whose `_meta.pickle` says that the video was analysed with cropping."""
    for pickle in path.parent.glob("*_meta.pickle"):
        if not path.stem.startswith(pickle.stem.removesuffix("_meta")):
            continue
        if _says_cropping(pickle):
            raise InputError(
                f"{path}: was analysed with cropping ({pickle.name}), so its coordinates are those "
                "of the crop; analyse without, or add x1 and y1 of the crop and take that file away"
            )


def _says_cropping(pickle: Path) -> bool:
    """Whether the pickled dict has True after the key "cropping"; nothing is unpickled."""
    try:
        operations = [
            (operation.name, value)
            for operation, value, _ in pickletools.genops(pickle.read_bytes())
            if operation.name != "MEMOIZE" and not operation.name.endswith("PUT")
        ]
    except (OSError, ValueError):
        return False
    return any(
        key == "cropping" and following == "NEWTRUE"
        for (_, key), (following, _) in pairwise(operations)
    )


def csv_levels(path: Path) -> list[str] | None:
    """What the header's lines of a `.csv` file are, None where it has no such header."""
    try:
        return _levels(_header(path))
    except (OSError, ValueError, csv.Error):
        return None


def _header(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return [row for row, _ in zip(csv.reader(stream), _LEVELS, strict=False)]


def _levels(header: list[list[str]]) -> list[str] | None:
    names = [row[0].strip().lower() if row else "" for row in header]
    if names[:1] == ["scorer"] and "coords" in names:
        return names[: names.index("coords") + 1]
    for levels in ((_LEVELS[0], *_LEVELS[2:]), _LEVELS):
        cells = {
            cell.strip().lower() for cell in (header[len(levels) - 1 : len(levels)] or [[]])[0]
        }
        if not any(names[: len(levels)]) and {"x", "y"} <= cells <= {"", *_COORDS}:
            return list(levels)
    return None


def _read_csv(path: Path) -> _Table:
    try:
        header = _header(path)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)}); {_REMEDY}") from None
    levels = _levels(header)
    if levels is None:
        raise InputError(
            f"{path}: is no DeepLabCut file, whose first column starts with scorer, "
            f"[individuals,] bodyparts, coords; {_REMEDY}"
        )
    header = header[: len(levels)]
    first = next((k for k, cell in enumerate(header[-1][1:], 1) if cell), 1)  # after the row names
    width = min(map(len, header))
    kept = [k for k in range(first, width) if header[-1][k].strip()]  # not Lightning Pose's `set`
    columns = _triples(levels, ([row[k] for row in header] for k in kept), path)
    import pandas as pd  # takes a while to load, and few need it

    try:
        body = pd.read_csv(path, skiprows=len(header), header=None, encoding="utf-8-sig")
        if body.shape[1] != width:
            raise InputError(f"{path}: rows and header differ in their columns; {_REMEDY}")
        values = body.iloc[:, kept].to_numpy(dtype=np.float64)
    except InputError:
        raise
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: has no frames; {_REMEDY}") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as numbers ({one_line(error)}); {_REMEDY}"
        ) from None
    return _Table(columns, body.iloc[:, first - 1].tolist(), values)


def _read_h5(path: Path) -> _Table:
    import pandas as pd

    try:
        import tables  # noqa: F401
    except ImportError:
        raise InputError(
            f'{path}: DeepLabCut .h5 files need PyTables: pip install "triangulate[detect]", or '
            "give the .csv file instead"
        ) from None
    try:
        with pd.HDFStore(path, "r") as store:
            keys = store.keys()
            key = "/df_with_missing" if "/df_with_missing" in keys else keys[0]
            frame = store[key]
        values = frame.to_numpy(dtype=np.float64)
        names = [str(name).lower() for name in frame.columns.names]
        if names[-1] != "coords":  # written without the levels' names
            names = [name for name in _LEVELS if frame.columns.nlevels == 4 or name != _LEVELS[1]]
        return _Table(_triples(names, frame.columns, path), list(frame.index), values)
    except InputError:
        raise
    except Exception as error:  # PyTables raises of every kind on broken files
        raise InputError(f"{path}: cannot be read ({one_line(error)}); {_REMEDY}") from None


def _triples(names: Sequence[str], columns: Any, path: Path) -> list[tuple[str, str, str]]:
    """(individual, body part, coordinate) of each column; `names` says what its levels are."""
    cells = [dict(zip(names, map(str, column), strict=True)) for column in columns]
    scorers = {cell.get("scorer", "") for cell in cells}
    if len(scorers) > 1 or not cells or "bodyparts" not in names:
        raise InputError(
            f"{path}: must hold body parts of one scorer, not of {len(scorers)}; {_REMEDY}"
        )
    triples = [(c.get("individuals", ""), c["bodyparts"], c["coords"].lower()) for c in cells]
    if len(set(triples)) != len(triples):
        raise InputError(f"{path}: has the same column twice; {_REMEDY}")
    return triples


def _people_and_parts(
    columns: Sequence[tuple[str, str, str]],
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """The individuals that share their body parts, these parts, and what was left out."""
    parts_of: dict[str, list[str]] = {}
    for individual, part, _ in columns:
        parts = parts_of.setdefault(individual, [])
        if part not in parts:
            parts.append(part)
    groups: dict[frozenset[str], list[str]] = {}
    for individual, parts in parts_of.items():
        groups.setdefault(frozenset(parts), []).append(individual)
    individuals = max(groups.values(), key=len)
    others = [individual for individual in parts_of if individual not in individuals]
    notes = (f"left out for their other body parts: {', '.join(others)}",) if others else ()
    return individuals, parts_of[individuals[0]], notes


def _column_indices(
    table: _Table, individuals: Sequence[str], parts: Sequence[str], coordinate: str, path: Path
) -> np.ndarray | None:
    """(P, J) where the coordinate's columns are, None where it has none at all."""
    places = {column: c for c, column in enumerate(table.columns)}
    indices = [[places.get((i, part, coordinate), -1) for part in parts] for i in individuals]
    found = np.array(indices) >= 0
    if not found.any():
        return None
    if not found.all():
        raise InputError(f"{path}: only some body parts have a column {coordinate!r}; {_REMEDY}")
    return np.array(indices)


def _frame_numbers(rows: Sequence[Hashable], path: Path) -> np.ndarray:
    """(T,) frame numbers of rows that are numbers or names of images."""
    numbers = []
    for row in rows:
        name = row[-1] if isinstance(row, tuple) else row
        if isinstance(name, str):
            name = PurePosixPath(name.replace("\\", "/"))
            numbers.append(frame_number(name.stem if name.suffix else name.name, path))
        elif isinstance(name, int | float | np.integer | np.floating) and float(name).is_integer():
            numbers.append(int(name))
        else:
            raise InputError(f"{path}: the row {name!r} is no frame number and no image")
    return np.array(numbers, dtype=np.int64)


def _check_numbers(numbers: np.ndarray, path: Path) -> None:
    """Refuse doubled frames in the ascending (T,) numbers."""
    doubled = numbers[1:][np.diff(numbers) == 0]
    if len(doubled):
        raise InputError(
            f"{path}: holds frame {doubled[0]} twice, so perhaps several videos; give one file a "
            "camera"
        )


def _skeleton(parts: Sequence[str], path: Path) -> Skeleton:
    try:
        return Skeleton.from_edges([snake_case(part) for part in parts], ())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
