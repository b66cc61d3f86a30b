"""`calib convert`: a calibration in another format."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from triangulate.console import print_notes, uninterrupted
from triangulate.options import (
    CamerasOption,
    RadialOption,
    SizeOption,
    SubjectOption,
    UnitOption,
    parse_names,
    parse_sizes,
)


class Written(StrEnum):
    """Formats that `convert` writes."""

    rig = "rig"
    anipose = "anipose"
    pose2sim = "pose2sim"
    opencv = "opencv"
    easymocap = "easymocap"
    kalibr = "kalibr"
    colmap = "colmap"
    panoptic = "panoptic"


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A calibration, or its folder.")],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The file to write; a folder for easymocap and colmap."),
    ],
    to: Annotated[
        Written | None,
        typer.Option("--to", help="What to write; by default rig where OUT ends in .yaml."),
    ] = None,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    cameras: CamerasOption = None,
    radial: RadialOption = None,
) -> None:
    """Convert a calibration; its format is recognised.

    Reads rig.yaml, anipose / Pose2Sim / FreeMoCap / caliscope TOML, OpenCV's multi-camera YAML,
    EasyMocap intri.yml + extri.yml, Kalibr camchain.yaml, multical calibration.json, COLMAP
    cameras.txt + images.txt, Qualisys .qca.txt, Vicon .xcp, CMU Panoptic json, Human3.6M labels
    npy, VoxelPose json, Label3D / DANNCE .mat. Writes rig.yaml (the project's own), anipose (mm),
    Panoptic (cm), and in metres Pose2Sim, OpenCV, EasyMocap, Kalibr and COLMAP.
    """
    sizes, names = parse_sizes(size), parse_names(cameras)
    with uninterrupted():
        from triangulate.rig_formats import load_rig, save_rig

    rig = load_rig(source, unit, sizes, subject, names, radial)
    save_rig(rig, target, to.value if to else None)
    print_notes(rig.notes)
    typer.echo(f"wrote {target}: {len(rig)} cameras ({', '.join(rig.names)})")
