from __future__ import annotations

from pathlib import Path

import pytest

from triangulate.config import Config, ModelConfig, load_config
from triangulate.config.models import AlgebraicConfig, ResNetConfig, UNetConfig, VolumetricConfig
from triangulate.errors import InputError


class Job(Config):
    model: ModelConfig


def load(folder: Path, text: str) -> ModelConfig:
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, Job).model


def test_the_kind_chooses_the_settings(tmp_path: Path) -> None:
    text = "model: {kind: algebraic, joints: 5, backbone: {kind: unet, channels: [8, 8, 8, 6]}}"
    backbone = UNetConfig(channels=[8, 8, 8, 6])
    assert load(tmp_path, text) == AlgebraicConfig(joints=5, backbone=backbone)
    text = "model: {kind: volumetric, aggregation: conf, backbone: {kind: resnet, depth: 18}}"
    backbone = ResNetConfig(depth=18)
    assert load(tmp_path, text) == VolumetricConfig(aggregation="conf", backbone=backbone)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: algebraic, windows: 3}", "unknown key 'model.windows': did you mean 'window'?"),
        ("{kind: algebraic, size: 32}", "unknown key 'model.size'"),
        (
            "{kind: algebraic, backbone: {kind: unet, depth: 18}}",
            "unknown key 'model.backbone.depth'",
        ),
        ("{kind: algebraic, backbone: {kind: resnet, depth: 19}}", "'model.backbone.depth'"),
        (
            "{kind: algebraic, backbone: {kind: unet, channels: [8, 8, 8, 8]}}",
            "needs a multiple of 6 as its last number of channels",
        ),
        (
            "{kind: volumetric, size: 48}",
            "size must be a multiple of 32 for a v2v of 6 resolutions",
        ),
        (
            "{kind: heatmap_volume, size: 9, v2v: {channels: [4, 4]}}",
            "a multiple of 2 for a v2v of 2",
        ),
        (
            "{kind: volumetric, aggregation: conf, joints: 8, channels: 8}",
            "channels must not be 8, the number of joints",
        ),
        ("{kind: volumetric, v2v: null}", "needs a v2v for the aggregation softmax"),
        ("{kind: volumetric, joints: 5, centre_joints: [1, 5]}", "must be below 5"),
        ("{kind: algebraics}", "algebraics"),
        ("{joints: 5}", "kind"),
    ],
)
def test_refusals_name_key_and_expectation(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, f"model: {text}")
    assert said in str(caught.value)
