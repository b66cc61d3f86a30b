"""Where the cube of a volumetric network stands while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from triangulate.data.sample import Sample
from triangulate.geometry.rigid import rotation_from_vector
from triangulate.models.volume_points import body_centre

if TYPE_CHECKING:
    from triangulate.config.training import CubeConfig

_AXES = {"x": 0, "y": 1, "z": 2}


def cube_options(
    sample: Sample, cube: CubeConfig, generators: Sequence[torch.Generator], up_axis: str | None
) -> dict[str, Tensor]:
    """The arguments `centre_world` and `rotation` of a volumetric network.

    Args:
        sample: a batch of B moments.
        cube: how the cube is placed.
        generators: one for each moment.
        up_axis: of the world, such as "z" or "-y"; None: taken as z.
    """
    options = {}
    device = sample.points_world.device
    lots = torch.stack(
        [torch.rand(4, generator=generator, dtype=torch.float64) for generator in generators]
    ).to(device)
    if cube.centre == "truth":
        shift = (2 * lots[:, :3] - 1) * cube.jitter_m
        centre_world, _ = body_centre(sample.points_world.double(), sample.known)
        options["centre_world"] = centre_world + shift
    if cube.rotation_deg > 0:
        axis = torch.zeros(3, dtype=torch.float64, device=device)
        axis[_AXES[(up_axis or "z")[-1]]] = 1.0
        angle = torch.deg2rad(lots[:, 3:] * cube.rotation_deg)
        options["rotation"] = rotation_from_vector(angle * axis)
    return options
