"""The loop: batches in, weights and a curve out."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from triangulate.errors import InputError
from triangulate.training.checkpoint import RunFolder
from triangulate.training.curves import Curves
from triangulate.training.optimization import (
    RunningMean,
    build_optimizer,
    exchanged,
    hold_statistics,
    rate_at,
    set_rates,
)
from triangulate.training.processes import share_values, sum_gradients, summed, wait_for_all
from triangulate.training.stream import ALONE, Batches, Share, generator_of
from triangulate.training.tasks import Task

if TYPE_CHECKING:
    from triangulate.config.training import TrainConfig

Validate = Callable[[nn.Module], float]  # -> metres


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps taken.
        loss: of the last step.
        best: the smallest validation error so far, metres; infinite before the first.
        is_stopped: whether somebody asked for an end before the last step.
    """

    step: int = 0
    loss: float = float("nan")
    best: float = float("inf")
    is_stopped: bool = False


@dataclass
class Trainer:
    """One run.

    Attributes:
        config: its settings.
        model: is changed.
        stream: gives the batches.
        task: what is learned from them.
        device: where the model is.
        folder: what is written goes there.
        share: this process's part of the work; the first one writes.
        validate: the error of a model, metres; None: no validation.
        keep: writes a model's weights under a name.
    """

    config: TrainConfig
    model: nn.Module
    stream: Batches
    task: Task
    device: torch.device
    folder: RunFolder
    keep: Callable[[nn.Module, Path, Progress], None]
    share: Share = ALONE
    validate: Validate | None = None

    def __post_init__(self) -> None:
        """Prepare the optimizer and the running mean."""
        config = self.config
        share_values(self.model)
        self.optimizer = build_optimizer(self.model, config.optimizer)
        self.trained = [p for g in self.optimizer.param_groups for p in g["params"]]
        decay = config.ema_decay
        self.mean = None if decay is None else RunningMean(self.model, decay)
        self.progress = Progress()

    # --- The run ----------------------------------------------------------------------------------

    def run(self, report: Callable[[Progress], None] | None = None) -> Progress:
        """Train to the last step, or until Ctrl-C; a checkpoint is written at either end."""
        config, progress = self.config, self.progress
        saved_at = time.monotonic()
        curves = Curves(self.folder, progress.step, is_on=self._writes)
        batches = self.stream.from_step(progress.step)
        with stop_signals() as is_asked_to_stop:
            while progress.step < config.steps and not progress.is_stopped:
                self._step(next(batches), curves, asked=is_asked_to_stop())
                if report is not None:
                    report(progress)
                if time.monotonic() - saved_at > 60 * config.checkpoint_minutes:
                    self.save()
                    saved_at = time.monotonic()
        curves.close()
        self.save()
        return progress

    def _step(self, batch: Any, curves: Curves, *, asked: bool) -> None:
        config, progress = self.config, self.progress
        step = progress.step
        torch.manual_seed(generator_of(config.seed, 4, step, self.share.rank).initial_seed())
        factor = rate_at(step, config.steps, config.optimizer.schedule)
        set_rates(self.optimizer, factor)
        batch, options = self.task.prepared(batch, step, partial(self._generators, step))
        counts, votes = self._counted(batch, asked=asked)
        loss, terms = self._backward(batch, options, counts)
        sum_gradients(self.trained)
        norm = torch.nn.utils.clip_grad_norm_(
            self.trained, config.optimizer.clip_norm or float("inf")
        )
        if not bool(torch.isfinite(loss) & torch.isfinite(norm)):
            raise InputError(self._not_finite(batch, step, float(loss)))
        self.optimizer.step()
        if self.mean is not None:
            self.mean.update(self.model, step)
        progress.step, progress.loss = step + 1, float(loss)
        progress.is_stopped = votes > 0
        curves.add(
            step,
            {
                "loss": float(loss),
                **{name: float(value) for name, value in terms.items()},
                "rate": factor,
                "gradient": float(norm),
            },
        )
        validation = config.validation
        is_last = progress.step == config.steps
        if validation is not None and (progress.step % validation.every_steps == 0 or is_last):
            self._validate(curves)

    def _generators(self, step: int, purpose: int) -> list[torch.Generator]:
        """One for each moment of this process, the same whichever process it is in."""
        rows = self.share.of(self.config.loading.batch_size)
        return [generator_of(self.config.seed, purpose, step, row) for row in rows]

    def _counted(self, batch: Any, *, asked: bool) -> tuple[Tensor, int]:
        """The counts of the whole batch, and how many processes were asked to stop."""
        own = self.task.counts(batch)
        *counts, votes = summed(torch.cat([own, own.new_tensor([float(asked)])])).unbind()
        return torch.stack(counts), int(votes)

    def _backward(
        self, batch: Any, options: dict[str, Tensor], counts: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Add up the gradients of the batch's parts; the loss and its terms over all processes."""
        config = self.config
        self.model.train()
        hold_statistics(self.model, config.optimizer.groups, everywhere=config.freeze_batch_norm)
        self.optimizer.zero_grad(set_to_none=True)
        totals: dict[str, Tensor] = {}
        rows = torch.arange(len(batch.points_world), device=batch.points_world.device)
        for part in rows.chunk(config.optimizer.accumulate):
            some = {name: value[part] for name, value in options.items()}
            loss, terms = self.task.loss(self.model, batch[part], some, counts)
            if loss.requires_grad:
                loss.backward()
            for name, value in {"loss": loss, **terms}.items():
                totals[name] = totals.get(name, 0.0) + value.detach().double()
        sums = summed(torch.stack(list(totals.values())))
        over_all = dict(zip(totals, sums.unbind(), strict=True))
        return over_all.pop("loss"), over_all

    def _validate(self, curves: Curves) -> None:
        """Measure the running mean of the weights, and keep it where it is the best so far."""
        if self._writes and self.validate is not None:
            progress = self.progress
            with exchanged(self.model, self.mean.values if self.mean else None):
                self.model.eval()
                error = self.validate(self.model)
                if error < progress.best:
                    progress.best = error
                    self.keep(self.model, self.folder.path / "best.safetensors", progress)
            curves.add_validation(progress.step - 1, {"error_mm": 1000 * error})
        wait_for_all()

    # --- What is kept -----------------------------------------------------------------------------

    @property
    def _writes(self) -> bool:
        return self.share.rank == 0

    def save(self) -> None:
        """Write a checkpoint."""
        if not self._writes:
            return
        self.folder.save(
            self.progress.step,
            {
                "model": self.model.state_dict(),
                "mean": None if self.mean is None else self.mean.values,
                "optimizer": self.optimizer.state_dict(),
                "best": self.progress.best,
                "loss": self.progress.loss,
            },
        )

    def resume(self) -> None:
        """Go back to where the newest checkpoint was written; to the start, where there is none."""
        state = self.folder.load()
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.mean is not None:
                self.mean.load(state["mean"])
            self.progress = Progress(state["step"], state["loss"], state["best"])
        if self._writes:
            for name in ("curve.jsonl", "validation.jsonl"):
                self.folder.cut_back(name, self.progress.step)

    def finish(self) -> Path:
        """Write the weights of the end."""
        path = self.folder.path / "last.safetensors"
        if self._writes:
            with exchanged(self.model, self.mean.values if self.mean else None):
                self.model.eval()
                self.keep(self.model, path, self.progress)
        wait_for_all()
        return path

    def _not_finite(self, batch: Any, step: int, loss: float) -> str:
        path = self.folder.path / f"bad_batch_{step:08d}_{self.share.rank}.pt"
        torch.save({"step": step, "loss": loss, "sample": as_tensors(batch)}, path)
        found = "the loss" if loss != loss or abs(loss) == float("inf") else "the gradient"
        return (
            f"{found} of step {step} is not finite; the batch is in {path}: lower optimizer.lr, or "
            "look for what is wrong in those moments"
        )


def as_tensors(value: Any) -> Any:
    """A dataclass of tensors as nested dictionaries, which load without this program."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    return {field.name: as_tensors(getattr(value, field.name)) for field in fields(value)}


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """A function that says whether Ctrl-C or a request to end came; a second one ends at once."""
    asked = False

    def ask(number: int, _: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        before = {}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
