"""`calib report`: one HTML page that says how far a calibration can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.console import print_json, print_notes, print_verdict, progress_bar, uninterrupted
from triangulate.errors import InputError, UsageError

if TYPE_CHECKING:
    from calib.assessment import Trust
    from calib.solution import Solution

PAGE_FILE = "report.html"


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that `calib solve` wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; by default report.html in FOLDER."),
    ] = None,
    board: Annotated[
        Path | None,
        typer.Option(
            "--board",
            metavar="FILE",
            help="Check against this description of the board; by default the one that the rig "
            "was solved with.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of what is drawn.")] = 0,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the numbers as JSON; the page is then written with --out only."
        ),
    ] = False,
) -> None:
    """Say how far a calibration can be trusted, in millimetres, and write it all on one page.

    The rig is solved again from halves and parts of the recording, which takes some ten times as
    long as solving it. What comes out is kept in FOLDER/trust.json for the next time.
    """
    if out is not None and out.is_dir():
        raise UsageError(f"--out {out}: is a folder; name a file, such as {out / PAGE_FILE}")
    with uninterrupted():
        from calib.reporting.page import report as write_report
        from calib.solution import SOLUTION_FILE, load_solution
        from calib.verdicts import verdict
        from triangulate.pages.style import graph_objects

    place = folder.parent if folder.name == SOLUTION_FILE else folder
    if not (place / SOLUTION_FILE).is_file():
        raise InputError(
            f'{place}: no {SOLUTION_FILE} in it: give the folder that "calib solve" wrote'
        )
    page = (out or place / PAGE_FILE) if out or not as_json else None
    if page is not None:
        graph_objects()  # says what is missing before the long work
    solution = load_solution(place)
    trust = _trusted(solution, place, board, seed)
    judged = verdict(solution, trust)
    if page is not None:
        write_report(solution, trust, page, f"Calibration of {place.absolute().name}")
    if as_json:
        from calib.reporting.numbers import describe

        print_json(describe(solution, trust, judged))
        return
    print_notes([*solution.notes, *solution.rig.notes])
    print_verdict(judged)
    typer.echo(f"wrote {page}")


def _trusted(solution: Solution, folder: Path, board: Path | None, seed: int) -> Trust:
    """What was found out before, or anew."""
    from calib.assessment import fingerprint, trust
    from calib.trust_file import load_trust, save_trust

    target = None
    if board is None:
        try:
            found = load_trust(folder)
        except InputError:  # there is none yet, or one of another version
            found = None
        if found is not None and found.of == fingerprint(solution, seed):
            return found
    else:
        from calib.targets import load_target

        target = load_target(board)
    with progress_bar("solving again from parts of the recording", "checks") as progress:
        found = trust(solution, target, seed=seed, progress=progress)
    if board is None:
        save_trust(found, folder)
    return found
