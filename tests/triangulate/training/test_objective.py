"""The loss of a batch: its terms by hand, and that parts of a batch add up to the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_run import Spots

from triangulate.config.training import LossConfig
from triangulate.data.sample import Sample, collate
from triangulate.models.prediction import Prediction
from triangulate.training.objective import Counts, heatmap_weights, objective


def batch(count: int = 4) -> Sample:
    dataset = Spots()
    return collate([dataset[number] for number in range(count)])


def prediction_of(sample: Sample, offset_m: float = 0.0) -> Prediction:
    """A prediction off by as much in x, with heatmaps of 16 x 12 cells."""
    size, views, joints = sample.visible.shape
    generator = torch.Generator().manual_seed(1)
    raw = torch.randn(size, views, joints, 12 * 16, generator=generator)
    points = sample.points_world + torch.tensor([offset_m, 0, 0], dtype=torch.float64)
    return Prediction(
        points_world=points.requires_grad_(),
        valid=torch.ones(size, joints, dtype=torch.bool),
        points_px=torch.zeros(size, views, joints, 2),
        confidence=torch.ones(size, views, joints),
        covariance=torch.zeros(size, joints, 3, 3),
        heatmaps=raw.softmax(-1).unflatten(-1, (12, 16)),
    )


def test_coordinate_terms_are_in_centimetres() -> None:
    sample = batch()
    counts = Counts.of(sample, 0.5)
    loss = LossConfig(mse=1.0, mae=0.5, mse_smooth=2.0)
    total, terms = objective(prediction_of(sample, 0.03), sample, loss, counts)
    assert terms["mse"].item() == pytest.approx(9 / 3, rel=1e-4)
    assert terms["mae"].item() == pytest.approx(3 / 3, rel=1e-4)
    assert terms["mse_smooth"].item() == pytest.approx(9 / 3, rel=1e-4)
    assert total.item() == pytest.approx(3 + 0.5 + 6, rel=1e-4)


def test_a_joint_that_is_hidden_counts_half_and_one_outside_not_at_all() -> None:
    sample = batch(1)
    visible = sample.visible.clone()
    visible[0, 0, 0] = False
    far = sample.points_world.clone()
    far[0, 1] = torch.tensor([0.0, 0.0, 40.0])
    views = sample.views.clone()
    views[0, 2] = False
    changed = replace(
        sample,
        visible=visible,
        points_world=far,
        views=views,
        known=torch.tensor([[True, True, False]]),
    )
    assert heatmap_weights(changed, 0.5)[0].tolist() == [[0.5, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_parts_of_a_batch_add_up() -> None:
    sample = batch(5)
    prediction = prediction_of(sample, 0.4)
    loss = LossConfig(heatmap=1.0, mse_smooth=0.1, mae=1.0)
    counts = Counts.of(sample, loss.hidden_weight)
    whole, _ = objective(prediction, sample, loss, counts)
    added = 0.0
    for part in (slice(0, 2), slice(2, 5)):
        some = Prediction(
            *(value[part] for value in vars(prediction).values() if value is not None)
        )
        added += objective(some, sample[part], loss, counts)[0].item()
    assert added == pytest.approx(whole.item(), rel=1e-6)


def test_points_without_a_prediction_give_no_gradient() -> None:
    sample = batch(2)
    prediction = prediction_of(sample, 0.1)
    valid = torch.ones_like(prediction.valid)
    valid[0, 0] = False
    total, _ = objective(
        replace(prediction, valid=valid), sample, LossConfig(mae=1.0), Counts.of(sample, 0.5)
    )
    (gradient,) = torch.autograd.grad(total, prediction.points_world)
    assert not bool(gradient[0, 0].any())
    assert bool(gradient[sample.known & valid][..., 0].all())


def test_the_heatmap_term_is_least_where_the_heatmaps_are_right() -> None:
    sample = batch(2)
    height, width = sample.images.shape[-2:]
    points_px, _ = sample.cameras.resized(0.5).project(sample.points_world[:, None])
    x, y = torch.arange(width // 2), torch.arange(height // 2)
    distance2 = (x - points_px[..., 0, None, None]) ** 2 + (
        y[:, None] - points_px[..., 1, None, None]
    ) ** 2
    right = torch.softmax(-distance2.flatten(-2) / 2, -1).unflatten(-1, (height // 2, width // 2))
    prediction = replace(prediction_of(sample), heatmaps=right.float())
    shifted = replace(prediction, heatmaps=right.float().roll(1, -1))
    loss, counts = LossConfig(heatmap=1.0), Counts.of(sample, 0.5)
    least = objective(prediction, sample, loss, counts)[0].item()
    entropy = -(right * right.log()).sum((-2, -1))[sample.known[:, None].expand(-1, 3, -1)].mean()
    assert least == pytest.approx(entropy.item(), abs=0.02)
    assert objective(shifted, sample, loss, counts)[0].item() > least + 0.3


def test_the_heatmap_term_is_that_of_the_logits_where_they_are_at_hand() -> None:
    sample = batch(2)
    without = prediction_of(sample)
    assert without.heatmaps is not None
    loss, counts = LossConfig(heatmap=1.0), Counts.of(sample, 0.5)
    logits = without.heatmaps.log() + 3.0  # the softmax does not see the constant
    same = objective(replace(without, heatmap_logits=logits), sample, loss, counts)[0]
    assert same.item() == pytest.approx(objective(without, sample, loss, counts)[0].item())
    sharp = (1000 * logits).requires_grad_()
    total, _ = objective(replace(without, heatmap_logits=sharp), sample, loss, counts)
    (gradient,) = torch.autograd.grad(total, sharp)
    counted = heatmap_weights(sample, 0.5) > 0
    assert bool(gradient[counted].flatten(-2).any(-1).all())
    assert bool(gradient.isfinite().all())


def test_what_a_term_needs() -> None:
    sample = batch(1)
    prediction = replace(prediction_of(sample), heatmaps=None)
    counts = Counts.of(sample, 0.5)
    with pytest.raises(ValueError, match="needs a model with heatmaps"):
        objective(prediction, sample, LossConfig(heatmap=1.0), counts)
    with pytest.raises(ValueError, match="needs a model with a volume"):
        objective(prediction, sample, LossConfig(volume=1.0), counts)
