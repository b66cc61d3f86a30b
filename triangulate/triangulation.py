"""From matched 2D keypoints to 3D poses: every point with its covariance, or with a reason."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.covariance import information_matrix
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.noise import DetectionNoise, estimate_noise
from triangulate.geometry.refine import Refined, refine
from triangulate.geometry.robust import triangulate_robust
from triangulate.geometry.threads import one_thread
from triangulate.keypoints import MIN_CONFIDENCE
from triangulate.people.sides import exchange_sides, find_swapped
from triangulate.poses import Reason

if TYPE_CHECKING:
    from triangulate.models.view_weights import ViewWeights

Method = Literal["robust", "dlt", "learned"]
METHODS = get_args(Method)

LEARNED = "learned"
"""The shipped weights of the method of that name, instead of a file."""

_SHIPPED = "view_weights"

MIN_RAY_ANGLE_DEG = 1.0
"""Rays that meet under less leave the depth open."""
_COS_MIN_RAY_ANGLE = math.cos(math.radians(MIN_RAY_ANGLE_DEG))

_CHUNK_POINTS = 4096  # a chunk's arrays stay in the processor's cache: five times as fast
_NOISE_SAMPLE = 8000  # points that the noise is learned from
_LEAST_PART = 0.05  # of the 3 that the views share, for one to count as used (leverage)


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
    how = _Way(method, noise, network, min_confidence)
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


def load_view_weights(name_or_path: str | Path = LEARNED) -> ViewWeights:
    """The network of the method "learned".

    Args:
        name_or_path: a file of weights, or "learned" for the shipped ones.

    Raises:
        InputError: there are none, or they are of another network.
    """
    from triangulate.models.view_weights import ViewWeights
    from triangulate.models.weights import load

    network = load(_SHIPPED if str(name_or_path) == LEARNED else name_or_path)
    if not isinstance(network, ViewWeights):
        raise InputError(
            f"{name_or_path}: weights of a {type(network).__name__}; view weights are expected, "
            "which go with keypoints"
        )
    return network


@dataclass(frozen=True)
class _Way:
    """How points come from views.

    Attributes:
        method: of the three.
        noise: what was learned of it from the data; None for the method "learned".
        network: of that method.
        min_confidence: observations below it are not used.
    """

    method: Method
    noise: DetectionNoise | None
    network: ViewWeights | None
    min_confidence: float


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
    points_px: np.ndarray, confidence: np.ndarray, camera: Camera, how: _Way
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
    points: Tensor, score: Tensor, usable_score: Tensor, camera: Camera, how: _Way
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(V, M, J, ...) -> positions, covariance, reprojection, views used, reason; points M * J."""
    points_px, observed = points.flatten(1, 2), score.flatten(1) > 0
    usable = usable_score.flatten(1) > 0
    with torch.no_grad():
        if how.network is not None:
            refined, used = _triangulate_learned(points, usable_score, camera, how.network)
        elif how.noise is not None:
            refined, used = _triangulate_by_noise(
                points_px, usable_score, camera, how.noise, how.method
            )
        else:
            raise ValueError(f"the method {how.method!r} needs a noise model or a network")
        reason = _reasons(refined, used, observed, usable, points_px, camera, how.method)
    ok = reason == Reason.ok
    return (
        torch.where(ok[:, None], refined.points_world, torch.nan),
        torch.where(ok[:, None, None], refined.covariance_m2, torch.nan),
        torch.where(ok & observed & refined.in_front, refined.squared_px.sqrt(), torch.nan),
        used & ok,
        reason,
    )


def _triangulate_by_noise(
    points_px: Tensor, usable_score: Tensor, camera: Camera, noise: DetectionNoise, method: Method
) -> tuple[Refined, Tensor]:
    """The methods that know how noisy a camera, a joint and a score are."""
    sigma_px, outlier_share = (values.flatten(1) for values in noise.at(usable_score))
    if method == "robust":
        usable = usable_score.flatten(1) > 0
        refined, belonging = triangulate_robust(
            points_px, camera, sigma_px, outlier_share, usable, noise.freedom
        )
        used, factor = belonging > 0.5, noise.residual_variance * noise.mean_flank
    else:
        weights = usable_score.flatten(1)
        refined, used = _triangulate_linear(points_px, camera, weights, sigma_px)
        factor = noise.residual_variance
    return replace(refined, covariance_m2=refined.covariance_m2 * factor), used


def _triangulate_learned(
    points: Tensor, usable_score: Tensor, camera: Camera, network: ViewWeights
) -> tuple[Refined, Tensor]:
    """The network sees whole moments: how the other joints of a view fit tells of this one."""
    prediction = network(points.movedim(0, 1), usable_score.movedim(0, 1), camera)
    weight = prediction.confidence.movedim(1, 0).flatten(1)
    # Where the network has no point, the linear one tells on which side of the cameras it lies.
    undistorted, valid = camera.undistort(points.flatten(1, 2))
    equal = ((usable_score.flatten(1) > 0) & valid).mT.double()
    plain, _ = triangulate_dlt(
        undistorted.movedim(0, 1), camera.projection(), equal, homogeneous_unit=math.inf
    )
    found = prediction.valid.flatten()
    points_world = torch.where(found[:, None], prediction.points_world.flatten(0, 1), plain)
    depth = camera.cam_from_world.apply(points_world)[..., 2]
    precision = weight * depth.square() / torch.linalg.det(camera.K[..., :2, :2])[:, None]
    refined = refine(points_world, points.flatten(1, 2), camera, lambda _: precision, steps=0)
    covariance = prediction.covariance.flatten(0, 1)
    used = refined.leverage_px2 * refined.precision > _LEAST_PART
    valid = refined.valid & found
    return replace(refined, covariance_m2=covariance, valid=valid), used


def _triangulate_linear(
    points_px: Tensor, camera: Camera, weights: Tensor, sigma_px: Tensor
) -> tuple[Refined, Tensor]:
    """The linear method in the distorted image's terms; the world's unit does not matter."""
    undistorted, valid = camera.undistort(points_px)
    weights = torch.where(valid, weights, 0.0)
    points_world, solved = triangulate_dlt(
        undistorted.movedim(0, 1), camera.projection(), weights.mT, homogeneous_unit=math.inf
    )
    depth = camera.cam_from_world.apply(points_world)[..., 2]
    precision = (weights * depth).square()  # the method's rows are pixels times depth
    refined = refine(points_world, points_px, camera, lambda _: precision, steps=0)
    # These are not the weights that the noise would ask for: the covariance of weighted least
    # squares with other weights is H^-1 (sum_v a_v^2 sigma_v^2 J_v^T J_v) H^-1.
    _, jacobian, _ = camera.project_with_jacobian(points_world)
    scatter = information_matrix(jacobian, (refined.precision * sigma_px).square())
    covariance = refined.covariance_m2 @ scatter @ refined.covariance_m2
    valid = refined.valid & solved
    return replace(refined, covariance_m2=covariance, valid=valid), weights > 0


def _reasons(
    refined: Refined,
    used: Tensor,
    observed: Tensor,
    usable: Tensor,
    points_px: Tensor,
    camera: Camera,
    method: Method,
) -> Tensor:
    """(N,) uint8 codes; the first that applies of those in `tests`."""
    _, rays, on_lens = camera.rays(points_px)
    cosine = torch.einsum("vni,wni->vwn", rays, rays)
    usable = usable & on_lens
    num_used, num_usable = used.sum(0), usable.sum(0)
    behind = (usable & ~refined.in_front).any(0)
    if method != "dlt":
        # Two views agree by chance more easily than three: two that contradict them outweigh it.
        contradicted = (num_used < 2) | ((num_used == 2) & (num_usable - num_used >= 2))
        behind &= num_used < 2
    else:
        contradicted = torch.zeros_like(behind)
    tests = [
        (observed.sum(0) < 2, Reason.too_few_views),
        (num_usable < 2, Reason.low_confidence),
        # Before the point is judged: where parallel rays meet, if they do, is chance.
        (_are_narrow(cosine, usable), Reason.narrow_rays),
        (behind, Reason.behind_camera),
        (contradicted, Reason.high_error),
        (_are_narrow(cosine, used), Reason.narrow_rays),
        (~refined.valid, Reason.narrow_rays),
    ]
    reason = torch.full(num_used.shape, int(Reason.ok), dtype=torch.uint8)
    for holds, code in reversed(tests):
        reason[holds] = int(code)
    return reason


def _are_narrow(cosine: Tensor, views: Tensor) -> Tensor:
    """(N,) whether all rays of some views are nearly parallel, or face each other.

    Args:
        cosine: (V, V, N) of the angle between two views' rays.
        views: (V, N) bool.
    """
    both = views[:, None] & views[None, :]
    return ~(both & (cosine.abs() < _COS_MIN_RAY_ANGLE)).flatten(0, 1).any(0)
