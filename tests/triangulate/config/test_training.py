"""Settings of training: what does not fit together is refused with a sentence."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from triangulate.config import load_config
from triangulate.config.augment import AugmentConfig
from triangulate.config.training import TrainConfig
from triangulate.errors import InputError

PEOPLE = "data: {kind: synthetic}\nsteps: 1\n"
DETECTIONS = "data: {kind: detections}\nsteps: 1\n"


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "job.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_config(path, TrainConfig)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PEOPLE + "model: {kind: algebraic}", "loss: give heatmap, mse, mae, mse_smooth or volume"),
        (PEOPLE + "model: {kind: algebraic}\nloss: {heatmp: 1}", "did you mean 'heatmap'?"),
        (PEOPLE + "model: {kind: algebraic}\nloss: {mae: -1}", "'loss.mae' should be greater"),
        (PEOPLE + "model: {kind: algebraic}\nloss: {volume: 1}", "has no volume for loss.volume"),
        (PEOPLE + "model: {kind: algebraik}", "'model' has an unknown kind 'algebraik'"),
        (PEOPLE + "model: {kind: view_weights}", "view_weights go with detections"),
        (DETECTIONS + "model: {kind: algebraic}", "cannot learn from data of kind detections"),
        (PEOPLE + "model: {kind: heatmap_volume}\nloss: {mae: 1}", "with aggregation: logsum"),
        (PEOPLE + "model: {kind: ransac}\nloss: {mae: 1}", "learns nothing but its heatmaps"),
        ("model: {kind: algebraic}\nsteps: 1", "'data' is missing"),
        (
            "data: {kind: synthetic, device: network}\nloading: {workers: 2}\nsteps: 1\n"
            "model: {kind: algebraic}\nloss: {mae: 1}",
            "data.device: network goes with loading.workers: 0",
        ),
        (
            PEOPLE + "model: {kind: algebraic, backbone: {kind: unet, depth: 3}}",
            "unknown key 'model.backbone.depth'",
        ),
    ],
)
def test_refusals(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_augmentation_has_the_settings_that_the_data_know() -> None:
    from triangulate.data.augment import Augmentation

    known = {field.name: field.default for field in fields(Augmentation)}
    own = AugmentConfig().model_dump()
    assert own | {"patch_side": tuple(own["patch_side"])} == known
