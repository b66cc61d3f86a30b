"""`triangulate cloud`: the person as coloured points, a PLY file a frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.arguments import (
    default_out,
    offer_networks,
    open_checked,
    read_rig,
    read_settings,
    rig_path,
)
from triangulate.console import (
    print_json,
    print_notes,
    print_pairs,
    progress_bar,
    uninterrupted,
)
from triangulate.errors import InputError
from triangulate.options import (
    BindOption,
    CamerasOption,
    CloudOf,
    EveryOption,
    FpsOption,
    FramesOption,
    JsonOption,
    MatchOption,
    MismatchOption,
    RecordingArgument,
    RigOption,
    SubjectOption,
    SyncOption,
    UnitOption,
    parse_bindings,
    parse_names,
)

if TYPE_CHECKING:
    from triangulate.cloud.recording import WrittenCloud

HULL_SIZE, HEATMAPS_SIZE = 128, 64


def cloud(
    recording: RecordingArgument,
    rig: RigOption = None,
    poses: Annotated[
        Path | None,
        typer.Option(
            "--poses",
            metavar="FILE",
            help="What `reconstruct` wrote: by default RECORDING/out/poses.npz.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="By default RECORDING/out/clouds."),
    ] = None,
    what: Annotated[
        CloudOf,
        typer.Option(
            "--what",
            help="hull: carved from the views' masks, in the images' colours; heatmaps: where the "
            "views together have the joints.",
        ),
    ] = CloudOf.hull,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="VOXELS",
            help="Voxels along a side of the cube: 128, a multiple of 8; 64 for heatmaps.",
        ),
    ] = None,
    side: Annotated[
        float,
        typer.Option(
            "--side", metavar="METRES", min=0.1, max=100, help="Of the cube about the body."
        ),
    ] = 2.5,
    share: Annotated[
        float,
        typer.Option(
            "--share",
            metavar="0..1",
            min=0.001,
            max=1,
            help="Heatmaps are drawn where they hold so much of a joint's highest voxel.",
        ),
    ] = 0.1,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    frames: FramesOption = None,
    every: EveryOption = None,
    on_size_mismatch: MismatchOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    sync: SyncOption = None,
    unit: UnitOption = None,
    subject: SubjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the person as coloured points, which Open3D opens: frame_000123.ply and so on.

    The points are metres in the calibration's world. Of the frames chosen, or all that have poses.
    """
    with uninterrupted():
        from triangulate.cloud.recording import CloudSettings, with_poses, write_clouds
        from triangulate.output import check_writable
        from triangulate.poses import load_poses

    path = poses or default_out(recording, "out/poses.npz")
    folder = out or default_out(recording, "out/clouds")
    settings = read_settings(
        {
            "cameras": parse_names(cameras),
            "frames": frames,
            "every": every,
            "on_size_mismatch": on_size_mismatch,
            "match": match,
            "fps": fps,
            "sync": sync,
        }
    )
    if not path.is_file():
        raise InputError(
            f"{path}: no poses there: make them with triangulate reconstruct, or name the file "
            "with --poses"
        )
    found = load_poses(path)
    loaded = read_rig(rig_path(recording, rig), settings, unit, None, subject)
    opened = open_checked(recording, loaded, settings, parse_bindings(camera))
    chosen = opened if frames or every else with_poses(opened, found)
    voxels = size or (HULL_SIZE if what == CloudOf.hull else HEATMAPS_SIZE)
    how = CloudSettings(what, voxels, side, share)
    check_writable(folder)
    offer_networks()
    with progress_bar("carving" if what == CloudOf.hull else "joining", "frames") as report:
        written, missing = write_clouds(chosen, found, folder, how, progress=report)
    if missing:
        some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        print_notes(
            [f"no cloud of {len(missing)} frames ({some}): no pose, or fewer than two views' masks"]
        )
    if as_json:
        print_json({"out": folder, "clouds": [vars(each) for each in written], "none": missing})
    else:
        print_pairs("Clouds", [*rows_of(written), ("written to", str(folder))])


def rows_of(written: list[WrittenCloud]) -> list[tuple[str, str]]:
    """The figures of clouds, for a table."""
    points = sorted(each.num_points for each in written)
    rows = [("frames", str(len(written))), ("points", f"{points[len(points) // 2]:,} a frame")]
    volumes = [each.volume_m3 for each in written if each.volume_m3 is not None]
    inside = [each.joints_inside for each in written if each.joints_inside is not None]
    if volumes:
        rows.append(("volume", f"{min(volumes):.3f} to {max(volumes):.3f} m3"))
        rows.append(("joints inside", f"{sum(inside) / len(inside):.0%}"))
    by_camera: dict[str, list[float]] = {}
    for each in written:
        for name, overlap in (each.overlap or {}).items():
            by_camera.setdefault(name, [])
            by_camera[name] += [] if overlap is None else [overlap]
    shares = [f"{n} {sum(o) / len(o):.2f}" if o else f"{n} none" for n, o in by_camera.items()]
    return [*rows, ("overlap with masks", ", ".join(shares))] if shares else rows
