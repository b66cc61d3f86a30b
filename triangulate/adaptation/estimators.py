"""Ways from heatmaps to joints, as `triangulate.adaptation.judgement` asks for them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from triangulate.adaptation.judgement import Estimator
from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.threads import one_thread
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.view_weights import ViewWeights
from triangulate.pose2d.heatmaps import Heatmaps2D
from triangulate.triangulation import triangulate_keypoints

_BATCH = 4


def linear_estimator(heatmaps: Heatmaps2D, camera: Camera, min_confidence: float) -> Estimator:
    """Linear triangulation of the detector's points, weighted by its confidence."""
    points = torch.from_numpy(np.nan_to_num(heatmaps.points_px)).movedim(1, 0)  # (V, T, J, 2)
    undistorted, valid = camera.undistort(points.flatten(1, 2))
    confidence = torch.from_numpy(heatmaps.confidence).movedim(1, 0)
    weights = torch.where(confidence >= min_confidence, confidence, 0.0).flatten(1) * valid

    @one_thread()
    def estimate(views: NDArray[np.bool_]) -> NDArray[np.float64]:
        chosen = weights * torch.from_numpy(views)[:, None]
        positions_m, solved = triangulate_dlt(
            undistorted.movedim(0, 1), camera.projection(), chosen.mT, homogeneous_unit=math.inf
        )
        return _with_gaps(positions_m, solved).unflatten(0, points.shape[1:3]).numpy()

    return estimate


def robust_estimator(
    heatmaps: Heatmaps2D, camera: Camera, min_confidence: float, flip: NDArray[np.int64]
) -> Estimator:
    """The robust method of `triangulate reconstruct`, which looks at all frames at once."""
    points_px = heatmaps.points_px.swapaxes(0, 1)
    confidence = heatmaps.confidence.swapaxes(0, 1)

    def estimate(views: NDArray[np.bool_]) -> NDArray[np.float64]:
        chosen = confidence * views[:, None, None]
        return triangulate_keypoints(
            points_px, chosen, camera, "robust", min_confidence, flip
        ).positions_m

    return estimate


def weighing_estimator(
    network: ViewWeights, heatmaps: Heatmaps2D, camera: Camera, min_confidence: float
) -> Estimator:
    """Learned view weights (`ViewWeights`) on the detector's points and confidences."""
    points = torch.from_numpy(np.nan_to_num(heatmaps.points_px))
    confidence = torch.from_numpy(heatmaps.confidence)
    score = torch.where(confidence >= min_confidence, confidence, 0.0)

    @one_thread()
    def estimate(views: NDArray[np.bool_]) -> NDArray[np.float64]:
        observed = (score > 0) & torch.from_numpy(views)[:, None]
        with torch.no_grad():
            found = network(points, score, camera, observed)
        return _with_gaps(found.points_world, found.valid).numpy()

    return estimate


def volume_estimator(network: HeatmapVolume, heatmaps: Heatmaps2D, camera: Camera) -> Estimator:
    """A `HeatmapVolume` on the heatmaps, frame by frame."""
    mass = torch.from_numpy(heatmaps.mass)
    cameras = heatmaps.cameras(camera)
    there = torch.from_numpy(heatmaps.views)

    def estimate(views: NDArray[np.bool_]) -> NDArray[np.float64]:
        chosen = there & torch.from_numpy(views)
        parts = []
        for start in range(0, len(mass), _BATCH):
            some = slice(start, start + _BATCH)
            with torch.autocast("cpu", torch.bfloat16):
                found = network.predict(mass[some].float(), cameras[some], chosen[some])
            parts.append(_with_gaps(found.points_world, found.valid))
        return torch.cat(parts).double().numpy()

    return estimate


def _with_gaps(points_world: Tensor, valid: Tensor) -> Tensor:
    return torch.where(valid[..., None], points_world, torch.nan)
