"""The task of view weights goes through the same loop as that of images."""

from __future__ import annotations

from pathlib import Path

import torch
from small_run import losses

from triangulate.config.training import TrainConfig
from triangulate.models.weights import load
from triangulate.training.run import train


def test_view_weights_learn_and_are_written(tmp_path: Path) -> None:
    data = {"kind": "detections", "views": [3, 4]}
    config = TrainConfig.model_validate(
        {
            "model": {"kind": "view_weights", "channels": 8, "layers": 1, "passes": 1},
            "data": data,
            "validation": {"data": data | {"seed": 5}, "samples": 8, "batch_size": 4},
            "loading": {"batch_size": 4},
            "steps": 4,
        }
    )
    result = train(config, tmp_path / "run", data_root=tmp_path)
    assert result.weights is not None
    assert result.best_weights is not None
    assert len(losses(tmp_path / "run")) == 4
    network = load(result.weights)
    last = torch.load(tmp_path / "run" / "checkpoints" / "step_00000004.pt", weights_only=True)
    for name, value in network.state_dict().items():
        assert torch.equal(value, last["mean"][name])
