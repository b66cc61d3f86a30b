"""The command `calib`. Each command parses, calls one library function, and writes."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from triangulate.errors import report_errors

if TYPE_CHECKING:
    from triangulate.rig import Rig

app = typer.Typer(
    name="calib",
    help="Calibrations of camera rigs: look at them and convert them.",
    epilog="Example: calib convert calibration.toml rig.yaml --unit mm",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Unit(StrEnum):
    """Units of a foreign file's translations."""

    mm = "mm"
    cm = "cm"
    m = "m"


class Written(StrEnum):
    """Formats that `convert` writes."""

    rig = "rig"
    anipose = "anipose"
    pose2sim = "pose2sim"


UnitOption = Annotated[
    Unit | None,
    typer.Option("--unit", help="Unit of the file's translations, where it does not tell."),
]
SizeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--size",
        metavar="WxH|NAME=WxH",
        help="Image size where the file has none; once for all cameras, or once for each.",
    ),
]
SubjectOption = Annotated[
    str | None,
    typer.Option(
        "--subject", metavar="NAME", help="Whose cameras (Human3.6M labels: S1, S5, ...)."
    ),
]
CamerasOption = Annotated[
    str | None,
    typer.Option("--cameras", metavar="A,B,...", help="Take these cameras only, in this order."),
]


@app.callback()
def _commands() -> None:
    """Keeps `calib show` a command of its own, however many there are."""


@app.command(epilog="Example: calib convert Calib.qca.txt rig.yaml --cameras cam01,cam02")
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A calibration, or its folder.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    to: Annotated[
        Written | None,
        typer.Option("--to", help="What to write; by default rig where OUT ends in .yaml."),
    ] = None,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    cameras: CamerasOption = None,
) -> None:
    """Convert a calibration; its format is recognised.

    Reads rig.yaml, anipose / Pose2Sim / FreeMoCap / caliscope TOML, OpenCV's multi-camera YAML,
    Qualisys .qca.txt, CMU Panoptic json, Human3.6M labels npy, VoxelPose json, Label3D / DANNCE
    .mat. Writes rig.yaml (the project's own), anipose TOML (mm) and Pose2Sim TOML (m).
    """
    sizes = _parsed_sizes(size)
    from triangulate.rig_formats import load_rig, save_rig

    rig = load_rig(source, unit, sizes, subject, cameras)
    save_rig(rig, target, to.value if to else None)
    typer.echo(f"wrote {target}: {len(rig)} cameras ({', '.join(rig.names)})")
    for note in rig.notes:
        typer.echo(f"note: {note}")


@app.command(epilog="Example: calib show calibration.toml --unit mm")
def show(
    rig: Annotated[Path, typer.Argument(metavar="RIG", help="A calibration, or its folder.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs instead of a table.")
    ] = False,
    unit: UnitOption = None,
    size: SizeOption = None,
    subject: SubjectOption = None,
    cameras: CamerasOption = None,
) -> None:
    """Print the cameras of a calibration."""
    sizes = _parsed_sizes(size)
    from triangulate.rig_formats import load_rig

    description = describe(load_rig(rig, unit, sizes, subject, cameras))
    if as_json:
        typer.echo(json.dumps(description, indent=2, ensure_ascii=False))
    else:
        _print_table(description)


def describe(rig: Rig) -> dict[str, Any]:
    """What `calib show` prints, as JSON holds it."""
    K, centres_m = rig.cameras.K.numpy(), rig.cameras.centre_world.numpy() + 0.0  # no -0.0
    cameras = [
        {
            "name": name,
            "size": list(size) if size else None,
            "lens": lens,
            "focal_px": [float(k[0, 0]), float(k[1, 1])],
            "principal_point_px": [float(k[0, 2]), float(k[1, 2])],
            "field_of_view_deg": _field_of_view_deg(rig, v),
            "position_m": centre_m.tolist(),
        }
        for v, (name, size, lens, k, centre_m) in enumerate(
            zip(rig.names, rig.sizes, rig.lens_names, K, centres_m, strict=True)
        )
    ]
    return {
        "cameras": cameras,
        "up_axis": rig.up_axis,
        "baselines_m": _baselines_m(rig),
        "notes": list(rig.notes),
    }


def main() -> NoReturn:
    """The entry point."""
    report_errors(app)


def _field_of_view_deg(rig: Rig, view: int) -> list[float | None] | None:
    """Angles across the image through the principal point, width and height.

    None where the size is not known, or where the lens model folds over before the edge.
    """
    import torch

    size = rig.sizes[view]
    if size is None:
        return None
    camera = rig.cameras[view]
    x, y = camera.K[:2, 2].tolist()
    width, height = size
    edges_px = [[-0.5, y], [width - 0.5, y], [x, -0.5], [x, height - 0.5]]
    _, rays, valid = camera.rays(torch.tensor(edges_px, dtype=camera.K.dtype))
    angles: list[float | None] = []
    for first in (0, 2):
        cosine = (rays[first] @ rays[first + 1]).clamp(-1, 1)
        seen = bool(valid[first : first + 2].all())
        angles.append(float(torch.rad2deg(torch.acos(cosine))) if seen else None)
    return angles


def _baselines_m(rig: Rig) -> dict[str, Any] | None:
    """The closest and the farthest pair of cameras, None for a single one."""
    import numpy as np

    centres_m = rig.cameras.centre_world.numpy()
    firsts, seconds = np.triu_indices(len(rig), k=1)
    if len(firsts) == 0:
        return None
    apart_m = np.linalg.norm(centres_m[firsts] - centres_m[seconds], axis=-1)
    return {
        which: {
            "cameras": [rig.names[firsts[pair]], rig.names[seconds[pair]]],
            "distance_m": float(apart_m[pair]),
        }
        for which, pair in (("min", int(apart_m.argmin())), ("max", int(apart_m.argmax())))
    }


def _print_table(description: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    table = Table()
    for heading in ("camera", "size", "lens", "focal px", "field of view deg", "position m"):
        table.add_column(heading, justify="left" if heading in ("camera", "lens") else "right")
    for camera in description["cameras"]:
        table.add_row(*(Text(cell) for cell in _cells(camera)))
    console.print(table)
    console.print(f"up: {description['up_axis'] or 'not known'}", markup=False)
    for which, name in (("min", "closest"), ("max", "farthest")):
        if baselines := description["baselines_m"]:
            pair = baselines[which]
            apart = f"{pair['distance_m']:.3f} m ({', '.join(pair['cameras'])})"
            console.print(f"{name} cameras: {apart}", markup=False)
    for note in description["notes"]:
        console.print(f"note: {note}", markup=False)


def _cells(camera: dict[str, Any]) -> list[str]:
    fx, fy = camera["focal_px"]
    size, fov = camera["size"], camera["field_of_view_deg"]
    return [
        camera["name"],
        f"{size[0]} x {size[1]}" if size else "not known",
        camera["lens"],
        f"{fx:.1f}" if abs(fx - fy) < 0.05 else f"{fx:.1f} {fy:.1f}",
        " x ".join("?" if angle is None else f"{angle:.1f}" for angle in fov or [None, None]),
        " ".join(f"{round(value, 3) + 0.0:.3f}" for value in camera["position_m"]),
    ]


def _parsed_sizes(texts: list[str] | None) -> Any:
    """`1280x720` or `cam1=1280x720 ...` as `load_rig` takes them."""
    if not texts:
        return None
    sizes: dict[str | None, tuple[int, int]] = {}
    for text in texts:
        found = re.fullmatch(r"(?:(.+)=)?(\d+)x(\d+)", text)
        if found is None:
            raise typer.BadParameter(
                f"{text!r} is neither WxH nor NAME=WxH, such as 1280x720", param_hint="--size"
            )
        name, width, height = found.groups()
        if name in sizes:
            raise typer.BadParameter(f"{text!r}: given twice", param_hint="--size")
        sizes[name] = (int(width), int(height))
    if None in sizes and len(sizes) > 1:
        raise typer.BadParameter("either one size for all or NAME=WxH", param_hint="--size")
    return sizes.get(None, sizes)


if __name__ == "__main__":
    main()
