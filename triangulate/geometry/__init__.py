"""Geometry on batched tensors: a leaf that imports nothing but torch.

The conventions (axes, pixel centres, units, axis letters) stand in `triangulate.geometry.camera`.
"""

from __future__ import annotations

from triangulate.geometry import (
    aggregation,
    camera,
    covariance,
    dlt,
    heatmap,
    lens,
    noise,
    refine,
    rigid,
    robust,
    sampling,
    similarity,
    volume,
)

__all__ = [
    "aggregation",
    "camera",
    "covariance",
    "dlt",
    "heatmap",
    "lens",
    "noise",
    "refine",
    "rigid",
    "robust",
    "sampling",
    "similarity",
    "volume",
]
