"""What the commands print: tables for people, progress on a terminal, nothing extra in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from triangulate.summary import Summary


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without a frame; the first column is text, the others are figures."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table, crop=False, overflow="ignore", no_wrap=True)
    console.print()


def print_pairs(title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, one a line."""
    width = max(len(name) for name, _ in pairs)
    typer.echo(title)
    for name, value in pairs:
        typer.echo(f"{name:<{width}}  {value}")


def print_notes(notes: Sequence[str]) -> None:
    """What was assumed, on stderr, so that a program reading the answer is not disturbed."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def print_summary(summary: Summary, folder: str) -> None:
    """A reconstruction by camera, joint and bone, and in all."""
    print_table(
        "Cameras",
        ["camera", "frames used", "observations used", "reprojection median", "95 %"],
        [
            [
                camera.name,
                f"{camera.frames_used:.0%}",
                f"{camera.observations_used:.0%}",
                f"{camera.median_px:.2f} px",
                f"{camera.p95_px:.2f} px",
            ]
            for camera in summary.cameras
        ],
    )
    print_table(
        "Joints",
        ["joint", "found", "views used"],
        [
            [name, f"{summary.found_by_joint[name]:.0%}", f"{views:.1f}"]
            for name, views in summary.views_by_joint.items()
        ],
    )
    if summary.bones:
        print_table(
            "Bones",
            ["bone", "length", "spread"],
            [
                [bone.name, f"{1000 * bone.median_m:.0f} mm", f"{1000 * bone.spread_m:.1f} mm"]
                for bone in summary.bones
            ],
        )
    missing = ", ".join(f"{name} {share:.1%}" for name, share in summary.missing.items())
    found = f"{summary.points_found:.1%}" + (f" (missing: {missing})" if missing else "")
    pairs = [
        ("frames", str(summary.frames)),
        ("points found", found),
        ("reprojection", f"{summary.median_px:.2f} px median"),
        ("expected error", f"{1000 * summary.median_sigma_m:.1f} mm (standard deviation, median)"),
        ("written to", folder),
    ]
    print_pairs("Result", pairs)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with the time left, as a function of (done, all); None where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
