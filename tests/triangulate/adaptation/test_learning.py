from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.adaptation.learning import label_weights, labels_and_weights, learn
from triangulate.adaptation.pseudo_labels import pseudo_labels
from triangulate.config.adaptation import ViewWeightsStudentConfig
from triangulate.poses import Reason


def test_weights_of_labels_by_hand() -> None:
    covariance = (
        torch.eye(3, dtype=torch.float64)
        * torch.tensor([0.0, 0.02, 0.04])[:, None, None].double().square()
    )
    known = torch.tensor([True, True, False])
    torch.testing.assert_close(
        label_weights(covariance, known), torch.tensor([1.0, 0.5, 0.0]).double()
    )


def test_poses_without_a_place_are_no_labels(walking) -> None:
    poses = pseudo_labels(walking.keypoints, walking.rig)
    poses.reason[3, 0, 5] = Reason.high_error
    poses.positions_m[3, 0, 5] = np.nan
    poses.covariance_m2[3, 0, 5] = np.nan
    labels_world, weights = labels_and_weights(poses)
    assert labels_world.isfinite().all()
    assert weights[3, 5] == 0
    assert (weights > 0).sum() == (poses.reason == Reason.ok).sum()
    assert weights.max() <= 1


def test_a_line_is_learned_from_the_moments_with_labels() -> None:
    network = torch.nn.Linear(1, 1)
    inputs = torch.linspace(-1, 1, 8)[:, None]
    weights = torch.tensor([1.0, 0.0] * 4)[:, None]
    settings = ViewWeightsStudentConfig(steps=200, batch_size=4, lr=0.1)
    drawn: set[int] = set()
    done: list[tuple[int, int]] = []

    def loss_of(index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        drawn.update(index.tolist())
        noise = 0.01 * torch.randn(len(index), 1, generator=generator)
        return (network(inputs[index]) - 2 * inputs[index] - 1 + noise).square().mean()

    losses = learn(
        network, loss_of, weights, settings, lambda step, total: done.append((step, total))
    )
    assert drawn == {0, 2, 4, 6}
    assert done[-1] == (200, 200)
    assert len(losses) == 200
    assert losses[-1] < 0.01
    assert network.weight.item() == pytest.approx(2.0, abs=0.1)
    assert not network.training
