"""`triangulate export`: poses in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triangulate.console import print_json, print_notes, print_pairs, uninterrupted, waiting
from triangulate.errors import UsageError
from triangulate.export.options import ExportOptions, Format, LengthUnit, Up
from triangulate.options import JsonOption


def export(
    poses: Annotated[
        Path,
        typer.Argument(metavar="POSES", help="What `reconstruct` wrote: poses.npz."),
    ],
    to: Annotated[
        list[Format] | None,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help=f"{', '.join(Format)}; several times for several. By default what the ending of "
            "--out says.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="The file, or the folder for files called after POSES; by default beside POSES.",
        ),
    ] = None,
    unit: Annotated[
        LengthUnit | None,
        typer.Option(
            "--unit", help="Of positions, where the format leaves it open (csv, trc, c3d, bvh)."
        ),
    ] = None,
    up: Annotated[
        Up | None,
        typer.Option(
            "--up",
            help="Which axis points up, where the format leaves it open; as-is: the rig's own.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write poses in the formats of other programs.

    \b
    csv       a row a frame and joint        csv-wide  a row a frame
    trc       markers, for OpenSim           c3d       markers, for motion capture
    bvh       a tree that rotations move     gltf      a scene to look at (.glb)
    angles    of knees, hips, ... (CSV)      opensim   marker set and motion
    json      CMU Panoptic's, in one file    panoptic  the same, a file a frame
    npz       the program's own

    Several people get a file each where a file holds one: poses_1.trc, poses_2.trc. Likewise the
    parts of a recording that is too long for one file (c3d): poses_part1.c3d, poses_part2.c3d.
    """  # noqa: D301
    with uninterrupted():
        from triangulate.export.writing import export_poses, format_of
        from triangulate.poses import load_poses

    if not to and out is None:
        raise UsageError(f"name a format with --to ({', '.join(Format)}), or a file with --out")
    formats = to or [format_of(Path(out or ""))]
    with waiting("writing"):
        exported = export_poses(load_poses(poses), formats, poses, out, ExportOptions(unit, up))
    print_notes(exported.notes)
    if as_json:
        print_json({"files": exported.paths, "notes": exported.notes})
    else:
        rows = [("written to" if not n else "", str(p)) for n, p in enumerate(exported.paths)]
        print_pairs("Export", rows)
