"""The shipped view weights, as they go on learning with one rig and one detector.

They see the detector's points and scores, never which joint or where in the world, so what a short
recording can teach them is what this detector's scores and errors are like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from triangulate.adaptation.learning import labels_and_weights, learn
from triangulate.adaptation.material import Material
from triangulate.adaptation.variation import chance, exchanged, some_views
from triangulate.config.adaptation import ViewWeightsStudentConfig
from triangulate.geometry.tensors import TensorFields
from triangulate.geometry.threads import one_thread
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weighing_loss import weighing_loss
from triangulate.poses import Poses3D
from triangulate.triangulation import load_view_weights


@dataclass(frozen=True)
class Sightings(TensorFields):
    """What the student sees, and where the joints should come out.

    Attributes:
        points_px: (T, V, J, 2) distorted pixels; zero where there is no detection.
        score: (T, V, J) in [0, 1]; 0 where there is no detection.
        labels_world: (T, J, 3) metres; zero where the weight is.
        weights: (T, J) how much a label counts, in [0, 1].
    """

    points_px: Tensor
    score: Tensor
    labels_world: Tensor
    weights: Tensor


@one_thread()
def train_view_weights(
    material: Material,
    labels: Poses3D,
    settings: ViewWeightsStudentConfig,
    min_confidence: float,
    report: Callable[[int, int], None] | None = None,
) -> tuple[ViewWeights, list[float]]:
    """The shipped network after some more steps, and the loss of every step."""
    network = load_view_weights()
    sightings = sightings_of(material, labels, min_confidence)
    cameras = material.recording.rig.cameras
    flip = torch.from_numpy(labels.skeleton.flip_permutation())

    def loss(index: Tensor, generator: torch.Generator) -> Tensor:
        batch = vary(sightings[index], settings, flip, generator)
        found, earlier = network.in_passes(batch.points_px, batch.score, cameras)
        return weighing_loss(found, earlier, batch.labels_world, batch.weights)

    return network, learn(network, loss, sightings.weights, settings, report)


def sightings_of(material: Material, labels: Poses3D, min_confidence: float) -> Sightings:
    """The detections of the material beside the labels of the same frames."""
    labels_world, weights = labels_and_weights(labels)
    confidence = material.person.confidence[:, :, 0]
    usable = np.where(confidence >= min_confidence, confidence, 0.0)
    return Sightings(
        points_px=torch.from_numpy(np.nan_to_num(material.person.points_px[:, :, 0])),
        score=torch.from_numpy(usable),
        labels_world=labels_world,
        weights=weights,
    )


def vary(
    sightings: Sightings,
    settings: ViewWeightsStudentConfig,
    flip: Tensor,
    generator: torch.Generator,
) -> Sightings:
    """Other views and detections of the same moments.

    Views are left out and shifted; in some left and right are exchanged, as detectors do now and
    then. What is not seen by two views is no longer asked for.
    """
    batch, num_views = sightings.score.shape[:2]
    swapped = chance(settings.swap_sides, (batch, num_views), generator)
    points_px = exchanged(sightings.points_px, swapped, flip, 2)
    score = exchanged(sightings.score, swapped, flip, 2)
    lot = torch.randn(batch, num_views, 1, 2, generator=generator, dtype=torch.float64)
    points_px = points_px + settings.shift * _size_px(points_px, score)[..., None, None] * lot
    views = some_views((score > 0).any(-1), generator)
    score = torch.where(views[..., None], score, 0.0)
    weights = sightings.weights * ((score > 0).sum(1) >= 2)
    return replace(sightings, points_px=points_px, score=score, weights=weights)


def _size_px(points_px: Tensor, score: Tensor) -> Tensor:
    """(B, V) the larger side of the box around a view's points; zero where there are none."""
    seen = (score > 0)[..., None]
    highest = torch.where(seen, points_px, -torch.inf).amax(2)
    lowest = torch.where(seen, points_px, torch.inf).amin(2)
    return (highest - lowest).amax(-1).clamp_min(0.0)
