"""Random numbers for a batch of scenes, each out of a generator of its own.

A scene gets the same numbers whatever batch it is made in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Dice:
    """B generators that are thrown together."""

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        """One generator a scene."""
        self.generators = list(generators)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Even draws from [low, high), (B, *shape) float64."""
        drawn = [torch.rand(shape, generator=g, dtype=torch.float64) for g in self.generators]
        return low + (high - low) * torch.stack(drawn)

    def normal(self, sigma: float, *shape: int, limit: float = 3.0) -> Tensor:
        """Gaussian draws with mean 0, cut at `limit` standard deviations, (B, *shape)."""
        within = math.erf(limit / math.sqrt(2))
        return sigma * math.sqrt(2) * torch.erfinv(self.uniform(-within, within, *shape))

    def chance(self, probability: float, *shape: int) -> Tensor:
        """(B, *shape) bool, True with that probability."""
        return self.uniform(0.0, 1.0, *shape) < probability

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """(B, *shape) int64 in [low, high)."""
        return self.uniform(low, high, *shape).floor().to(torch.int64).clamp(low, high - 1)

    def direction(self, *shape: int) -> Tensor:
        """Unit vectors, even over the sphere, (B, *shape, 3)."""
        z, turn = self.uniform(-1, 1, *shape), self.uniform(0, 2 * math.pi, *shape)
        across = (1 - z * z).clamp_min(0).sqrt()
        return torch.stack([across * torch.cos(turn), across * torch.sin(turn), z], dim=-1)


def scene_generator(seed: int, index: int) -> torch.Generator:
    """The generator of one of many scenes: both numbers are mixed, so that none are alike."""
    state = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
