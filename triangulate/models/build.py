"""From settings to networks, and back."""

from __future__ import annotations

import math
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import nn

from triangulate.config.models import (
    AlgebraicConfig,
    BackboneConfig,
    HeatmapVolumeConfig,
    ModelConfig,
    RansacConfig,
    ResNetConfig,
    UNetConfig,
    V2VConfig,
    ViewWeightsConfig,
    VolumetricConfig,
)
from triangulate.config.parsing import first_problem
from triangulate.models.backbone import PoseResNet, PoseUNet

_SETTINGS = "built_from"  # the attribute that remembers what a network was built from


def build_model(config: ModelConfig) -> nn.Module:
    """The network that the settings describe, with random weights, on the processor.

    It remembers the settings (`settings_of`), so that its weights can be saved with them.
    """
    match config:
        case AlgebraicConfig():
            network = _algebraic(config)
        case RansacConfig():
            network = _ransac(config)
        case VolumetricConfig():
            network = _volumetric(config)
        case HeatmapVolumeConfig():
            network = _heatmap_volume(config)
        case ViewWeightsConfig():
            network = _view_weights(config)
    object.__setattr__(network, _SETTINGS, config)
    return network


def settings_of(network: nn.Module) -> ModelConfig:
    """The settings that `build_model` made a network from.

    Raises:
        ValueError: for a network that it did not make.
    """
    config = getattr(network, _SETTINGS, None)
    if config is None:
        raise ValueError(f"a {type(network).__name__} must be made by build_model to be saved")
    return config


def parse_settings(values: dict[str, Any]) -> ModelConfig:
    """Settings from plain values, such as those of JSON.

    Raises:
        ValueError: they are no settings of a network.
    """
    try:
        return TypeAdapter(ModelConfig).validate_python(values)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def _backbone(
    config: BackboneConfig, joints: int, confidences: int | None, multiplier: float
) -> PoseResNet | PoseUNet:
    match config:
        case ResNetConfig():
            return PoseResNet(
                joints, depth=config.depth, style=config.style, num_confidences=confidences
            )
        case UNetConfig():
            return PoseUNet(
                joints,
                channels=config.channels,
                context_blocks=config.context_blocks,
                num_confidences=confidences,
                heatmap_multiplier=multiplier,
            )


def _algebraic(config: AlgebraicConfig) -> nn.Module:
    from triangulate.models.algebraic import AlgebraicTriangulator

    confidences = config.joints if config.learned_confidences else None
    return AlgebraicTriangulator(
        _backbone(config.backbone, config.joints, confidences, config.heatmap_multiplier),
        heatmap_multiplier=config.heatmap_multiplier,
        normalise=config.normalise,
        window=config.window,
        learned_confidences=config.learned_confidences,
        fixed_weights=config.fixed_weights,
        homogeneous_unit=config.homogeneous_unit_m or math.inf,
        sampling=config.sampling,
    )


def _ransac(config: RansacConfig) -> nn.Module:
    from triangulate.models.ransac import RansacTriangulator

    return RansacTriangulator(
        _backbone(config.backbone, config.joints, None, config.heatmap_multiplier),
        heatmap_multiplier=config.heatmap_multiplier,
        threshold_px=config.threshold_px,
        huber=config.huber,
        homogeneous_unit=config.homogeneous_unit_m or math.inf,
        sampling=config.sampling,
    )


def _volumetric(config: VolumetricConfig) -> nn.Module:
    from triangulate.models.volumetric import VolumetricTriangulator

    by_channel = config.aggregation in ("conf", "conf_norm")
    confidences = config.channels if by_channel else None
    is_residual = config.aggregation == "logsum"
    channels = config.joints if is_residual else config.channels
    return VolumetricTriangulator(
        _backbone(config.backbone, config.joints, confidences, config.heatmap_multiplier),
        aggregation=config.aggregation,
        channels=config.channels,
        size=config.size,
        side_m=config.side_m,
        volume_net=_v2v(config.v2v, channels, config.joints, zero_output=is_residual),
        volume_multiplier=config.volume_multiplier,
        heatmap_multiplier=config.heatmap_multiplier,
        centre_joints=config.centre_joints,
        finds_centre=config.finds_centre,
        sampling=config.sampling,
    )


def _heatmap_volume(config: HeatmapVolumeConfig) -> nn.Module:
    from triangulate.models.heatmap_volume import HeatmapVolume

    return HeatmapVolume(
        config.joints,
        aggregation=config.aggregation,
        size=config.size,
        side_m=config.side_m,
        volume_multiplier=config.volume_multiplier,
        centre_joints=config.centre_joints,
        v2v=_v2v(config.v2v, config.joints, config.joints, zero_output=True),
    )


def _v2v(
    config: V2VConfig | None, in_channels: int, out_channels: int, *, zero_output: bool
) -> nn.Module | None:
    from triangulate.models.v2v import V2V

    if config is None:
        return None
    return V2V(
        in_channels,
        out_channels,
        channels=config.channels,
        front_channels=config.front_channels,
        front_kernel=config.front_kernel,
        zero_output=zero_output,
    )


def _view_weights(config: ViewWeightsConfig) -> nn.Module:
    from triangulate.models.view_weights import ViewWeights

    return ViewWeights(channels=config.channels, layers=config.layers, passes=config.passes)
