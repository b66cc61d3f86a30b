"""Options that both commands take: what a calibration file leaves open."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

Size = tuple[int, int]


class Unit(StrEnum):
    """Units of a foreign file's translations."""

    mm = "mm"
    cm = "cm"
    m = "m"


UnitOption = Annotated[
    Unit | None,
    typer.Option("--unit", help="Unit of the calibration's translations, if it does not tell."),
]
SizeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--size",
        metavar="WxH|NAME=WxH",
        help="Image size where the calibration has none; once for all cameras, or once for each.",
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


def parse_sizes(texts: list[str] | None) -> Size | dict[str, Size] | None:
    """`1280x720` or `cam1=1280x720 ...` as `load_rig` takes them."""
    if not texts:
        return None
    for_all: list[Size] = []
    by_name: dict[str, Size] = {}
    for text in texts:
        found = re.fullmatch(r"(?:(.+)=)?(\d+)x(\d+)", text)
        if found is None:
            raise typer.BadParameter(
                f"{text!r} is neither WxH nor NAME=WxH, such as 1280x720", param_hint="--size"
            )
        name, size = found[1], (int(found[2]), int(found[3]))
        if name in by_name:
            raise typer.BadParameter(f"{text!r}: given twice", param_hint="--size")
        if name is None:
            for_all.append(size)
        else:
            by_name[name] = size
    if len(for_all) > 1 or (for_all and by_name):
        raise typer.BadParameter("either one size for all or NAME=WxH", param_hint="--size")
    return for_all[0] if for_all else by_name


def parse_names(text: str) -> list[str]:
    """`cam1,cam2` as a list."""
    return [name.strip() for name in text.split(",") if name.strip()]
