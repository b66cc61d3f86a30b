"""`calib detect`: where cameras see a board."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triangulate.console import (
    Report,
    print_json,
    print_notes,
    print_table,
    progress_bar,
    uninterrupted,
)
from triangulate.errors import InputError, Stopped
from triangulate.options import (
    BindOption,
    CamerasOption,
    EveryOption,
    FpsOption,
    JsonOption,
    MatchOption,
    parse_bindings,
    parse_names,
)

if TYPE_CHECKING:
    from calib.observations import Observations

BoardOption = Annotated[
    Path | None,
    typer.Option(
        "--board",
        metavar="FILE",
        help="The board's description; by default board.yaml in or above RECORDING.",
    ),
]


def detect(
    recording: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORDING", help="A folder of videos or of image folders; or the videos."
        ),
    ],
    board: BoardOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="By default RECORDING/observations.npz."),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            "--frames",
            metavar="START:STOP|auto|all",
            help="These frames only, STOP not included; auto leaves out those in which the board "
            "has not moved. By default all, or 400 evenly spaced ones of more.",
        ),
    ] = None,
    every: EveryOption = None,
    camera: BindOption = None,
    cameras: CamerasOption = None,
    match: MatchOption = None,
    fps: FpsOption = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Threads; by default one a processor."),
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use and keep what was found before.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Find a calibration board in videos or images and write where its points are.

    Says plainly what is unexpected: a negative print, a board seen from behind, a camera that never
    sees it, or why it is not found at all.
    """
    path = board_path(recording, board)
    with uninterrupted():
        from calib import detection

    file = out or _default_out(recording)
    _check_place(file)
    with searching(cache=cache) as report:
        observations = detection.detect(
            recording[0] if len(recording) == 1 else recording,
            path,
            frames=frames,
            every=every,
            cameras=parse_names(cameras),
            bind=parse_bindings(camera),
            match=match.value if match else "auto",
            fps=fps,
            cache=cache,
            workers=workers,
            progress=report,
        )
    observations.save(file)
    print_notes(observations.notes)
    if as_json:
        print_json({"out": file, **describe(observations)})
    else:
        _print_table(observations)
        typer.echo(f"wrote {file}")


def board_path(recording: Sequence[Path], board: Path | None) -> Path:
    """The board named, or the `board.yaml` in the recording's folder or in one of three above."""
    if board is not None:
        return board
    for path in recording:
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder")
    start = Path(os.path.abspath(recording[0]))  # without following links, as the user sees it
    folder = start if start.is_dir() else start.parent
    for place in (folder, *folder.parents[:3]):
        if (place / "board.yaml").is_file():
            return Path(os.path.relpath(place / "board.yaml"))
    raise InputError(
        f"{recording[0]}: no board.yaml in it or in the folders above; name the board's "
        'description with --board ("calib board" writes one)'
    )


@contextmanager
def searching(*, cache: bool) -> Iterator[Report]:
    """Show how far the search is; where Ctrl-C ends it, say what is kept."""
    with progress_bar("looking for the board", "images") as show:
        try:
            yield show
        except KeyboardInterrupt:
            kept = "finished stretches are kept: run the same command again to go on"
            nothing = "with --no-cache nothing is kept"
            raise Stopped(f"stopped; {kept if cache else nothing}") from None


def describe(observations: Observations) -> dict[str, Any]:
    """What `calib detect` prints, as JSON holds it."""
    seen = observations.seen
    cameras = [
        {
            "name": name,
            "size": list(size),
            "frames": int(seen[v].any(-1).sum()),
            "points": int(seen[v].sum()),
        }
        for v, (name, size) in enumerate(zip(observations.names, observations.sizes, strict=True))
    ]
    views = seen.any(-1).sum(0)  # (F,)
    return {
        "cameras": cameras,
        "frames": len(observations.frames),
        "frames_in_two_or_more_cameras": int((views >= 2).sum()),
        "points_of_the_board": seen.shape[-1],
        "notes": list(observations.notes),
    }


def _print_table(observations: Observations) -> None:
    described = describe(observations)
    rows = [
        [
            camera["name"],
            f"{camera['size'][0]} x {camera['size'][1]}",
            str(camera["frames"]),
            str(camera["points"]),
        ]
        for camera in described["cameras"]
    ]
    title = (
        f"The board in {described['frames']} frames, "
        f"{described['frames_in_two_or_more_cameras']} of them in two cameras or more"
    )
    print_table(title, ["camera", "size", "frames", "points"], rows)


def _default_out(recording: Sequence[Path]) -> Path:
    """`observations.npz` in the recording's folder, where `calib solve` looks for it."""
    first = recording[0]
    return (first if first.is_dir() else first.parent) / "observations.npz"


def _check_place(file: Path) -> None:
    """Fail before the work rather than after it."""
    if file.is_dir():
        raise InputError(f"{file}: is a folder: name the file, such as {file}/observations.npz")
    if file.suffix != ".npz":
        raise InputError(f"{file}: observations are written as .npz, such as {file.stem}.npz")
    folder = next(place for place in file.absolute().parents if place.exists())
    if not os.access(folder, os.W_OK):
        raise InputError(f"{file}: cannot be written; choose another place with --out")
