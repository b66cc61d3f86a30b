"""The loss of a batch: a weighted sum of terms, in centimetres as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from triangulate.data.sample import Sample
from triangulate.geometry.heatmap import log_softmax_maps
from triangulate.losses import (
    heatmap_cross_entropy,
    inside_map,
    keypoint_mae,
    keypoint_mse,
    keypoint_mse_smooth,
    log_mass,
    volumetric_ce,
)
from triangulate.models.prediction import Prediction
from triangulate.models.views import map_cameras, size_of

if TYPE_CHECKING:
    from triangulate.config.training import LossConfig

_CM_PER_M = 100.0


@dataclass(frozen=True)
class Counts:
    """What the terms are divided by; those of the parts of a batch add up.

    Attributes:
        known: () joints whose place is known.
        joints: () joints.
        heatmap: () the heatmaps' weights.
    """

    known: Tensor
    joints: Tensor
    heatmap: Tensor

    @classmethod
    def of(cls, sample: Sample, hidden_weight: float) -> Counts:
        """Of a batch, or of a part of one."""
        known = sample.known
        return cls(
            known.sum().double(),
            torch.tensor(known.numel(), dtype=torch.float64, device=known.device),
            heatmap_weights(sample, hidden_weight).sum().double(),
        )

    def as_vector(self) -> Tensor:
        """(3,), for summing over processes."""
        return torch.stack([self.known, self.joints, self.heatmap])


def heatmap_weights(sample: Sample, hidden_weight: float) -> Tensor:
    """How much each view's joint counts, (B, V, J): 1 where it is seen, 0 where it is outside."""
    height, width = sample.images.shape[-2:]
    points_px, in_front = sample.cameras.project(_truth_of_views(sample))
    in_picture = inside_map(points_px, (width, height)) & in_front
    there = sample.views[..., None] & sample.known[..., None, :] & in_picture
    return there * torch.where(sample.visible, 1.0, hidden_weight)


def objective(
    prediction: Prediction, sample: Sample, loss: LossConfig, counts: Counts
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss, and its terms before they are weighted.

    Args:
        prediction: of the sample, with heatmaps or a volume where their terms have a weight.
        sample: a batch, or a part of one.
        loss: the terms' weights.
        counts: of the whole batch: the losses of its parts add up to its own.
    """
    known = sample.known & prediction.valid
    points_cm = prediction.points_world.float() * _CM_PER_M
    truth_cm = sample.points_world.float() * _CM_PER_M
    terms: dict[str, Tensor] = {}
    if loss.heatmap:
        terms["heatmap"] = _heatmap_term(prediction, sample, loss, counts)
    if loss.mse:
        terms["mse"] = keypoint_mse(points_cm, truth_cm, known, counts.known)
    if loss.mae:
        terms["mae"] = keypoint_mae(points_cm, truth_cm, known, counts.known)
    if loss.mse_smooth:
        terms["mse_smooth"] = keypoint_mse_smooth(
            points_cm, truth_cm, known, counts.known, threshold=loss.smooth_threshold_cm2
        )
    if loss.volume:
        if prediction.volume is None or prediction.grid_world is None:
            raise ValueError("loss.volume needs a model with a volume, got a prediction without")
        terms["volume"] = volumetric_ce(
            prediction.volume.float(),
            prediction.grid_world,
            sample.points_world.to(prediction.grid_world),
            sample.known,
            counts.joints,
        )
    weighted = [getattr(loss, name) * value for name, value in terms.items()]
    return torch.stack([value.double() for value in weighted]).sum(), terms


def _heatmap_term(
    prediction: Prediction, sample: Sample, loss: LossConfig, counts: Counts
) -> Tensor:
    log_heatmaps = _log_heatmaps(prediction)
    height, width = log_heatmaps.shape[-2:]
    cameras = map_cameras(sample.cameras, size_of(sample.images), (width, height))
    points_px, _ = cameras.project(_truth_of_views(sample))
    weights = heatmap_weights(sample, loss.hidden_weight)
    points_px = torch.where(weights[..., None] > 0, points_px, 0.0)
    return heatmap_cross_entropy(
        log_heatmaps,
        points_px.float(),
        weights,
        loss.heatmap_sigma_cells,
        counts.heatmap,
    )


def _log_heatmaps(prediction: Prediction) -> Tensor:
    """(B, V, J, h, w), from before the softmax where there is one: it loses what is small."""
    if prediction.heatmap_logits is not None:
        return log_softmax_maps(prediction.heatmap_logits.float(), 2)
    if prediction.heatmaps is not None:
        return log_mass(prediction.heatmaps.float())
    raise ValueError("loss.heatmap needs a model with heatmaps, got a prediction without")


def _truth_of_views(sample: Sample) -> Tensor:
    """(B, 1, J, 3), in the cameras' precision, to go with (B, V) of them."""
    return sample.points_world[:, None].to(sample.cameras.K)
