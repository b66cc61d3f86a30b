"""A training run from its settings: builds what the loop needs, and writes the weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from triangulate.errors import InputError
from triangulate.evaluation.passing import choose_device
from triangulate.models.weights import Card, save
from triangulate.skeleton import Skeleton
from triangulate.training.checkpoint import RunFolder
from triangulate.training.loop import Progress, Trainer
from triangulate.training.optimization import check_groups
from triangulate.training.processes import local_device, process_group, wait_for_all
from triangulate.training.setup import Setup, pose_setup, weighing_setup
from triangulate.training.stream import Share

if TYPE_CHECKING:
    from triangulate.config.training import TrainConfig


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        steps: taken.
        loss: of the last step.
        best_error_mm: the smallest validation error; None without a validation.
        weights: the file of the weights at the end; None where the run was stopped before it.
        best_weights: the file of the best ones, where there is one.
        is_stopped: whether somebody stopped it.
    """

    steps: int
    loss: float
    best_error_mm: float | None
    weights: Path | None
    best_weights: Path | None
    is_stopped: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def train(
    config: TrainConfig,
    out: Path,
    *,
    data_root: Path = Path("."),
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> TrainResult:
    """Train a network.

    Under `torchrun` each process makes its part of every batch; see `training.processes`.

    Args:
        config: the settings.
        out: a new folder, or with `resume` that of a run that was stopped.
        data_root: where relative paths of data sets start.
        resume: go on from the last checkpoint.
        report: told after each step how far the run is.

    Raises:
        InputError: what keeps it from running, with what to do; nothing is overwritten.
    """
    device = local_device(choose_device(config.device))
    with process_group(device) as share:
        if config.loading.batch_size % share.count:
            raise InputError(
                f"loading.batch_size: {config.loading.batch_size} cannot be shared by "
                f"{share.count} processes: make it a multiple"
            )
        setup = _setup(config, share, device, data_root)
        check_groups(setup.model, config.optimizer.groups)  # before anything is written
        folder = _folder(config, out, share, resume=resume)
        keep = partial(_keep, config, setup.skeleton)
        trainer = Trainer(
            config,
            setup.model,
            setup.stream,
            setup.task,
            device,
            folder,
            keep,
            share,
            setup.validate,
        )
        if resume:
            trainer.resume()
        progress = trainer.run(report if share.rank == 0 else None)
        weights = None if progress.is_stopped else trainer.finish()
    best = out / "best.safetensors"
    return TrainResult(
        progress.step,
        progress.loss,
        1000 * progress.best if progress.best < float("inf") else None,
        weights,
        best if best.exists() else None,
        progress.is_stopped,
    )


def _setup(config: TrainConfig, share: Share, device: torch.device, data_root: Path) -> Setup:
    if config.model.kind == "view_weights":
        return weighing_setup(config, share, device, data_root)
    return pose_setup(config, share, device, data_root)


def _folder(config: TrainConfig, out: Path, share: Share, *, resume: bool) -> RunFolder:
    """The run's folder; the first process makes it."""
    if share.rank == 0:
        folder = RunFolder(out, config, resume=resume)
        wait_for_all()
        return folder
    wait_for_all()
    return RunFolder(out, config, resume=True)


def _keep(
    config: TrainConfig,
    skeleton: Skeleton | None,
    model: nn.Module,
    path: Path,
    progress: Progress,
) -> None:
    """Write weights with their settings and a card."""
    save(model, path, card_of(config, progress), skeleton, half=config.half_weights)


def card_of(config: TrainConfig, progress: Progress) -> Card:
    """What somebody who gets the weights should know."""
    settings = config.model_dump(mode="json")
    metrics: dict[str, Any] = {"steps": progress.step, "loss": progress.loss}
    if progress.best < float("inf"):
        metrics["validation_error_mm"] = 1000 * progress.best
    return Card(
        summary=config.summary,
        data=json.dumps(settings["data"]),
        command="triangulate train",
        metrics=metrics | {"settings": settings},
        limits=config.limits,
    )
