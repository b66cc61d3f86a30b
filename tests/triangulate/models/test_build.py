from __future__ import annotations

import copy

import pytest
import torch
from pydantic import TypeAdapter

from triangulate.config import ModelConfig
from triangulate.config.models import (
    AlgebraicConfig,
    HeatmapVolumeConfig,
    RansacConfig,
    ResNetConfig,
    UNetConfig,
    V2VConfig,
    ViewWeightsConfig,
    VolumetricConfig,
)
from triangulate.models.build import build_model, parse_settings, settings_of

SMALL = UNetConfig(channels=[8, 8, 8, 6])
SETTINGS = [
    AlgebraicConfig(joints=5, backbone=SMALL, window=2, homogeneous_unit_m=1e-3),
    AlgebraicConfig(joints=5, backbone=ResNetConfig(depth=18), learned_confidences=False),
    RansacConfig(joints=5, backbone=SMALL, threshold_px=12.0, huber=False),
    VolumetricConfig(joints=5, backbone=SMALL, channels=4, size=32),
    VolumetricConfig(joints=5, backbone=SMALL, channels=4, size=32, aggregation="conf_norm"),
    HeatmapVolumeConfig(joints=5),
    HeatmapVolumeConfig(joints=5, v2v=V2VConfig(channels=[4, 4]), size=10),
    VolumetricConfig(joints=5, backbone=SMALL, aggregation="logsum", v2v=None, size=20),
    VolumetricConfig(joints=5, backbone=SMALL, v2v=V2VConfig(channels=[4, 4]), size=20),
    ViewWeightsConfig(channels=8),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: each.kind)
def test_networks_remember_what_they_were_built_from(settings: ModelConfig) -> None:
    torch.manual_seed(0)
    network = build_model(settings)
    assert settings_of(network) == settings == settings_of(copy.deepcopy(network))
    assert parse_settings(settings.model_dump()) == settings
    written = settings.model_dump_json()
    assert TypeAdapter(ModelConfig).validate_json(written) == settings
    torch.manual_seed(0)
    for one, other in zip(network.parameters(), build_model(settings).parameters(), strict=True):
        assert torch.equal(one, other)


def test_settings_reach_the_network() -> None:
    first = build_model(SETTINGS[0])
    assert (first.num_joints, first.window, first.homogeneous_unit) == (5, 2, 1e-3)
    assert first.backbone.channels == (8, 8, 8, 6)
    third = build_model(SETTINGS[2])
    assert (third.threshold_px, third.huber, third.homogeneous_unit) == (12.0, False, torch.inf)


def test_a_residual_network_adds_nothing_to_begin_with() -> None:
    residual = VolumetricConfig(
        joints=5, backbone=SMALL, aggregation="logsum", v2v=V2VConfig(channels=[4, 4]), size=20
    )
    for settings in (residual, HeatmapVolumeConfig(joints=5, v2v=residual.v2v)):
        network = build_model(settings)
        v2v = network.v2v if settings.kind == "heatmap_volume" else network.heatmap_volume.v2v
        assert not v2v(torch.randn(1, 5, 8, 8, 8)).any()


def test_other_networks_do_not() -> None:
    with pytest.raises(ValueError, match="a Linear must be made by build_model"):
        settings_of(torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "kind"),
        ({"kind": "algebra"}, "algebra"),
        ({"kind": "algebraic", "joints": 0}, "joints"),
        ({"kind": "volumetric", "size": 48}, r"^volumetric: size must be a"),
        ({"kind": "ransac", "backbone": {"kind": "resnet", "depth": 20}}, "depth"),
    ],
)
def test_impossible_settings_are_refused(values: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_settings(values)
