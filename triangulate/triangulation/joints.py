"""The joints of one person in all frames, from matched 2D keypoints."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.noise import DetectionNoise, estimate_noise
from triangulate.geometry.threads import one_thread
from triangulate.keypoints import MIN_CONFIDENCE
from triangulate.people.sides import exchange_sides, find_swapped
from triangulate.poses import Reason
from triangulate.triangulation.reasons import reasons_of
from triangulate.triangulation.ways import (
    METHODS,
    Method,
    Way,
    by_network,
    by_noise,
    load_view_weights,
)

if TYPE_CHECKING:
    from triangulate.models.view_weights import ViewWeights

_CHUNK_POINTS = 4096  # a chunk's arrays stay in the processor's cache: five times as fast
_NOISE_SAMPLE = 8000  # points that the noise is learned from


@dataclass(frozen=True)
class Triangulated:
    """What `triangulate_keypoints` returns, as NumPy arrays; M poses are frames of one person.

    Attributes:
        positions_m: (M, J, 3), NaN where the reason is not ok.
        covariance_m2: (M, J, 3, 3), likewise.
        reprojection_px: (V, M, J), NaN where not observed, without a position, or behind the
            camera.
        views_used: (V, M, J) bool.
        reason: (M, J) uint8 codes of `Reason`.
        sides_swapped: (V, M) bool, whether left and right of the view were exchanged.
    """

    positions_m: np.ndarray
    covariance_m2: np.ndarray
    reprojection_px: np.ndarray
    views_used: np.ndarray
    reason: np.ndarray
    sides_swapped: np.ndarray


@one_thread()
def triangulate_keypoints(
    points_px: np.ndarray,
    confidence: np.ndarray,
    camera: Camera,
    method: Method = "robust",
    min_confidence: float = MIN_CONFIDENCE,
    flip: np.ndarray | None = None,
    network: ViewWeights | None = None,
) -> Triangulated:
    """Triangulate one person's joints.

    Args:
        points_px: (V, M, J, 2) distorted pixels of M frames; NaN: not seen.
        confidence: (V, M, J) in [0, 1]; 0 where not seen.
        camera: with leading dim V, float64.
        method: "robust" weighs each view by how probably it shows the point, with a noise model
            learned from the data, and exchanges left and right where a view has them wrong; "dlt"
            is the linear method with the confidences as weights; "learned" asks a network how far
            each view is to be believed, moment by moment, and exchanges sides like "robust".
        min_confidence: observations below it are not used.
        flip: (J,) indices that swap left and right, where the joints have sides.
        network: of the method "learned"; the shipped one by default.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if method == "learned" and network is None:
        network = load_view_weights()
    observed = np.isfinite(points_px).all(-1) & (confidence > 0)
    points_px = np.where(observed[..., None], points_px, np.nan)
    confidence = np.where(observed, confidence, 0.0)
    noise = None
    if method != "learned":
        noise = _learn_noise(points_px, confidence, camera, min_confidence)
    how = Way(method, noise, network, min_confidence)
    first = _triangulate(points_px, confidence, camera, how)
    has_sides = flip is not None and bool((flip != np.arange(len(flip))).any())
    if flip is None or not has_sides or method == "dlt" or len(camera.K) < 3:
        return first
    swapped = find_swapped(points_px, first.positions_m, camera, flip)
    changed = np.any(swapped, axis=0)
    if not changed.any():
        return first
    points_px = exchange_sides(points_px, swapped, flip)
    confidence = exchange_sides(confidence, swapped, flip)
    if noise is not None:
        how = replace(how, noise=_learn_noise(points_px, confidence, camera, min_confidence, noise))
    points_px, confidence = points_px[:, changed], confidence[:, changed]
    again = _triangulate(points_px, confidence, camera, how)
    return _replaced(first, again, swapped)


def _replaced(first: Triangulated, again: Triangulated, swapped: np.ndarray) -> Triangulated:
    """`first` with the frames that were done again."""
    changed = np.any(swapped, axis=0)
    for name in ("positions_m", "covariance_m2", "reason"):
        getattr(first, name)[changed] = getattr(again, name)
    for name in ("reprojection_px", "views_used"):
        getattr(first, name)[:, changed] = getattr(again, name)
    return replace(first, sides_swapped=swapped)


def _learn_noise(
    points_px: np.ndarray,
    confidence: np.ndarray,
    camera: Camera,
    min_confidence: float,
    start: DetectionNoise | None = None,
) -> DetectionNoise:
    """From frames spread over the recording."""
    _, num_frames, num_joints = confidence.shape
    stride = math.ceil(max(1, num_frames * num_joints) / _NOISE_SAMPLE)
    points = torch.from_numpy(np.nan_to_num(points_px[:, ::stride])).double()
    score = torch.from_numpy(confidence[:, ::stride]).double()
    usable_score = torch.where(score >= min_confidence, score, 0.0)
    return estimate_noise(points, usable_score, camera, num_frames, start)


def _triangulate(
    points_px: np.ndarray, confidence: np.ndarray, camera: Camera, how: Way
) -> Triangulated:
    points = torch.from_numpy(np.nan_to_num(points_px)).double()
    score = torch.from_numpy(confidence).double()
    usable_score = torch.where(score >= how.min_confidence, score, 0.0)
    frames_a_chunk = max(1, _CHUNK_POINTS // max(1, score.shape[2]))
    chunks = [
        _triangulate_chunk(*chunk, camera, how)
        for chunk in zip(
            points.split(frames_a_chunk, dim=1),
            score.split(frames_a_chunk, dim=1),
            usable_score.split(frames_a_chunk, dim=1),
            strict=True,
        )
    ]
    num_views, *shape = score.shape
    points_world, covariance, reprojection, used, reason = (
        torch.cat(parts, dim=axis)
        for parts, axis in zip(zip(*chunks, strict=True), _POINT_AXES, strict=True)
    )
    return Triangulated(
        points_world.unflatten(0, shape).numpy(),
        covariance.unflatten(0, shape).numpy(),
        reprojection.unflatten(1, shape).numpy(),
        used.unflatten(1, shape).numpy(),
        reason.unflatten(0, shape).numpy(),
        np.zeros((num_views, shape[0]), dtype=bool),
    )


_POINT_AXES = (0, 0, 1, 1, 0)  # of the five results of a chunk


def _triangulate_chunk(
    points: Tensor, score: Tensor, usable_score: Tensor, camera: Camera, how: Way
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(V, M, J, ...) -> positions, covariance, reprojection, views used, reason; points M * J."""
    points_px, observed = points.flatten(1, 2), score.flatten(1) > 0
    usable = usable_score.flatten(1) > 0
    with torch.no_grad():
        if how.network is not None:
            refined, used = by_network(points, usable_score, camera, how.network)
        elif how.noise is not None:
            refined, used = by_noise(points_px, usable_score, camera, how.noise, how.method)
        else:
            raise ValueError(f"the method {how.method!r} needs a noise model or a network")
        reason = reasons_of(refined, used, observed, usable, points_px, camera, how.method)
    ok = reason == Reason.ok
    return (
        torch.where(ok[:, None], refined.points_world, torch.nan),
        torch.where(ok[:, None, None], refined.covariance_m2, torch.nan),
        torch.where(ok & observed & refined.in_front, refined.squared_px.sqrt(), torch.nan),
        used & ok,
        reason,
    )
