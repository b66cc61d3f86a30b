"""`triangulate train`: a network from a settings file."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triangulate.commands.adapt import adapt
from triangulate.console import print_json, print_pairs, progress_bar, uninterrupted, waiting
from triangulate.errors import Stopped, UsageError
from triangulate.options import JsonOption, RigOption

if TYPE_CHECKING:
    from triangulate.training.loop import Progress
    from triangulate.training.run import TrainResult


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Settings as YAML; see configs/.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="A new folder, or that of --resume. With --recording by default its adapted/.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help="Where paths of data sets start: else $TRIANGULATE_DATA, else here.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    recording: Annotated[
        Path | None,
        typer.Option(
            "--recording",
            metavar="FOLDER",
            help="Learn on this recording, without labels; see configs/adapt.yaml.",
        ),
    ] = None,
    rig: RigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a network.

    Writes checkpoints, the curve and weights. It can be stopped with Ctrl-C at any time, and goes
    on with --resume as if it had not been. `torchrun --nproc-per-node N -m triangulate train ...`
    uses several processes or GPUs.
    """
    if recording is not None:
        if data is not None or resume:
            raise UsageError("--recording goes without --data and --resume")
        adapt(config, recording, rig, out, as_json=as_json)
        return
    if out is None:
        raise UsageError("say with --out where to write")
    if rig is not None:
        raise UsageError("--rig goes with --recording")
    with uninterrupted(), waiting("loading"):
        from triangulate.config.parsing import load_config
        from triangulate.config.training import TrainConfig
        from triangulate.data.build import data_root
        from triangulate.training import run

    settings = load_config(config, TrainConfig)
    with progress_bar("training", "steps") as told:
        result = run.train(
            settings,
            out,
            data_root=data_root(data),
            resume=resume,
            report=lambda progress: told(progress.step, settings.steps, standing(progress)),
        )
    if result.is_stopped:
        raise Stopped(
            f"stopped after step {result.steps} of {settings.steps}; the same command with "
            "--resume goes on from there"
        )
    if os.environ.get("RANK", "0") != "0":  # the first of several processes speaks for all
        return
    if as_json:
        print_json(result.as_dict())
    else:
        _print(result)


def standing(progress: Progress) -> str:
    """How a run goes, in some words."""
    says = f"loss {progress.loss:.4g}"
    if math.isfinite(progress.best):
        says += f", best validation {1000 * progress.best:.1f} mm"
    return says


def _print(result: TrainResult) -> None:
    pairs = [("steps", str(result.steps)), ("last loss", f"{result.loss:.4g}")]
    if result.best_error_mm is not None:
        pairs.append(("best validation", f"{result.best_error_mm:.1f} mm"))
    pairs += [
        (name, str(path))
        for name, path in (("weights", result.weights), ("best weights", result.best_weights))
        if path is not None
    ]
    print_pairs("Training", pairs)
