"""Settings of `triangulate evaluate`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from triangulate.config.data import DataConfig
from triangulate.config.parsing import Config


class EvaluateConfig(Config):
    """Settings of `triangulate evaluate`."""

    data: DataConfig
    """Moments that were not trained on."""

    centre_from: str | None = None
    """Weights that say where a volumetric network's cube stands: a file, or a name.

    None: its own heatmaps do. Published volumetric weights need those of an algebraic network.
    """

    samples: int = Field(default=1000, ge=1)
    """How many of them, from the first."""

    batch_size: int = Field(default=16, ge=1)
    """Moments at a time."""

    views: list[Annotated[int, Field(ge=2)]] = Field(default=[])
    """Numbers of views to measure with too; each moment keeps its first ones in a random order."""

    root: str | None = "pelvis"
    """The joint that relative errors are measured from; None: there are none."""

    head: list[str] = Field(default=["head", "thorax"], min_length=2, max_length=2)
    """Two joints a head apart, for PCKh; left out where the skeleton lacks them."""

    threshold_mm: float = Field(default=150.0, gt=0.0)
    """Within this distance from the truth, relative to the root, a joint is correct (PCK).

    The area under the curve is the mean over thresholds up to it.
    """

    seed: int = Field(default=0, ge=0)
    """Of the views' order and of the intervals."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: the GPU where there is one."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the convolutions."""

    channels_last: bool = False
    """Another order of images in memory; faster for most convolutions."""
