"""The curve of a run: lines of JSON, and TensorBoard where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triangulate.training.checkpoint import RunFolder


class Curves:
    """Writes figures by step."""

    def __init__(self, folder: RunFolder, step: int, *, is_on: bool) -> None:
        """Open the files of a run.

        Args:
            folder: of the run.
            step: the first to come; TensorBoard hides what an earlier attempt wrote from there on.
            is_on: False writes nothing, for all processes but the first.
        """
        self._folder = folder
        self._is_on = is_on
        self._board = _board(folder, step) if is_on else None

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """The figures of a training step."""
        self._add("curve.jsonl", "train", step, figures)

    def add_validation(self, step: int, figures: Mapping[str, float]) -> None:
        """The figures of a validation after that step."""
        self._add("validation.jsonl", "validation", step, figures)

    def close(self) -> None:
        """Write what is left."""
        if self._board is not None:
            self._board.close()

    def _add(self, file: str, prefix: str, step: int, figures: Mapping[str, float]) -> None:
        if not self._is_on:
            return
        self._folder.append(file, {"step": step, **figures})
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{prefix}/{name}", value, step)


def _board(folder: RunFolder, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # pip install "triangulate[train]"
        return None
    return SummaryWriter(str(folder.path / "tensorboard"), purge_step=step)
