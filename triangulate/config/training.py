"""Settings of `triangulate train`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from triangulate.config.augment import AugmentConfig
from triangulate.config.data import TrainingDataConfig
from triangulate.config.models import ModelConfig
from triangulate.config.parsing import Config

Device = Literal["auto", "cpu", "cuda"]


class LossConfig(Config):
    """Weights of the terms that are summed; 0 leaves a term out."""

    heatmap: float = Field(default=0.0, ge=0.0)
    """Cross-entropy of each view's heatmaps with a Gaussian around the projected truth."""

    heatmap_sigma_cells: float = Field(default=1.0, gt=0.0)
    """Standard deviation of that Gaussian, in heatmap pixels."""

    hidden_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """How much a joint counts there that lies in the picture but is hidden."""

    mse: float = Field(default=0.0, ge=0.0)
    """Mean squared difference of the 3D coordinates, in square centimetres."""

    mae: float = Field(default=0.0, ge=0.0)
    """Mean absolute difference of the 3D coordinates, in centimetres."""

    mse_smooth: float = Field(default=0.0, ge=0.0)
    """As `mse`, but large differences count little."""

    smooth_threshold_cm2: float = Field(default=400.0, gt=0.0)
    """Above this squared difference of a coordinate they do."""

    volume: float = Field(default=0.0, ge=0.0)
    """Cross-entropy of the volumes with the voxel nearest to the truth."""

    @property
    def is_empty(self) -> bool:
        """Whether no term has a weight."""
        return not any((self.heatmap, self.mse, self.mae, self.mse_smooth, self.volume))


class GroupConfig(Config):
    """Parameters that are trained differently."""

    prefix: str
    """How their names start, such as `backbone.`; of two groups that fit, the longer prefix."""

    lr: float | None = Field(default=None, gt=0.0)
    """Their learning rate; None: the optimizer's."""

    frozen: bool = False
    """Leave them as they are, and the statistics of their batch normalisation too."""


class ScheduleConfig(Config):
    """How the learning rates change: a factor on all of them."""

    kind: Literal["constant", "cosine", "step"] = "constant"
    """`cosine` falls to `final_share` at the last step; `step` is multiplied at `milestones`."""

    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which it rises to its start."""

    final_share: float = Field(default=0.01, ge=0.0, le=1.0)
    """Of `cosine`."""

    milestones: list[int] = Field(default=[])
    """Of `step`: the steps from which the rate is multiplied by `gamma` (once more)."""

    gamma: float = Field(default=0.1, gt=0.0, le=1.0)
    """Of `step`."""


class OptimizerConfig(Config):
    """How parameters follow their gradients."""

    kind: Literal["adamw", "adam"] = "adamw"
    """`adamw` with decay apart from the gradient (not of biases and normalisation), or `adam`."""

    lr: float = Field(default=1e-3, gt=0.0)
    """The learning rate."""

    weight_decay: float = Field(default=0.01, ge=0.0)
    """Of `adamw`."""

    groups: list[GroupConfig] = Field(default=[])
    """Parameters with settings of their own."""

    schedule: ScheduleConfig = ScheduleConfig()
    """How the learning rates change."""

    clip_norm: float | None = Field(default=1.0, gt=0.0)
    """Longer gradients are shortened to this norm; None: are not."""

    accumulate: int = Field(default=1, ge=1)
    """In how many parts a batch goes through the network, to need less memory."""


class LoadingConfig(Config):
    """How moments come from the data set."""

    batch_size: int = Field(default=16, ge=1)
    """Moments a step, of all processes together."""

    workers: int = Field(default=0, ge=0)
    """Processes that read or render ahead; 0: none."""

    replay: int = Field(default=1, ge=1)
    """How often a moment is used, on average, for data that are slow to make."""

    reservoir: int = Field(default=1024, ge=1)
    """With `replay`, how many moments are kept to draw batches from."""


class CubeConfig(Config):
    """Where the cube of a volumetric network stands while it learns."""

    centre: Literal["network", "truth"] = "network"
    """Around the joints that its own heatmaps give, or around the true ones."""

    jitter_m: float = Field(default=0.0, ge=0.0)
    """With `truth`, the centre moves by up to this much along each axis."""

    rotation_deg: float = Field(default=0.0, ge=0.0, le=360.0)
    """It is turned about the vertical by up to this much."""


class ValidationConfig(Config):
    """What tells how good the network is while it learns."""

    data: TrainingDataConfig
    """Moments that are not trained on."""

    samples: int = Field(default=256, ge=1)
    """How many of them, from the first."""

    batch_size: int = Field(default=16, ge=1)
    """Moments at a time."""

    every_steps: int = Field(default=1000, ge=1)
    """The weights with the smallest error so far are kept as best.safetensors."""


class TrainConfig(Config):
    """Settings of `triangulate train`."""

    model: ModelConfig
    """The network."""

    start: str | None = None
    """Weights to start from: a file, or the name of shipped ones; None: random ones.

    Those that have a parameter's name and shape are taken, so a backbone may come from another
    kind of network.
    """

    data: TrainingDataConfig
    """What it learns from."""

    augment: AugmentConfig = AugmentConfig()
    """How much moments are varied."""

    loading: LoadingConfig = LoadingConfig()
    """How moments come from the data set."""

    loss: LossConfig = LossConfig()
    """What is made small. (View weights have a loss of their own.)"""

    maps_every: int = Field(default=3, ge=1)
    """Of view weights: every so many steps they are told what the heatmaps look like."""

    cube: CubeConfig = CubeConfig()
    """Of volumetric networks."""

    optimizer: OptimizerConfig = OptimizerConfig()
    """How."""

    steps: int = Field(ge=1)
    """How many batches."""

    validation: ValidationConfig | None = None
    """What tells how good the network is; None: only the last weights are kept."""

    seed: int = Field(default=0, ge=0)
    """Of the first weights, the order of the data and all augmentation."""

    device: Device = "auto"
    """`auto`: the GPU where there is one."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the convolutions; geometry, losses and weights are float32 or better."""

    channels_last: bool = False
    """Another order of images in memory; faster for most convolutions."""

    ema_decay: float | None = Field(default=0.999, gt=0.0, lt=1.0)
    """Of the running mean of the weights, which is what is validated and kept; None: none."""

    freeze_batch_norm: bool = False
    """Keep the statistics of batch normalisation as they are."""

    checkpoint_minutes: float = Field(default=10.0, gt=0.0)
    """How often all is saved, for --resume."""

    half_weights: bool = False
    """Write weights as float16."""

    summary: str = ""
    """What the weights are for, in a line; it is kept with them."""

    limits: str = ""
    """What they are not for."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        is_weighing = self.model.kind == "view_weights"
        sets = [self.data] + ([self.validation.data] if self.validation else [])
        for data in sets:
            if (data.kind == "detections") != is_weighing:
                raise ValueError(
                    f"a model of kind {self.model.kind} cannot learn from data of kind "
                    f"{data.kind}: view_weights go with detections, the others with images"
                )
        if self.data.kind == "synthetic" and self.data.device == "network" and self.loading.workers:
            raise ValueError(
                "data.device: network goes with loading.workers: 0: it is this process that has it"
            )
        if self.model.kind == "heatmap_volume":
            raise ValueError(
                "a model of kind heatmap_volume has no images to learn from: train a volumetric "
                "one with aggregation: logsum"
            )
        if self.model.kind == "volumetric" and not self.model.finds_centre:
            raise ValueError("model.finds_centre: is true of what is trained here")
        if self.model.kind == "ransac" and self.loss.heatmap == 0:
            raise ValueError("a model of kind ransac learns nothing but its heatmaps: loss.heatmap")
        if self.loss.volume > 0 and self.model.kind != "volumetric":
            raise ValueError(f"a model of kind {self.model.kind} has no volume for loss.volume")
        if self.loss.is_empty and not is_weighing:
            raise ValueError("loss: give heatmap, mse, mae, mse_smooth or volume a weight")
        return self
