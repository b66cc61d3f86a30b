"""The command `triangulate`: one module a command in `triangulate.commands`, registered here.

Each command parses, calls one library function, and writes.
"""

from __future__ import annotations

from typing import NoReturn

import typer

from triangulate.commands.check import check
from triangulate.commands.cloud import cloud
from triangulate.commands.demo import demo
from triangulate.commands.detect import detect
from triangulate.commands.evaluate import evaluate
from triangulate.commands.export import export
from triangulate.commands.models import models
from triangulate.commands.reconstruct import reconstruct
from triangulate.commands.render import render
from triangulate.commands.report import report
from triangulate.commands.sync import sync
from triangulate.commands.train import train
from triangulate.commands.view import view
from triangulate.console import (
    SETTINGS,
    run_app,
)
from triangulate.options import VersionOption

app = typer.Typer(
    name="triangulate",
    help="3D poses from several synchronized cameras.",
    epilog="Example: triangulate reconstruct recordings/walk --rig rig.yaml",
    **SETTINGS,  # type: ignore[arg-type]
)
app.add_typer(models, name="models")


@app.callback()
def _commands(version: VersionOption = False) -> None:
    """Takes what stands before a command."""


app.command(
    short_help="Calibrate and reconstruct made-up recordings with known truth.",
    epilog="Example: triangulate demo --out demo",
)(demo)


app.command(
    short_help="Say what a recording holds and what is assumed.",
    epilog="Example: triangulate check recordings/walk --rig rig.yaml",
)(check)
app.command(
    short_help="Find 2D keypoints in the videos and write them to a file.",
    epilog="Example: triangulate detect recordings/walk --rig rig.yaml",
)(detect)
app.command(
    short_help="Turn videos, or 2D keypoints, into 3D poses.",
    epilog="Example: triangulate reconstruct recordings/walk --rig Calib.qca.txt",
)(reconstruct)
app.command(
    short_help="Write poses in other formats: CSV, TRC, C3D, BVH, glTF and more.",
    epilog="Example: triangulate export recordings/walk/out/poses.npz --to trc --to bvh",
)(export)
app.command(
    short_help="Draw the scene in space, or poses on the videos, into a video or pictures.",
    epilog="Example: triangulate render recordings/walk --view orbit --out walk.mp4",
)(render)
app.command(
    short_help="Look at poses, cameras, videos and clouds in a window.",
    epilog="Example: triangulate view recordings/walk",
)(view)
app.command(
    short_help="Say how far a reconstruction can be trusted, on one HTML page.",
    epilog="Example: triangulate report recordings/walk --rig rig.yaml --blur-faces",
)(report)
app.command(
    short_help="Find time offsets between the cameras, from motion.",
    epilog="Example: triangulate sync recordings/walk --rig rig.yaml",
)(sync)
app.command(
    short_help="Write the person as coloured points (PLY).",
    epilog="Example: triangulate cloud recordings/walk --rig rig.yaml --frames 100:110",
)(cloud)
app.command(
    short_help="Train a network from a settings file.",
    epilog="Example: triangulate train configs/synthetic_algebraic.yaml --out runs/first",
)(train)
app.command(
    short_help="Measure weights on a data set.",
    epilog="Example: triangulate evaluate configs/eval_synthetic_clean.yaml --weights W",
)(evaluate)


def main() -> NoReturn:
    """The entry point."""
    run_app(app)
