"""`triangulate demo`: made-up recordings with known truth, calibrated and reconstructed."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.console import print_json, print_notes, print_pairs, uninterrupted, waiting
from triangulate.options import JsonOption

if TYPE_CHECKING:
    from triangulate.demo import DemoResult


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write.")] = Path(
        "demo"
    ),
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Another person, rig and noise.")
    ] = 0,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            metavar="NAME|FILE|none",
            help="Weights that find the joints in rendered videos; none: no videos.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make up recordings, calibrate and reconstruct from them, and compare with the truth.

    A walk is reconstructed from 2D keypoints. Then a board is filmed (rendered) by four cameras,
    which are calibrated from these videos, and so is the walk, which is reconstructed with them.
    """
    with uninterrupted():
        from calib.demonstration import BoardCalibration
        from triangulate.demo import network_to_use, run_demo

    weights, notes = network_to_use(network)
    result = run_demo(out, seed, network=weights, calibrator=BoardCalibration(), tell=waiting)
    print_notes([*notes, *(result.filmed.notes if result.filmed else ())])
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        _print(result)


def _print(result: DemoResult) -> None:
    from triangulate.demo import calibration_table, demo_table, film_table, stages_table

    print_pairs("From 2D keypoints, against the truth", demo_table(result))
    if result.calibration:
        print_pairs("Calibrated from videos of a board", calibration_table(result.calibration))
    if result.filmed:
        print_pairs("From rendered videos, against the truth", film_table(result.filmed))
    print_pairs("Time", stages_table(result.seconds))
    typer.secho("To go on", bold=True)
    for command, says in commands_to_go_on(result):
        typer.echo(f"{command}  # {says}")


def commands_to_go_on(result: DemoResult) -> list[tuple[str, str]]:
    """Commands that open what was made or show more of it, and what each does."""
    recording = result.filmed.recording if result.filmed else result.results.parent
    told = [(["triangulate", "view", recording], "the poses in 3D")]
    if result.filmed:
        errors = result.filmed.results / "errors.mp4"
        render = ["triangulate", "render", recording, "--overlay", "--colours", "error"]
        told.append(([*render, "--out", errors], "the poses on the videos, coloured by error"))
    told.append((["triangulate", "report", recording], "how far the poses can be trusted"))
    if result.calibration:
        folder = result.calibration.results
        told.append((["calib", "report", folder], "how far the calibration can be trusted"))
    return [(shlex.join(map(str, words)), says) for words, says in told]
