"""Calibrations of other programs, recognised by what is in the file.

`load_rig` reads any of them, `save_rig` writes those that others need; one module a format. Every
reader states the format's units and axes, and hands over cameras in OpenCV's axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from triangulate.errors import InputError
from triangulate.files import write_texts
from triangulate.rig import Rig
from triangulate.rig_formats.calibration import METRES
from triangulate.rig_formats.choices import (
    Sizes,
    check_apart,
    chosen_names,
    own_rig,
    sizes_by_name,
)
from triangulate.rig_formats.documents import Document, read_document
from triangulate.rig_formats.pairs import completed
from triangulate.rig_formats.recognition import calibration_of, find, format_of
from triangulate.rig_formats.writing import WrittenFormat, files_of

__all__ = ["Sizes", "WrittenFormat", "load_rig", "save_rig"]


def load_rig(
    path: str | Path,
    unit: str | None = None,
    sizes: Sizes | None = None,
    subject: str | None = None,
    cameras: Sequence[str] | str | None = None,
    radial: str | None = None,
) -> Rig:
    """Read a calibration; the format is recognised by the file's content.

    Reads rig.yaml, anipose / Pose2Sim / FreeMoCap / caliscope TOML, OpenCV's multi-camera YAML,
    EasyMocap intri.yml + extri.yml, Kalibr camchain.yaml, multical calibration.json, COLMAP
    cameras.txt + images.txt, Qualisys .qca.txt, Vicon .xcp, CMU Panoptic json, Human3.6M labels
    npy, VoxelPose json and Label3D / DANNCE .mat.

    Args:
        path: the file, or a folder that holds one; of a pair of files, either.
        unit: "mm", "cm" or "m" of the translations, where the file leaves it open.
        sizes: image sizes (width, height) where the file has none: by camera name, or one for all.
        subject: whose cameras, where the file has several people's (Human3.6M: "S9").
        cameras: names to take, in this order: a list, or a text with commas. The others are not
            looked at, so that a broken camera can be left out.
        radial: what Vicon's radial coefficients are: "pixels", "opencv" or "none" (see `vicon`).

    Raises:
        InputError: one line that begins with the path and says what to do.
    """
    file = find(Path(path))
    try:
        if unit is not None and unit not in METRES:
            raise InputError(f"unit must be {', '.join(METRES)} (--unit), not {unit!r}")
        rig = _rig(file, read_document(file), unit, sizes, subject, cameras, radial)
        check_apart(rig)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return rig


def save_rig(rig: Rig, path: str | Path, format: WrittenFormat | None = None) -> None:
    """Write a rig as rig.yaml, or as another program's file.

    All are in metres but anipose's (mm) and Panoptic's (cm).

    Args:
        rig: what to write; no camera loses anything, or an error says what would be lost.
        path: the file; for "easymocap" and "colmap" the folder of their files. Missing folders are
            made.
        format: "rig", "anipose", "pose2sim", "opencv", "easymocap", "kalibr", "colmap" or
            "panoptic"; by default "rig" for a name in .yaml or .yml.
    """
    try:
        texts = files_of(rig, Path(path), format)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    write_texts(texts, remedy="choose another file to write")


def _rig(
    file: Path,
    document: Document,
    unit: str | None,
    sizes: Sizes | None,
    subject: str | None,
    cameras: Sequence[str] | str | None,
    radial: str | None,
) -> Rig:
    format = format_of(document)
    if subject is not None and format not in (None, "human36m"):
        raise InputError("has no subjects: leave subject= (--subject) out")
    if radial is not None and format not in (None, "vicon"):
        raise InputError("is no Vicon file: leave radial= (--radial) out")
    if format == "rig":
        return own_rig(document.content, unit, sizes, cameras)
    calibration = calibration_of(completed(file, document, format), subject, radial)
    names = calibration.names
    chosen = chosen_names(names, cameras)
    return calibration.rig(chosen, unit, sizes_by_name(sizes, names))
