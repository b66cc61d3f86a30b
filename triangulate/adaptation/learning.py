"""The loop in which a student learns from the labels of a recording."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from triangulate.config.adaptation import StudentConfig
from triangulate.poses import Poses3D, Reason

_SIGMA_M = 0.02  # labels of this standard deviation count half
_WARMUP = 0.1

Loss = Callable[[Tensor, torch.Generator], Tensor]
"""From the numbers (B,) of some moments, varied by the generator, to what is made small."""


def learn(
    network: nn.Module,
    loss_of: Loss,
    weights: Tensor,
    settings: StudentConfig,
    report: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Train in place; returns the loss of every step.

    Args:
        network: changed in place.
        loss_of: see `Loss`.
        weights: (T, J) how much the labels count; moments without any are never drawn.
        settings: how long, and from what seed.
        report: called after each step: done, all.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step / settings.steps)
    )
    useful = (weights > 0).any(-1).nonzero()[:, 0]
    losses = []
    network.train()
    for step in range(settings.steps):
        lot = torch.randint(len(useful), (settings.batch_size,), generator=generator)
        loss = loss_of(useful[lot], generator)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if report:
            report(step + 1, settings.steps)
    network.eval()
    return losses


def _rate(share: float) -> float:
    """The learning rate over its highest: up in a tenth of the time, down along a cosine."""
    return min((share + 0.01) / _WARMUP, 0.5 * (1 + math.cos(math.pi * share)))


def labels_and_weights(labels: Poses3D) -> tuple[Tensor, Tensor]:
    """Metres (T, J, 3), zero where there is no label, and how much each counts, (T, J)."""
    known = torch.from_numpy(labels.reason[:, 0] == Reason.ok)
    positions_m = torch.from_numpy(labels.positions_m[:, 0]).nan_to_num()
    covariance_m2 = torch.from_numpy(labels.covariance_m2[:, 0]).double().nan_to_num()
    return positions_m, label_weights(covariance_m2, known)


def label_weights(covariance_m2: Tensor, known: Tensor) -> Tensor:
    """Sure labels count more: (*B, J, 3, 3), (*B, J) -> (*B, J)."""
    variance = torch.where(known, covariance_m2.diagonal(dim1=-2, dim2=-1).mean(-1), 0.0)
    return known * _SIGMA_M**2 / (variance + _SIGMA_M**2)
