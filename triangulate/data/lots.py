"""Random numbers for batches whose moments each have a generator of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Generators = torch.Generator | Sequence[torch.Generator]


class Lots:
    """Draws for B moments of V images.

    With a generator for each moment, what a moment draws does not depend on which others are in
    its batch; one generator for all draws for one after the other.
    """

    def __init__(self, generators: Generators, num_moments: int, num_views: int) -> None:
        """Take what draws.

        Args:
            generators: one, or B.
            num_moments: B.
            num_views: V.
        """
        if isinstance(generators, torch.Generator):
            self._generators, self._each = [generators], num_moments
        else:
            self._generators, self._each = list(generators), 1
        if self._each * len(self._generators) != num_moments:
            raise ValueError(
                f"generators must be one or {num_moments}, got {len(self._generators)}"
            )
        self.num_moments, self.num_views = num_moments, num_views

    def moments(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Even draws from [low, high), (B, *shape) float32, where the generators are."""
        return low + (high - low) * self._drawn(torch.rand, shape)

    def images(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Even draws from [low, high), (B V, *shape) float32, where the generators are."""
        return self.moments(self.num_views, *shape, low=low, high=high).flatten(0, 1)

    def normal_fields(self, index: Tensor, shape: Sequence[int], device: torch.device) -> Tensor:
        """Gaussian noise for some of the images, drawn on their own device.

        Args:
            index: (N,) which of the B V images.
            shape: of the noise of one.
            device: where it is wanted.

        Returns:
            (N, *shape) float32 of standard deviation 1.
        """
        seeds = self._drawn(lambda size, **where: torch.randint(1 << 62, size, **where), (1,))
        fields = torch.empty(len(index), *shape, device=device)
        generator = torch.Generator(device)
        for field, number in zip(fields, index.tolist(), strict=True):
            moment, view = divmod(number, self.num_views)
            field.normal_(generator=generator.manual_seed(int(seeds[moment, 0]) + view))
        return fields

    def _drawn(self, draw: Callable[..., Tensor], shape: Sequence[int]) -> Tensor:
        pieces = [
            draw((self._each, *shape), generator=generator, device=generator.device)
            for generator in self._generators
        ]
        return torch.cat(pieces)
