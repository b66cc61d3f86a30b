"""From 3D volumes to points."""

from __future__ import annotations

import torch
from torch import Tensor

from triangulate.geometry.heatmap import Normalise, normalise_maps


def soft_argmax_3d(
    volumes: Tensor, coordinates: Tensor | None = None, normalise: Normalise = "softmax"
) -> tuple[Tensor, Tensor]:
    """The expected position in each volume (Iskakov et al. 2019, section 3.2).

    Args:
        volumes: (*B, X, Y, Z); the axes are x, y and z of the world.
        coordinates: (*B, X, Y, Z, 3) where each voxel lies (leading dims broadcast); by default
            its indices.
        normalise: see `normalise_maps`.

    Returns:
        (*B, 3) points and the (*B, X, Y, Z) normalised volumes.
    """
    mass = normalise_maps(volumes, 3, normalise)
    if coordinates is not None:
        return torch.einsum("...xyz,...xyzc->...c", mass, coordinates), mass
    marginals = [mass.sum((-2, -1)), mass.sum((-3, -1)), mass.sum((-3, -2))]
    expected = [
        (marginal * torch.arange(marginal.shape[-1], dtype=mass.dtype, device=mass.device)).sum(-1)
        for marginal in marginals
    ]
    return torch.stack(expected, dim=-1), mass
