"""Algebraic triangulation (Iskakov et al. 2019, section 3.1): heatmaps, points, weighted DLT."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.heatmap import Normalise, normalise_maps, soft_argmax_2d
from triangulate.geometry.sampling import Sampling
from triangulate.models.image_network import ImageNetwork
from triangulate.models.map_statistics import FLOOR_CELLS2, variance_cells2
from triangulate.models.prediction import Prediction
from triangulate.models.uncertainty import triangulation_covariance
from triangulate.models.views import (
    Backbone,
    cameras_of,
    image_points,
    map_cameras,
    maps_of,
    present_views,
    size_of,
)

FixedWeights = Literal["equal", "variance"]

_PUBLISHED_FLOOR = 1e-5


class AlgebraicTriangulator(ImageNetwork):
    """Soft-argmax in each view, then the point that the weighted views move least."""

    def __init__(
        self,
        backbone: Backbone,
        *,
        heatmap_multiplier: float = 100.0,
        normalise: Normalise = "softmax",
        window: int | None = None,
        learned_confidences: bool = True,
        fixed_weights: FixedWeights = "equal",
        homogeneous_unit: float = math.inf,
        sampling: Sampling = "exact",
    ) -> None:
        """An estimator around a backbone.

        Args:
            backbone: gives heatmaps and, with `learned_confidences`, one confidence a joint.
            heatmap_multiplier: sharpens the softmax.
            normalise: see `normalise_maps`.
            window: cells around the highest one that the point is taken from; None: all.
            learned_confidences: whether the rows of a view weigh what the backbone says.
            fixed_weights: what they weigh otherwise: the same, or "variance": the inverse of the
                heatmap's variance (plus that of a detection that could not be better).
            homogeneous_unit: of `triangulate_dlt`, in metres; 1e-3 for the published weights.
            sampling: "published" for the published weights.
        """
        super().__init__()
        if learned_confidences and backbone.num_confidences != backbone.num_joints:
            raise ValueError(
                f"learned confidences need a backbone with num_confidences={backbone.num_joints}, "
                f"got {backbone.num_confidences}"
            )
        self.backbone = backbone
        self.heatmap_multiplier, self.normalise, self.window = heatmap_multiplier, normalise, window
        self.learned_confidences, self.fixed_weights = learned_confidences, fixed_weights
        self.homogeneous_unit, self.sampling = homogeneous_unit, sampling

    def forward(
        self,
        images: Tensor,
        cameras: Camera,
        views: Tensor | None = None,
        *,
        keep_maps: bool = False,
    ) -> Prediction:
        """3D joints of a batch of moments.

        Args:
            images: (B, V, 3, H, W) normalised, see `normalise_images`.
            cameras: (B, V), or (V,) for all moments.
            views: (B, V) bool, False where a view is missing.
            keep_maps: whether the prediction has `heatmaps` and `heatmap_logits`.

        Returns:
            The joints in float64. `valid` where the views leave no direction open and the point is
            before all that weigh. `confidence` is what the backbone says (with "published" sampling
            its share among the views, plus 1e-5, as published).
        """
        views = present_views(images, views)
        maps = maps_of(self.backbone, images, views)
        with torch.autocast(images.device.type, enabled=False):
            of_images = cameras_of(cameras, views)
            of_maps = map_cameras(of_images, size_of(images), size_of(maps.heatmaps), self.sampling)
            points, mass, sharp = self.locate(maps.heatmaps)
            variance = variance_cells2(mass, points) + FLOOR_CELLS2
            seen = views[..., None] & (mass.sum((-2, -1)) > 0)
            confidence = self._confidence(maps.confidence, variance, seen)
            solved = solve_views(
                points.double(),
                of_maps,
                confidence.double(),
                self._noise(variance, confidence).double(),
                self.homogeneous_unit,
            )
            points_px = image_points(points, of_maps, of_images)
        return Prediction(
            *solved[:2],
            points_px,
            confidence,
            solved[2],
            mass if keep_maps else None,
            heatmap_logits=sharp if keep_maps and self.normalise == "softmax" else None,
        )

    def locate(self, heatmaps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Points (*B, 2) in map pixels of heatmaps (*B, h, w), these as mass one, and sharpened."""
        sharp = heatmaps.float() * self.heatmap_multiplier
        points, mass = soft_argmax_2d(sharp, self.normalise, self.window)
        if self.window is not None:
            mass = normalise_maps(sharp, 2, self.normalise)
        return points, mass, sharp

    def _confidence(self, learned: Tensor | None, variance: Tensor, seen: Tensor) -> Tensor:
        """(B, V, J) in [0, 1]: what the rows of each view weigh, against one another."""
        if self.learned_confidences and learned is not None:
            confidence = learned.float()
        elif self.fixed_weights == "variance":
            confidence = FLOOR_CELLS2 / variance
        else:
            confidence = torch.ones_like(variance)
        confidence = torch.where(seen, confidence, 0.0)
        if self.sampling == "exact":
            return confidence
        total = confidence.sum(1, keepdim=True)
        share = confidence / torch.where(total > 0, total, 1.0)
        return torch.where(seen, share + _PUBLISHED_FLOOR, 0.0)

    def _noise(self, variance: Tensor, confidence: Tensor) -> Tensor:
        """(B, V, J) square cells, see `triangulation_covariance`.

        A learned confidence multiplies rows, so it stands for 1 / sigma; where there is none, the
        heatmap's own variance tells.
        """
        if not self.learned_confidences:
            return variance
        best = confidence.amax(1, keepdim=True)
        relative = confidence / torch.where(best > 0, best, 1.0)
        there = (confidence > 0).to(variance.dtype)
        typical = (variance * there).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp_min(1)
        return typical.clamp_min(FLOOR_CELLS2) / relative.clamp_min(1e-6).square()


def solve_views(
    points_px: Tensor,
    cameras: Camera,
    confidence: Tensor,
    variance: Tensor,
    homogeneous_unit: float = math.inf,
) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted DLT of distorted points with covariance and cheirality.

    Args:
        points_px: (B, V, J, 2) float64, finite.
        cameras: (B, V) in whose pixels they are.
        confidence: (B, V, J), what the rows weigh against one another; 0 drops a view.
        variance: (B, V, J) square pixels, see `triangulation_covariance`.
        homogeneous_unit: see `triangulate_dlt`.

    Returns:
        (B, J, 3) points, (B, J) validity and (B, J, 3, 3) covariance, zero where not valid.
    """
    undistorted_px, undistortable = cameras.undistort(points_px)
    weights = torch.where(undistortable, confidence, 0.0)
    undistorted_px = torch.where(undistortable[..., None], undistorted_px, 0.0)
    most = weights.amax(1, keepdim=True)  # so that confidences that are all small do not underflow
    weights = weights / torch.where(most > 0, most, 1.0)
    projections = cameras.projection()
    points_world, valid = triangulate_dlt(
        undistorted_px.transpose(1, 2),
        projections[:, None],
        weights.transpose(1, 2),
        homogeneous_unit,
    )
    covariance, determined = triangulation_covariance(
        points_world, undistorted_px, projections, weights, variance
    )
    valid = valid & determined & _before_all(points_world, cameras, weights)
    return (
        torch.where(valid[..., None], points_world, 0.0),
        valid,
        torch.where(valid[..., None, None], covariance, 0.0),
    )


def _before_all(points_world: Tensor, cameras: Camera, weights: Tensor) -> Tensor:
    """(B, J) whether each point is before all cameras that weigh."""
    depth = cameras.cam_from_world.apply(points_world[:, None])[..., 2]
    return ((depth > 0) | (weights <= 0)).all(1)
