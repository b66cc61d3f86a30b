"""What every estimator returns, so that no caller asks which one it has."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Prediction:
    """3D joints of a batch of moments, each seen by V cameras.

    Attributes:
        points_world: (B, J, 3) metres; zero where not `valid`.
        valid: (B, J) False where the views that count leave the point open.
        points_px: (B, V, J, 2) where each view sees the joint, in the pixels of the images (or
            heatmaps) that were given; distorted as they are.
        confidence: (B, V, J) in [0, 1], how far each view is believed; 0 for a missing view.
        covariance: (B, J, 3, 3) square metres; zero where not `valid`.
        heatmaps: (B, V, J, H, W) of mass one, where asked for.
        volume: (B, J, X, Y, Z) of mass one, where asked for and the estimator has one.
        grid_world: (B, X, Y, Z, 3) where the volume's voxels lie, with `volume`.
        heatmap_logits: (B, V, J, H, W) what `heatmaps` are the softmax of, where they are one.
    """

    points_world: Tensor
    valid: Tensor
    points_px: Tensor
    confidence: Tensor
    covariance: Tensor
    heatmaps: Tensor | None = None
    volume: Tensor | None = None
    grid_world: Tensor | None = None
    heatmap_logits: Tensor | None = None
