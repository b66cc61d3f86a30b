"""Poses to files: which format goes where, and what it can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.export.c3d import MAX_FRAMES
from triangulate.export.gaps import listed
from triangulate.export.options import USUAL, ExportOptions, Format
from triangulate.export.panoptic import check_replaceable
from triangulate.export.people import names_of_missing, points_of
from triangulate.files import together
from triangulate.poses import Poses3D

_ENDINGS = {
    Format.csv: ".csv",
    Format.csv_wide: "_wide.csv",
    Format.trc: ".trc",
    Format.c3d: ".c3d",
    Format.json: ".json",
    Format.panoptic: "_panoptic",
    Format.npz: ".npz",
    Format.bvh: ".bvh",
    Format.angles: "_angles.csv",
    Format.opensim: "_opensim.xml",
    Format.gltf: ".glb",
}
"""What stands behind the name of the poses."""

_ONE_PERSON = {Format.trc, Format.c3d, Format.bvh, Format.opensim}

_MOST_FRAMES = {Format.c3d: MAX_FRAMES}
"""How many frames a file holds, where that is limited."""

_SETTLED = {
    Format.json: "is in cm: leave --unit out",
    Format.panoptic: "is in cm: leave --unit out",
    Format.npz: "holds the poses as they are: leave --unit and --up out",
    Format.angles: "is in degrees: leave --unit and --up out",
    Format.opensim: "is in m with y up: leave --unit and --up out",
    Format.gltf: "is in m with y up: leave --unit and --up out",
}
"""Formats that leave unit or axes no choice, and what to say then."""


@dataclass(frozen=True)
class Exported:
    """Files written by an export.

    Attributes:
        paths: the files, and folders of the format that is a folder.
        notes: what had to be assumed, for people.
    """

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def format_of(path: Path) -> Format:
    """The format that a file's name asks for.

    Raises:
        InputError: its ending is none of the known ones.
    """
    for form, ending in _ENDINGS.items():
        if path.suffix and path.suffix.lower() == ending:
            return form
    known = ", ".join(ending for ending in _ENDINGS.values() if ending.startswith("."))
    raise InputError(
        f"{path}: its ending tells no format: use {known}, or name one with --to: "
        f"{', '.join(Format)}"
    )


def export_poses(
    poses: Poses3D,
    formats: Sequence[Format],
    source: str | Path,
    out: str | Path | None = None,
    options: ExportOptions = USUAL,
) -> Exported:
    """Write poses in other formats: all files take their places together, or none is written.

    Args:
        poses: to write.
        formats: one or more.
        source: the file that the poses are from: others are called after it, and it is not
            written over.
        out: the file, for one format; or the folder to write `SOURCE.trc`, ... into, by default
            that of `source`. Formats that hold one person get a file each, as `poses_1.trc`;
            where a file cannot hold all frames, there are several, as `poses_part1.c3d`.
        options: unit and axes; the person is chosen here.

    Raises:
        InputError: nothing to write, or a format that cannot hold it; the message names the format
            or the file.
    """
    source = Path(source)
    people, notes = _people(poses, source)
    formats = list(dict.fromkeys(formats))
    for form in formats:
        _check_open(form, options)
    files = [
        (form, person, rows, path)
        for form in formats
        for person, whole in _places(form, formats, source, out, people)
        for rows, path in _parts(form, whole, len(poses.positions_m))
    ]
    for form, _, _, path in files:
        if path.exists() and source.exists() and path.samefile(source):
            raise InputError(f"{path}: would be written over itself; name another with --out")
        if form == Format.panoptic:
            check_replaceable(path)
    folder = files[0][-1].parent  # of all of them
    with together(folder) as staging:
        for form, person, rows, path in files:
            part = poses.select_frames(rows)
            notes += write(form, part, staging / path.name, replace(options, person=person))
    notes += [note for form in formats for note in _part_notes(form, poses)]
    paths = [place for form, _, _, path in files for place in _written(form, path)]
    return Exported(tuple(paths), tuple(dict.fromkeys(notes)))


def write(
    form: Format, poses: Poses3D, path: Path, options: ExportOptions = USUAL
) -> tuple[str, ...]:
    """Write one file of a format; what had to be assumed, for people."""
    match form:
        case Format.csv:
            from triangulate.export.csv import write_csv as writer
        case Format.csv_wide:
            from triangulate.export.csv_wide import write_csv_wide as writer
        case Format.trc:
            from triangulate.export.trc import write_trc as writer
        case Format.c3d:
            from triangulate.export.c3d import write_c3d as writer
        case Format.json:
            from triangulate.export.panoptic import write_json as writer
        case Format.panoptic:
            from triangulate.export.panoptic import write_panoptic as writer
        case Format.npz:
            poses.save(path)
            return ()
        case Format.bvh:
            from triangulate.export.bvh import write_bvh as writer
        case Format.angles:
            from triangulate.export.angles import write_angles as writer
        case Format.opensim:
            from triangulate.export.opensim import write_opensim as writer
        case Format.gltf:
            from triangulate.export.gltf import write_gltf as writer
    return writer(poses, path, options)


def _people(poses: Poses3D, source: Path) -> tuple[list[int], list[str]]:
    """Who has a position at all, and which joints have none."""
    num_frames, num_people = poses.positions_m.shape[:2]
    if not num_frames or not num_people:
        raise InputError(f"{source}: holds no {'people' if num_frames else 'frames'}")
    there = np.isfinite(poses.positions_m).all(axis=-1).any(axis=(0, 2))  # (P,)
    if not there.any():
        raise InputError(f"{source}: no joint has a position in any frame: nothing to export")
    notes = []
    for person in range(num_people):
        of_whom = f" of person {person + 1}" if num_people > 1 else ""
        missing = names_of_missing(poses, points_of(poses, person))
        if not there[person]:
            notes.append(f"person {person + 1} has no position in any frame")
        elif missing:
            notes.append(f"{listed(missing)}{of_whom}: without a position in any frame")
    return np.flatnonzero(there).tolist(), notes


def _check_open(form: Format, options: ExportOptions) -> None:
    """Refuse a unit or axes where the format leaves no choice."""
    is_about_axes = form not in (Format.json, Format.panoptic)
    asked = options.unit is not None or (options.up is not None and is_about_axes)
    if asked and form in _SETTLED:
        raise InputError(f"{form} {_SETTLED[form]}, or export it by itself")


def _places(
    form: Format,
    formats: Sequence[Format],
    source: Path,
    out: str | Path | None,
    people: Sequence[int],
) -> list[tuple[int, Path]]:
    """(person, file) of a format; person 0 stands for all where a file holds them."""
    ending = _ENDINGS[form]
    place = source.parent if out is None else Path(out)
    is_folder = out is None or place.is_dir() or not place.suffix
    if form == Format.panoptic and len(formats) == 1 and out is not None:
        path = place
    elif is_folder:
        path = place / f"{source.stem}{ending}"
    else:
        suffix = Path(f"x{ending}").suffix
        if len(formats) > 1:
            raise InputError(
                f"{place}: several formats want a folder: name it with --out, without an ending"
            )
        if place.suffix.lower() != suffix:
            raise InputError(f"{place}: a file of the format {form} ends in {suffix}")
        path, ending = place, place.suffix
    if form not in _ONE_PERSON:
        return [(0, path)]
    if len(people) == 1:
        return [(people[0], path)]
    stem = path.name.removesuffix(ending)
    return [(person, path.with_name(f"{stem}_{person + 1}{ending}")) for person in people]


def _parts(form: Format, path: Path, num_frames: int) -> list[tuple[slice, Path]]:
    """(frames, file) of a file's parts: one, unless it cannot hold all frames."""
    starts = _starts(form, num_frames)
    if len(starts) == 1:
        return [(slice(None), path)]
    return [
        (slice(start, start + starts.step), path.with_stem(f"{path.stem}_part{number}"))
        for number, start in enumerate(starts, start=1)
    ]


def _part_notes(form: Format, poses: Poses3D) -> list[str]:
    starts = _starts(form, len(poses.positions_m))
    if len(starts) == 1:
        return []
    frames = ", ".join(str(np.asarray(poses.frames)[start]) for start in starts)
    return [
        f"{form}: {len(poses.positions_m):,} frames are more than the {starts.step:,} that a file "
        f"holds: they are in {len(starts)} parts, which begin with the frames {frames}"
    ]


def _starts(form: Format, num_frames: int) -> range:
    """Where the parts of a file begin."""
    return range(0, num_frames, _MOST_FRAMES.get(form, num_frames))


def _written(form: Format, path: Path) -> list[Path]:
    return [path, path.with_suffix(".trc")] if form == Format.opensim else [path]
