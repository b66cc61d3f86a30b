"""A run's folder: its settings, its curve, its checkpoints and its weights.

```
config.yaml          the settings
curve.jsonl          one line a step: loss, terms, learning-rate factor, gradient norm
validation.jsonl     one line a validation
checkpoints/         the last two, for --resume
best.safetensors     the weights with the smallest validation error, when there is a validation
last.safetensors     the weights at the end
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ValidationError

from triangulate.config.parsing import Config
from triangulate.errors import InputError
from triangulate.files import atomic_path, write_text

_KEPT = 2
_FORMAT = 1
CHANGEABLE = {"device", "checkpoint_minutes", "half_weights", "loading.workers"}
"""Settings that may differ when a run goes on: they do not change its curve."""


class RunFolder:
    """Where a run writes."""

    def __init__(self, path: Path, config: Config, *, resume: bool) -> None:
        """Begin a run, or go on with one.

        Args:
            path: made where missing.
            config: of the run.
            resume: go on with the run that is there.

        Raises:
            InputError: another run is there and `resume` is not asked for, or its settings differ.
        """
        self.path = path
        if path.is_file():
            raise InputError(f"{path}: is a file, not a folder; choose another place with --out")
        settings = path / "config.yaml"
        if resume:
            _check_same(settings, config)
        elif path.is_dir() and any(path.iterdir()):
            raise InputError(
                f"{path}: is not empty; go on with the run in it with --resume, or choose another "
                "place with --out"
            )
        else:
            values = config.model_dump(mode="json")
            write_text(settings, yaml.safe_dump(values, sort_keys=False, width=100))

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write a checkpoint, and take all but the last two away."""
        path = self.checkpoints / f"step_{step:08d}.pt"
        with atomic_path(path) as temporary:
            torch.save({"format": _FORMAT, "step": step, **state}, temporary)
        for old in sorted(self.checkpoints.glob("step_*.pt"))[:-_KEPT]:
            old.unlink()
        return path

    def load(self) -> dict[str, Any] | None:
        """The newest checkpoint; None where the run was stopped before its first."""
        found = sorted(self.checkpoints.glob("step_*.pt"))
        return read_checkpoint(found[-1]) if found else None

    def append(self, name: str, line: Mapping[str, Any]) -> None:
        """Add a line to `curve.jsonl` or `validation.jsonl`."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def cut_back(self, name: str, steps: int) -> None:
        """Take away the lines of steps that will be taken again, and one that is cut short."""
        path = self.path / name
        if not path.exists():
            return
        kept = [line for line in read_lines(path) if line["step"] < steps]
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a `.jsonl` up to the first that is cut short."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `RunFolder.save` wrote, on the processor.

    Raises:
        InputError: the file is cut short, or something else.
    """
    path.open("rb").close()  # what cannot be opened is told as such
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch tells a broken file in many ways, OSError among them
        others = sorted(set(path.parent.glob("step_*.pt")) - {path})
        remedy = f"take it away to go on from {others[-1].name}" if others else "start anew"
        raise InputError(f"{path}: is cut short or no checkpoint; {remedy}") from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise InputError(f"{path}: is no checkpoint of this version; start anew")
    return state


def _check_same(settings: Path, config: Config) -> None:
    """Refuse to go on with other settings."""
    if not settings.is_file():
        raise InputError(
            f"{settings.parent}: holds no run to go on with; leave --resume out to start one"
        )
    before = _flat(_with_defaults(settings, config))
    now = _flat(config.model_dump(mode="json"))
    names = sorted(before.keys() | now.keys())
    different = [
        name for name in names if before.get(name) != now.get(name) and name not in CHANGEABLE
    ]
    if different:
        name = different[0]
        raise InputError(
            f"{settings}: the run has {name} = {before.get(name)} and not {now.get(name)}"
            + (f", and {len(different) - 1} more differ" if len(different) > 1 else "")
            + "; go on with its own settings, or start another with --out"
        )


def _with_defaults(settings: Path, config: Config) -> dict[str, Any]:
    """A run's settings, with the defaults of what its version of the program did not know."""
    try:
        values = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError:
        raise InputError(f"{settings}: is damaged; start anew with another --out") from None
    try:
        return type(config).model_validate(values).model_dump(mode="json")
    except ValidationError:
        return values


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings by their paths: {"loading.workers": 0}."""
    if not isinstance(values, dict):
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
