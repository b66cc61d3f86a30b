"""`calib board`: a target to print, to scale."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triangulate.console import print_notes, uninterrupted
from triangulate.errors import UsageError

if TYPE_CHECKING:
    from calib.targets import Target


class Kind(StrEnum):
    """What can be printed."""

    charuco = "charuco"
    chessboard = "chessboard"
    aprilgrid = "aprilgrid"
    circles = "circles"


# What is printed where nothing else is said: each fits on A4. Keys as in board.yaml.
DEFAULTS: dict[Kind, dict[str, Any]] = {
    Kind.charuco: {
        "columns": 5,
        "rows": 7,
        "square_size_mm": 35.0,
        "marker_size_mm": 26.0,
        "dictionary": "DICT_5X5_50",
    },
    Kind.chessboard: {"columns": 9, "rows": 6, "square_size_mm": 25.0},
    Kind.aprilgrid: {"columns": 6, "rows": 6, "tag_size_mm": 22.0, "spacing": 0.3},
    Kind.circles: {"columns": 4, "rows": 11, "spacing_mm": 20.0},
}
_OPTIONS = {  # of a key of board.yaml
    "square_size_mm": "--square",
    "marker_size_mm": "--marker",
    "dictionary": "--dictionary",
    "legacy": "--legacy",
    "inverted": "--inverted",
    "tag_size_mm": "--tag",
    "spacing": "--gap",
    "border_bits": "--border-bits",
    "spacing_mm": "--spacing",
}
_OF_KIND = {
    Kind.charuco: {"square_size_mm", "marker_size_mm", "dictionary", "legacy", "inverted"},
    Kind.chessboard: {"square_size_mm"},
    Kind.aprilgrid: {"tag_size_mm", "spacing", "border_bits"},
    Kind.circles: {"spacing_mm"},
}
_MARKER_PART = 0.75  # of a square, where only that is said


def board(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KIND|BOARD.YAML",
            help="charuco, chessboard, aprilgrid or circles; or the description of a board.",
        ),
    ] = "charuco",
    columns: Annotated[
        int | None,
        typer.Option(
            "--columns",
            metavar="N",
            help="Squares across; of a chessboard, inner corners; tags; circles in a row.",
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", help="The same downwards.")
    ] = None,
    square: Annotated[
        float | None, typer.Option("--square", metavar="MM", help="Side of a square.")
    ] = None,
    marker: Annotated[
        float | None,
        typer.Option("--marker", metavar="MM", help="Side of a marker; 3/4 of a square."),
    ] = None,
    dictionary: Annotated[
        str | None,
        typer.Option("--dictionary", metavar="NAME", help="OpenCV's name, such as DICT_5X5_50."),
    ] = None,
    legacy: Annotated[
        bool, typer.Option("--legacy", help="ChArUco as OpenCV before 4.6 printed it.")
    ] = False,
    inverted: Annotated[
        bool, typer.Option("--inverted", help="ChArUco with dark and bright exchanged.")
    ] = False,
    tag: Annotated[
        float | None, typer.Option("--tag", metavar="MM", help="Side of an AprilTag.")
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option("--gap", metavar="PART", help="Gap between tags, as a part of a tag's side."),
    ] = None,
    border_bits: Annotated[
        int | None,
        typer.Option("--border-bits", metavar="N", help="Width of a tag's border: 2 (Kalibr), 1."),
    ] = None,
    spacing: Annotated[
        float | None,
        typer.Option(
            "--spacing",
            metavar="MM",
            help="Distance of neighbouring rows of circles; those of a row are twice as far apart.",
        ),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            "--page",
            metavar="A4|...|WxH",
            help="A4 to A0, letter, tabloid, or millimetres; by default the smallest A page.",
        ),
    ] = None,
    dpi: Annotated[
        float,
        typer.Option("--dpi", metavar="N", min=30, max=4800, help="Resolution of the PNG."),
    ] = 300.0,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write.")] = Path(
        "."
    ),
    force: Annotated[
        bool, typer.Option("--force", help="Replace the board.yaml of another board.")
    ] = False,
) -> None:
    """Write a calibration board to print: board.pdf and board.png to scale, and board.yaml.

    Print board.pdf at 100 %, measure a square, and correct its side in board.yaml, which the other
    commands read.
    """
    with uninterrupted():
        from calib.sheets import fit_page, print_board

    given = {
        "columns": columns,
        "rows": rows,
        "square_size_mm": square,
        "marker_size_mm": marker,
        "dictionary": dictionary,
        "legacy": legacy or None,
        "inverted": inverted or None,
        "tag_size_mm": tag,
        "spacing": gap,
        "border_bits": border_bits,
        "spacing_mm": spacing,
    }
    target = _target(what, {key: value for key, value in given.items() if value is not None})
    sheet = fit_page(target.extent_m, page)
    files = print_board(target, out, page, dpi, overwrite=force)
    print_notes([f"the page is {sheet.name}, {sheet.width_mm:g} x {sheet.height_mm:g} mm"])
    typer.echo(f"{target}")
    typer.echo(f"wrote {', '.join(map(str, files))}")


def _target(what: str, given: dict[str, Any]) -> Target:
    """The target that is asked for."""
    from calib.board_file import target_from
    from calib.targets import load_target

    if what not in {kind.value for kind in Kind}:
        if not what.endswith((".yaml", ".yml")) and not Path(what).exists():
            raise UsageError(
                f"{what!r} is none of {', '.join(Kind)}, and no board.yaml (see calib board --help)"
            )
        if given:
            raise UsageError(
                f"{what} says what the board is: leave {_options(given)} out, or change the file"
            )
        return load_target(what)
    kind = Kind(what)
    strange = [key for key in given if key in _OPTIONS and key not in _OF_KIND[kind]]
    if strange:
        raise UsageError(f"{_options(strange)} does not go with {kind.value}")
    values = DEFAULTS[kind] | given
    if kind is Kind.charuco and "square_size_mm" in given and "marker_size_mm" not in given:
        values["marker_size_mm"] = round(_MARKER_PART * float(given["square_size_mm"]), 3)
    return target_from({"type": kind.value, **values})


def _options(keys: Any) -> str:
    return ", ".join(_OPTIONS.get(key, f"--{key}") for key in keys)
