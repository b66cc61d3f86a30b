"""Random numbers out of a passed `torch.Generator`, as float64 NumPy arrays.

float64 draws are made one after the other, so they do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def seeded(seed: int) -> torch.Generator:
    """A generator that starts at `seed`."""
    return torch.Generator().manual_seed(seed)


def uniform(
    generator: torch.Generator, low: float, high: float, shape: Sequence[int] = ()
) -> np.ndarray:
    """Even draws from [low, high)."""
    unit = torch.rand(tuple(shape), generator=generator, dtype=torch.float64).numpy()
    return low + (high - low) * unit


def normal(generator: torch.Generator, sigma: float, shape: Sequence[int] = ()) -> np.ndarray:
    """Gaussian draws with mean 0."""
    return sigma * torch.randn(tuple(shape), generator=generator, dtype=torch.float64).numpy()
