"""The estimators that learned view weights are measured beside."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.models.view_weights import ViewWeights
from triangulate.triangulation import triangulate_keypoints

Estimator = Callable[[Tensor, Tensor, Camera], Tensor]
"""(B, V, J, 2) pixels (NaN: not seen), (B, V, J) scores, cameras (B, V) or (V,) -> (B, J, 3)
points, NaN where there is none."""

INLIER_SHARE = 0.05  # of the person's size in the view


def estimators(network: ViewWeights) -> dict[str, Estimator]:
    """By name, the learned one last."""
    return {
        "dlt": lambda points, score, cameras: weighted(points, (score > 0).double(), cameras),
        "score": weighted,
        "score^2": lambda points, score, cameras: weighted(points, score.square(), cameras),
        "ransac": ransac,
        "irls": irls,
        "robust": robust,
        "learned": lambda points, score, cameras: learned(network, points, score, cameras),
    }


def weighted(points_px: Tensor, score: Tensor, cameras: Camera) -> Tensor:
    """DLT of rows that have unit length, times the scores."""
    pixels, seen, projections = _prepared(points_px, score, cameras)
    rows = _row_lengths(pixels, projections)
    return _solve(pixels, projections, score * seen / rows)


def ransac(points_px: Tensor, score: Tensor, cameras: Camera) -> Tensor:
    """Every pair of views; the one that most views agree with; DLT on those."""
    pixels, seen, projections = _prepared(points_px, score, cameras)
    reach = INLIER_SHARE * _size(points_px)
    rows = _row_lengths(pixels, projections)
    best = torch.full(seen[:, 0].shape, -1.0, dtype=pixels.dtype)
    inliers = torch.zeros_like(seen)
    for pair in combinations(range(seen.shape[1]), 2):
        chosen = torch.zeros_like(seen)
        chosen[:, list(pair)] = seen[:, list(pair)]
        points = _solve(pixels, projections, chosen / rows)
        off = _distance(points, points_px, cameras)
        agree = ((off < reach) & (seen > 0)).double()
        agree = torch.maximum(agree, chosen)  # the pair itself is in, whatever it says
        known = torch.isfinite(points[..., 0])
        # Of pairs with equally many, the one that lies nearest to all.
        rank = agree.sum(1) - (off.clamp_max(1e3) * agree).sum(1) / (1e4 * seen.shape[1])
        better = known & (rank > best)
        best = torch.where(better, rank, best)
        inliers = torch.where(better[:, None], agree, inliers)
    return _solve(pixels, projections, inliers / rows)


def irls(points_px: Tensor, score: Tensor, cameras: Camera, rounds: int = 20) -> Tensor:
    """DLT, weighted anew by how far the views are off (Cauchy, scale by the scene's median)."""
    pixels, seen, projections = _prepared(points_px, score, cameras)
    rows = _row_lengths(pixels, projections)
    weights = seen
    points = _solve(pixels, projections, weights / rows)
    for _ in range(rounds):
        off = _distance(points, points_px, cameras)
        off = torch.where((seen > 0) & off.isfinite(), off, torch.nan)
        scale = 1.4826 * off.flatten(1).nanmedian(1).values.clamp_min(1e-3)[:, None, None]
        weights = torch.where(off.isnan(), 0.0, 1 / (1 + (off / scale).square()))
        points = _solve(pixels, projections, weights.sqrt() / rows)
    return points


def robust(points_px: Tensor, score: Tensor, cameras: Camera) -> Tensor:
    """The method "robust" of the program; where all scenes share a rig, they are one recording.

    It finds no point where views contradict each other: there the weighted one stands in.
    """
    if cameras.K.ndim == 3:
        result = triangulate_keypoints(
            points_px.movedim(1, 0).numpy(), score.movedim(1, 0).numpy(), cameras, "robust", 0.0
        )
        found = torch.from_numpy(result.positions_m)
    else:
        found = torch.cat(
            [
                robust(points_px[b : b + 1], score[b : b + 1], cameras[b])
                for b in range(len(points_px))
            ]
        )
    return torch.where(found.isnan(), weighted(points_px, score, cameras), found)


@torch.no_grad()
def learned(network: ViewWeights, points_px: Tensor, score: Tensor, cameras: Camera) -> Tensor:
    """The network's points."""
    prediction = network(points_px, score, cameras)
    return torch.where(prediction.valid[..., None], prediction.points_world, torch.nan)


def _prepared(points_px: Tensor, score: Tensor, cameras: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Undistorted pixels, 1 where seen, and projections (B or 1, V, 3, 4)."""
    seen = (torch.isfinite(points_px).all(-1) & (score > 0)).double()
    given = torch.where(seen[..., None] > 0, points_px, 0.0).double()
    pixels, _ = cameras.undistort(given)
    projections = cameras.projection()
    return pixels, seen, projections if projections.ndim == 4 else projections[None]


def _row_lengths(pixels: Tensor, projections: Tensor) -> Tensor:
    """(B, V, J): root mean square length of the two rows of each observation."""
    rows = [
        pixels[..., k, None] * projections[..., None, 2, :] - projections[..., None, k, :]
        for k in range(2)
    ]
    return torch.stack(rows).square().sum(-1).mean(0).sqrt()


def _solve(pixels: Tensor, projections: Tensor, weights: Tensor) -> Tensor:
    points, valid = triangulate_dlt(
        pixels.movedim(2, 1), projections[:, None], weights.movedim(2, 1), math.inf
    )
    return torch.where(valid[..., None], points, torch.nan)


def _distance(points_world: Tensor, points_px: Tensor, cameras: Camera) -> Tensor:
    """(B, V, J) pixels; infinite behind the camera."""
    by_scene = cameras if cameras.K.ndim == 4 else cameras[None]
    projected, in_front = by_scene.project(points_world.nan_to_num(0.0)[:, None])
    off = (projected - points_px).norm(dim=-1)
    return torch.where(in_front & points_world.isfinite().all(-1)[:, None], off, torch.inf)


def _size(points_px: Tensor) -> Tensor:
    """(B, V, 1) pixels."""
    low = torch.where(points_px.isnan(), torch.inf, points_px).amin(2)
    high = torch.where(points_px.isnan(), -torch.inf, points_px).amax(2)
    return (high - low).amax(-1)[..., None].clamp_min(0)
