"""Settings of `triangulate reconstruct`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from triangulate.config.parsing import Config
from triangulate.keypoints import MIN_CONFIDENCE


class ReconstructConfig(Config):
    """Settings of `triangulate reconstruct`."""

    detector: str = "blazepose"
    """What finds the joints in the images: `blazepose`, or the weights of an image network.

    Weights are a file, or a name of those that ship (`triangulate models list`).
    """

    method: Literal["robust", "dlt", "learned"] = "robust"
    """How views are joined.

    `robust` reweights views that disagree, by a noise model of the whole recording; `dlt` weighs by
    confidence; `learned` asks a network, moment by moment.
    """

    weights: str | None = None
    """Weights of that network: a file, or `learned` for those that ship; implies `learned`."""

    frames: str | None = None
    """Which frames, as `start:stop`, the stop not included, either left out at will; None: all."""

    every: int = Field(default=1, ge=1)
    """Take every n-th frame of those."""

    cameras: list[str] | None = Field(default=None, min_length=2)
    """Names of the cameras to use, at least two; all where None."""

    on_size_mismatch: Literal["crop", "scale", "error"] = "crop"
    """What to do where a video is within 2 % of the calibrated size but not equal to it.

    `crop` takes its edge as cut off or padded, `scale` its picture as resized, `error` stops.
    """

    match: Literal["auto", "number", "time"] = "auto"
    """Which frames of the cameras belong together.

    `number`: frame i of each; `time`: by their timestamps; `auto`: by number where all rates are
    constant and the same, by time where one varies.
    """

    fps: float | None = Field(default=None, gt=0.0)
    """Frames a second where the files do not tell: of image folders, and of 2D keypoints."""

    sync: str | None = None
    """The file of time offsets between the cameras, as `triangulate sync` writes it.

    None: `sync.yaml` in the recording's folder, where there is one; `none`: no offsets.
    """

    min_confidence: float = Field(default=MIN_CONFIDENCE, ge=0.0, le=1.0)
    """A 2D joint below this confidence is not used."""
