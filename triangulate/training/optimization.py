"""Parameter groups, learning rates over time, and the running mean of the weights."""

from __future__ import annotations

import bisect
import difflib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from triangulate.errors import InputError

if TYPE_CHECKING:
    from triangulate.config.training import GroupConfig, OptimizerConfig, ScheduleConfig

_NORMS = (nn.modules.batchnorm._BatchNorm,)


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer, with the parameters of each configured group by the longest prefix that fits.

    Frozen parameters no longer ask for gradients. Biases and normalisation are not decayed.

    Raises:
        InputError: see `check_groups`.
    """
    check_groups(model, config.groups)
    parts: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        group = group_of(name, config.groups)
        parameter.requires_grad_(not (group is not None and group.frozen))
        if not parameter.requires_grad:
            continue
        rate = config.lr if group is None or group.lr is None else group.lr
        decays = config.kind == "adamw" and parameter.ndim > 1
        parts.setdefault((rate, config.weight_decay if decays else 0.0), []).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": members, "lr": rate, "weight_decay": decay, "full_lr": rate}
        for (rate, decay), members in parts.items()
    ]
    if config.kind == "adam":
        return torch.optim.Adam(groups)
    return torch.optim.AdamW(groups)


def check_groups(model: nn.Module, groups: list[GroupConfig]) -> None:
    """Refuse groups that do not fit a model.

    Raises:
        InputError: a prefix that no parameter has, or nothing is left to train.
    """
    for group in groups:
        _check_prefix(model, group.prefix)
    chosen = [group_of(name, groups) for name, _ in model.named_parameters()]
    if all(group is not None and group.frozen for group in chosen):
        raise InputError("optimizer.groups freezes all of the model: leave something to train")


def group_of(name: str, groups: list[GroupConfig]) -> GroupConfig | None:
    """The group of a parameter: of those that fit, the one with the longest prefix."""
    fitting = [group for group in groups if name.startswith(group.prefix)]
    return max(fitting, key=lambda group: len(group.prefix), default=None)


def hold_statistics(model: nn.Module, groups: list[GroupConfig], *, everywhere: bool) -> None:
    """Put batch normalisation of frozen groups, or all of it, in evaluation mode."""
    for name, module in model.named_modules():
        group = group_of(f"{name}.", groups)
        if isinstance(module, _NORMS) and (everywhere or (group is not None and group.frozen)):
            module.eval()


def rate_at(step: int, steps: int, schedule: ScheduleConfig) -> float:
    """What the learning rates are multiplied by at a step.

    Args:
        step: from 0.
        steps: of the whole run.
        schedule: how.
    """
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    if schedule.kind == "cosine":
        share = (step - schedule.warmup_steps) / max(1, steps - 1 - schedule.warmup_steps)
        fall = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        return schedule.final_share + (1 - schedule.final_share) * fall
    if schedule.kind == "step":
        return schedule.gamma ** bisect.bisect_right(sorted(schedule.milestones), step)
    return 1.0


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to its own times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["full_lr"] * factor


class RunningMean:
    """An exponential mean of a model's weights and buffers (Polyak & Juditsky 1992).

    Early steps weigh less: the decay is at most (1 + step) / (10 + step).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start with the model's present values; a decay towards 1 is a longer memory."""
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Go on from values that were kept, on any device."""
        for name, value in self.values.items():
            value.copy_(values[name])

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take the values after a step in; counters are copied."""
        keep = min(self.decay, (1 + step) / (10 + step))
        new = model.state_dict()
        means = [name for name, value in new.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.values[name] for name in means], [new[name] for name in means], 1 - keep
        )
        for name in new.keys() - set(means):
            self.values[name].copy_(new[name])


@contextmanager
def exchanged(model: nn.Module, values: Mapping[str, Tensor] | None) -> Iterator[None]:
    """A block in which the model has other values (None: its own); they come back after it."""
    if values is None:
        yield
        return
    own = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(values)
    try:
        yield
    finally:
        model.load_state_dict(own)


def _check_prefix(model: nn.Module, prefix: str) -> None:
    names = [name for name, _ in model.named_parameters()]
    if any(name.startswith(prefix) for name in names):
        return
    starts = sorted({".".join(name.split(".")[:depth]) for name in names for depth in (1, 2)})
    near = difflib.get_close_matches(prefix, starts, n=1, cutoff=0.4)
    known = ", ".join(sorted({name.split(".")[0] for name in names}))
    remedy = f"did you mean '{near[0]}'?" if near else f"names start with {known}"
    raise InputError(f"optimizer.groups: no parameter starts with '{prefix}': {remedy}")
