"""Settings of `triangulate train configs/adapt.yaml --recording R`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from triangulate.config.parsing import Config

Steps = Annotated[int, Field(ge=10)]
BatchSize = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seed = Annotated[int, Field(ge=0)]


class VolumeStudentConfig(Config):
    """A 3D network that corrects the joined heatmaps, and how it learns."""

    kind: Literal["volume"] = "volume"

    size: int = Field(default=24, ge=16, multiple_of=4)
    """Voxels along a side of the cube around the hips."""

    side_m: float = Field(default=2.0, gt=0.0)
    """Of the cube."""

    channels: list[Annotated[int, Field(ge=1)]] = Field(
        default=[16, 32, 32], min_length=3, max_length=3
    )
    """Of the network at full, half and quarter resolution."""

    steps: Steps = 1200
    """How many batches."""

    batch_size: BatchSize = 2
    """Moments in each."""

    lr: Rate = 0.003
    """The highest learning rate; it rises to it, and falls again."""

    volume_loss: float = Field(default=1.0, ge=0.0)
    """Weight of the volume's cross-entropy beside the distance from the labels, in centimetres."""

    swap_sides: Share = 0.1
    """Share of views in which left and right are exchanged."""

    mirror: bool = True
    """Show half of the moments as a mirror shows them."""

    blur_cells: float = Field(default=1.0, ge=0.0)
    """Largest standard deviation of the blur of heatmaps, in their cells."""

    shift_cells: float = Field(default=0.3, ge=0.0)
    """Standard deviation of the shift of a view's heatmaps."""

    centre_m: float = Field(default=0.1, ge=0.0)
    """Largest shift of the cube along each axis."""

    half_precision: bool = True
    """Convolve in bfloat16."""

    seed: Seed = 0
    """Of the first weights and of all variation."""


class ViewWeightsStudentConfig(Config):
    """The shipped view weights, which go on learning from the detector's points and scores."""

    kind: Literal["view_weights"] = "view_weights"

    steps: Steps = 100
    """How many batches."""

    batch_size: BatchSize = 16
    """Moments in each."""

    lr: Rate = 0.001
    """The highest learning rate; it rises to it, and falls again."""

    swap_sides: Share = 0.1
    """Share of views in which left and right are exchanged."""

    shift: float = Field(default=0.005, ge=0.0)
    """Standard deviation of the shift of a view's points, in sizes of the person there."""

    seed: Seed = 0
    """Of all variation."""


StudentConfig = Annotated[
    VolumeStudentConfig | ViewWeightsStudentConfig, Field(discriminator="kind")
]


class LabelsConfig(Config):
    """Which poses of the recording are learned from."""

    max_sigma_m: float = Field(default=0.05, gt=0.0)
    """Joints with a larger standard deviation are left out."""

    min_share: float = Field(default=0.3, ge=0.0, le=1.0)
    """Stop where fewer of the joints are left."""


class AdaptConfig(Config):
    """Settings of `triangulate train configs/adapt.yaml --recording R`."""

    kind: Literal["adapt"] = "adapt"
    """Learn on a recording without labels; the other jobs of `triangulate train` have none."""

    max_frames: int = Field(default=240, ge=20)
    """Frames to look at, spread over the recording: half to learn from, half to judge by."""

    min_confidence: float = Field(default=0.1, ge=0.0, le=1.0)
    """Detections below it are not used."""

    labels: LabelsConfig = LabelsConfig()
    """Which poses of the recording are learned from."""

    student: StudentConfig | None = VolumeStudentConfig()
    """What learns from them; None: write labels only."""
