"""What a run is built from: weights to start from, validation errors by hand."""

from __future__ import annotations

import pytest
import torch
from small_run import Spots
from torch import Tensor, nn

from triangulate.config.training import ValidationConfig
from triangulate.data.sample import Sample
from triangulate.errors import InputError
from triangulate.evaluation.passing import Passing
from triangulate.models.prediction import Prediction
from triangulate.training.setup import take_over, validation_error


def test_weights_of_the_same_name_and_shape_are_taken() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    other = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(1, 1))
    own = model[1].weight.clone()
    assert take_over(model, other, "other.safetensors") == 2
    assert torch.equal(model[0].weight, other[0].weight)
    assert torch.equal(model[1].weight, own)
    with pytest.raises(InputError, match="none of its 2 weights fit this model, which has 4"):
        take_over(model, nn.Conv2d(1, 1, 1), "other.safetensors")


def test_weights_of_a_network_that_is_mostly_another_are_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1), nn.Linear(1, 1))
    other = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2), nn.Linear(1, 1))
    before = model[2].weight.clone()
    with pytest.raises(InputError, match="2 of its 6 weights fit this model, which has 6"):
        take_over(model, other, "other.safetensors")
    assert torch.equal(model[2].weight, before)


class Shifted(nn.Module):
    """Finds the true points, 0.1 m off; the second joint of every moment is missing."""

    def __init__(self, dataset: Spots) -> None:
        super().__init__()
        self.dataset, self.seen = dataset, 0

    def forward(self, images: Tensor, cameras: object, views: Tensor) -> Prediction:
        samples: list[Sample] = [self.dataset[self.seen + b] for b in range(len(images))]
        self.seen += len(images)
        points = torch.stack([sample.points_world for sample in samples])
        points[..., 2] += 0.1
        valid = torch.ones(len(images), 3, dtype=torch.bool)
        valid[:, 1] = False
        points[:, 1] = 0
        return Prediction(points, valid, points, points, points)


def test_in_the_validation_error_joints_that_are_not_found_count_two_metres() -> None:
    data = {"kind": "recordings", "root": "unused"}
    validation = ValidationConfig.model_validate({"data": data, "samples": 7, "batch_size": 3})
    dataset = Spots()
    model = Shifted(Spots())
    error = validation_error(dataset, validation, Passing(torch.device("cpu")), model)
    assert dataset.made == list(range(7))
    known = torch.stack([dataset[number].known for number in range(7)]).double()
    counted = known * torch.tensor([0.1, 2.0, 0.1])  # joint 1 is not found
    assert error == pytest.approx(float((counted.sum(1) / known.sum(1)).mean()))
