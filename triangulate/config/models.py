"""Settings of networks: which estimator, on which backbone. `kind` says which settings there are.

`triangulate.models.build.build_model` makes the network; weights files carry these settings.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from triangulate.config.parsing import Config

_CONTEXT_HEADS = 6  # of `triangulate.models.context.ContextBlock`


class ResNetConfig(Config):
    """The published backbone; images with sides that are multiples of 32."""

    kind: Literal["resnet"] = "resnet"

    depth: Literal[18, 34, 50, 101, 152] = 152
    """How many layers."""

    style: Literal["simple", "caffe"] = "simple"
    """Where a bottleneck has its stride: `simple` on the 3x3, `caffe` on the first 1x1."""


class UNetConfig(Config):
    """A small backbone, to be trained on a processor; sides that are multiples of 16."""

    kind: Literal["unet"] = "unet"

    channels: list[Annotated[int, Field(ge=1)]] = Field(
        default=[32, 64, 128, 192], min_length=4, max_length=4
    )
    """Of the stem and the three stages."""

    context_blocks: int = Field(default=2, ge=0)
    """Blocks of attention at the bottom, through which left is told from right."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.context_blocks and self.channels[-1] % _CONTEXT_HEADS:
            raise ValueError(
                f"needs a multiple of {_CONTEXT_HEADS} as its last number of channels, for "
                f"context_blocks, got {self.channels[-1]}"
            )
        return self


BackboneConfig = Annotated[ResNetConfig | UNetConfig, Field(discriminator="kind")]


class _FromImages(Config):
    """What all estimators that begin with images have."""

    joints: int = Field(default=17, ge=1)
    """How many."""

    backbone: BackboneConfig = ResNetConfig()
    """What turns images into heatmaps."""

    heatmap_multiplier: float = Field(default=100.0, gt=0.0)
    """Sharpens the heatmaps' softmax."""

    sampling: Literal["exact", "published"] = "exact"
    """`published` repeats what the published weights were trained with: half a pixel off, BGR."""


class AlgebraicConfig(_FromImages):
    """Heatmaps, points in each view, weighted linear triangulation."""

    kind: Literal["algebraic"] = "algebraic"

    normalise: Literal["softmax", "relu"] = "softmax"
    """How a heatmap becomes a mass."""

    window: int | None = Field(default=None, ge=0)
    """Cells around the highest one that a point is taken from; None: the whole heatmap."""

    learned_confidences: bool = True
    """Whether the network says how far each view is believed."""

    fixed_weights: Literal["equal", "variance"] = "equal"
    """What views weigh where that is not learned: the same, or by their heatmaps' variance."""

    homogeneous_unit_m: float | None = Field(default=None, gt=0.0)
    """The unit in which the homogeneous point is a unit vector; None: its last number is one."""


class RansacConfig(_FromImages):
    """The baseline without learning: the highest cells, the pair of views that most agree with."""

    kind: Literal["ransac"] = "ransac"

    threshold_px: float = Field(default=30.0, gt=0.0)
    """A view farther than this from a point disagrees with it, in pixels of the image."""

    huber: bool = True
    """Whether the reprojection error of the agreeing views is minimised in the end."""

    homogeneous_unit_m: float | None = Field(default=None, gt=0.0)
    """As in `algebraic`."""


class V2VConfig(Config):
    """A 3D network; by default the published one, of 11 million parameters."""

    channels: list[Annotated[int, Field(ge=1)]] = Field(
        default=[32, 64, 128, 128, 128, 128], min_length=2
    )
    """At full, half, quarter ... resolution. Each halving doubles what sizes are multiples of."""

    front_channels: int = Field(default=16, ge=1)
    """After the first layer."""

    front_kernel: Literal[1, 3, 5, 7] = 7
    """Edge of the first layer's kernel."""

    @property
    def size_multiple(self) -> int:
        """What a cube's size has to be a multiple of."""
        return 2 ** (len(self.channels) - 1)


class VolumetricConfig(_FromImages):
    """A backbone's features, unprojected into a cube that a 3D network reads."""

    kind: Literal["volumetric"] = "volumetric"

    aggregation: Literal["sum", "max", "mean", "softmax", "conf", "conf_norm", "logsum"] = "softmax"
    """How views are joined; `logsum` joins heatmaps, which the 3D network then corrects."""

    channels: int = Field(default=32, ge=1)
    """Of the volume; `logsum` has one a joint."""

    v2v: V2VConfig | None = V2VConfig()
    """The 3D network; None for none, which only `logsum` can do without."""

    size: int = Field(default=64, ge=2)
    """Voxels along a side; for the 3D network by default a multiple of 32."""

    side_m: float = Field(default=2.5, gt=0.0)
    """Of the cube."""

    volume_multiplier: float = Field(default=1.0, gt=0.0)
    """Sharpens the volume's softmax."""

    centre_joints: list[Annotated[int, Field(ge=0)]] | None = Field(default=None, min_length=1)
    """Whose mean is the cube's centre, as numbers; None: the median of all joints."""

    finds_centre: bool = True
    """Whether its own heatmaps show where the body is; published weights' do not."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.v2v is None and self.aggregation != "logsum":
            raise ValueError(f"needs a v2v for the aggregation {self.aggregation}")
        if self.aggregation.startswith("conf") and self.channels == self.joints:
            raise ValueError(
                f"channels must not be {self.joints}, the number of joints, where confidences "
                "weigh channels: backbones with as many give one a joint"
            )
        _check_size(self.size, self.v2v)
        if max(self.centre_joints or [0]) >= self.joints:
            raise ValueError(f"centre_joints must be below {self.joints}, the number of joints")
        return self


class HeatmapVolumeConfig(Config):
    """Heatmaps of any source, joined in a cube."""

    kind: Literal["heatmap_volume"] = "heatmap_volume"

    joints: int = Field(default=17, ge=1)
    """How many."""

    aggregation: Literal["sum", "max", "mean", "softmax", "logsum"] = "logsum"
    """How views are joined."""

    size: int = Field(default=32, ge=2)
    """Voxels along a side; for a 3D network a multiple of what it takes."""

    side_m: float = Field(default=2.5, gt=0.0)
    """Of the cube."""

    v2v: V2VConfig | None = None
    """A 3D network that corrects the joined heatmaps; None: nothing is learned."""

    volume_multiplier: float = Field(default=1.0, gt=0.0)
    """Sharpens the volume's softmax."""

    centre_joints: list[Annotated[int, Field(ge=0)]] | None = Field(default=None, min_length=1)
    """Whose mean is the cube's centre, as numbers; None: the median of all joints."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_size(self.size, self.v2v)
        if max(self.centre_joints or [0]) >= self.joints:
            raise ValueError(f"centre_joints must be below {self.joints}, the number of joints")
        return self


class ViewWeightsConfig(Config):
    """Learned weights for the keypoints of any detector."""

    kind: Literal["view_weights"] = "view_weights"

    channels: int = Field(default=32, ge=1)
    """Width of the hidden layers."""

    layers: int = Field(default=2, ge=1)
    """Of each pass."""

    passes: int = Field(default=2, ge=1)
    """How often the views are weighed, each time from the last solution."""


def _check_size(size: int, v2v: V2VConfig | None) -> None:
    if v2v is not None and size % v2v.size_multiple:
        raise ValueError(
            f"size must be a multiple of {v2v.size_multiple} for a v2v of {len(v2v.channels)} "
            f"resolutions, got {size}"
        )


ModelConfig = Annotated[
    AlgebraicConfig | VolumetricConfig | HeatmapVolumeConfig | ViewWeightsConfig | RansacConfig,
    Field(discriminator="kind"),
]
