"""The command `calib`: one module a command in `calib.commands`, registered here with one line.

Each command parses, calls one library function, and writes.
"""

from __future__ import annotations

from typing import NoReturn

import typer

from calib.commands.board import board
from calib.commands.check import check
from calib.commands.convert import convert
from calib.commands.detect import detect
from calib.commands.report import report
from calib.commands.selfcal import selfcal
from calib.commands.show import show
from calib.commands.solve import solve
from calib.commands.world import world
from triangulate.console import SETTINGS, run_app
from triangulate.options import VersionOption

app = typer.Typer(
    name="calib",
    help="Calibrate camera rigs, check them over time, look at them and convert them.",
    epilog="Example: calib solve recordings/board --board board.yaml",
    **SETTINGS,  # type: ignore[arg-type]
)


@app.callback()
def _commands(version: VersionOption = False) -> None:
    """Takes what stands before a command."""


app.command(epilog="Example: calib board charuco --columns 8 --rows 11 --square 24")(board)
app.command(epilog="Example: calib detect recordings/board --board board.yaml")(detect)
app.command(epilog="Example: calib solve recordings/board --board board.yaml")(solve)
app.command(epilog="Example: calib report calibration")(report)
app.command(epilog="Example: calib check calibration recordings/board_today")(check)
app.command(
    epilog="Example: calib selfcal recordings/walk/pose2d --rig rig.yaml --distance cam1,cam2=3.2"
)(selfcal)
app.command(epilog="Example: calib convert Calib.qca.txt rig.yaml --cameras cam01,cam02")(convert)
app.command(epilog="Example: calib show calibration.toml --unit mm")(show)
app.command(epilog="Example: calib world calibration --floor-frame 12 --thickness 0.005")(world)


def main() -> NoReturn:
    """The entry point."""
    run_app(app)
