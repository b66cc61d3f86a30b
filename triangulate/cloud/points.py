"""Coloured points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cloud:
    """Coloured points.

    Attributes:
        points_m: (N, 3) world, metres.
        colours: (N, 3) uint8 RGB.
        normals: (N, 3) unit, outwards; None where there are none.
        density: (N,) what a volume holds there; None where there is none.
    """

    points_m: np.ndarray
    colours: np.ndarray
    normals: np.ndarray | None = None
    density: np.ndarray | None = None
