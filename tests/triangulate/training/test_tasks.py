"""The tasks: both go through the same loop; batches are varied where the network is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from small_run import Spots, losses, small_config

from triangulate.config.training import TrainConfig
from triangulate.data.sample import Sample, collate
from triangulate.evaluation.passing import Passing
from triangulate.models.weights import load
from triangulate.training.run import train
from triangulate.training.tasks import PoseTask


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


def test_a_batch_is_varied_on_the_networks_device() -> None:
    seen = []

    def vary(sample: Sample, generators: Sequence[torch.Generator]) -> Sample:
        seen.append((sample.images.device.type, sample.cameras.K.device.type))
        assert all(generator.device.type == "cpu" for generator in generators)
        return sample

    task = PoseTask(small_config(), Passing(torch.device("meta")), vary)
    dataset = Spots()
    batch = collate([dataset[number] for number in range(2)])
    sample, _ = task.prepared(batch, 0, lambda purpose: [torch.Generator() for _ in range(2)])
    assert seen == [("meta", "meta")]
    assert sample.images.device.type == "meta"
