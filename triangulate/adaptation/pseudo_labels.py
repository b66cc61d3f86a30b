"""Poses to learn from where nobody has labelled any: what all cameras, bones and time agree on.

Robust triangulation of the detections, with left and right exchanged where a view has them wrong,
gives the start and the noise model; trajectories with bones of one length and small accelerations
are fitted to the detections of all views (`triangulate.adaptation.trajectories`). A joint is kept
where its views leave it certain enough and its bones have their length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from triangulate.adaptation.trajectories import (
    BONE_FLOOR_M,
    BONE_SHARE,
    Observations,
    bone_lengths,
    fill_gaps,
    fit_trajectories,
)
from triangulate.geometry.noise import DetectionNoise, estimate_noise
from triangulate.geometry.refine import Refined, refine
from triangulate.geometry.robust import belonging
from triangulate.keypoints import MIN_CONFIDENCE, Keypoints2D
from triangulate.people.sides import exchange_sides
from triangulate.poses import Poses3D, Reason
from triangulate.rig import Rig
from triangulate.triangulation import Triangulated, triangulate_keypoints

_USUAL_FPS = 30.0  # where the rate is not known
_BONE_SIGMAS = 4.0  # a bone that is farther off tells that one of its ends is wrong


def pseudo_labels(
    person: Keypoints2D,
    rig: Rig,
    *,
    max_sigma_m: float = 0.05,
    min_confidence: float = MIN_CONFIDENCE,
) -> Poses3D:
    """Poses of one person, with covariance; `high_error` is the reason of those not to learn from.

    Args:
        person: of the rig's cameras, P = 1.
        rig: the cameras as the images show them.
        max_sigma_m: of a joint that is kept (the root of the mean variance).
        min_confidence: detections below it are not used.
    """
    flip = person.skeleton.flip_permutation()
    points_px = person.points_px[:, :, 0].swapaxes(0, 1)
    confidence = person.confidence[:, :, 0].swapaxes(0, 1)
    alone = triangulate_keypoints(
        points_px, confidence, rig.cameras, "robust", min_confidence, flip
    )
    points_px, confidence = (
        exchange_sides(each, alone.sides_swapped, flip) for each in (points_px, confidence)
    )
    usable = np.where(confidence >= min_confidence, confidence, 0.0)
    score = torch.from_numpy(usable).double()
    points = torch.from_numpy(np.nan_to_num(points_px)).double()
    noise = estimate_noise(points, score, rig.cameras)
    sigma_px, outlier_share = noise.at(score)
    seen = Observations(points, sigma_px, noise.freedom, score > 0, rig.cameras)
    start_m, ever = fill_gaps(torch.from_numpy(alone.positions_m))
    edges = [(a, b) for a, b in person.skeleton.edges if ever[a] and ever[b]]
    fitted_m, lengths_m = fit_trajectories(start_m, seen, edges, _step_s(person))
    refined, belongs = _looked_at(fitted_m, seen, outlier_share)
    kept = _kept(fitted_m, refined, noise, edges, lengths_m, max_sigma_m)
    kept &= (ever & torch.from_numpy(alone.reason == Reason.ok)).numpy()
    return _poses(person, rig, alone, fitted_m, refined, belongs, noise, kept)


def _step_s(person: Keypoints2D) -> float:
    frames = np.asarray(person.frames)
    gap = float(np.median(np.diff(frames))) if len(frames) > 1 else 1.0
    return gap / (person.fps or _USUAL_FPS)


def _looked_at(
    positions_m: Tensor, seen: Observations, outlier_share: Tensor
) -> tuple[Refined, Tensor]:
    """What the views say about positions that stay where they are, and (V, N) who belongs."""
    sigma2 = seen.sigma_px.flatten(1).square()
    observed = seen.observed.flatten(1)
    odds = (outlier_share / (1 - outlier_share)).flatten(1)

    def shows(squared_px: Tensor) -> Tensor:
        belongs = belonging(squared_px / sigma2, odds, seen.freedom)
        return torch.where(observed, belongs, 0.0)

    def weigh(squared_px: Tensor) -> Tensor:
        flanks = (seen.freedom + 2) / (seen.freedom + squared_px / sigma2)
        return shows(squared_px) * flanks / sigma2

    points_px = seen.points_px.flatten(1, 2)
    refined = refine(positions_m.flatten(0, 1), points_px, seen.camera, weigh, steps=0)
    return refined, shows(refined.squared_px) * refined.in_front


def _kept(
    positions_m: Tensor,
    refined: Refined,
    noise: DetectionNoise,
    edges: Sequence[tuple[int, int]],
    lengths_m: Tensor,
    max_sigma_m: float,
) -> np.ndarray:
    """(T, J) joints to learn from."""
    shape = positions_m.shape[:2]
    variance = refined.covariance_m2.diagonal(dim1=-2, dim2=-1).mean(-1)
    variance = variance * noise.residual_variance * noise.mean_flank
    certain = refined.valid & (variance <= max_sigma_m**2)
    kept = certain.reshape(shape).numpy().copy()
    if edges:
        sigma_m = (BONE_SHARE * lengths_m).clamp_min(BONE_FLOOR_M)
        off = (bone_lengths(positions_m, edges) - lengths_m).abs() > _BONE_SIGMAS * sigma_m
        for ends in zip(*edges, strict=True):
            wrong = np.zeros(shape, dtype=bool)
            np.logical_or.at(wrong.T, list(ends), off.numpy().T)
            kept &= ~wrong
    return kept


def _poses(
    person: Keypoints2D,
    rig: Rig,
    alone: Triangulated,
    positions_m: Tensor,
    refined: Refined,
    belongs: Tensor,
    noise: DetectionNoise,
    kept: np.ndarray,
) -> Poses3D:
    shape = positions_m.shape[:2]
    covariance = refined.covariance_m2 * (noise.residual_variance * noise.mean_flank)
    reason = np.where(kept, Reason.ok, np.maximum(alone.reason, int(Reason.high_error)))
    reason = np.where(~kept & (alone.reason != Reason.ok), alone.reason, reason)
    observed = np.isfinite(alone.reprojection_px)
    reprojection = refined.squared_px.sqrt().unflatten(1, shape).numpy()
    used = (belongs > 0.5).unflatten(1, shape).numpy() & kept
    return Poses3D(
        positions_m=np.where(kept[..., None], positions_m.numpy(), np.nan)[:, None],
        covariance_m2=np.where(
            kept[..., None, None], covariance.unflatten(0, shape).numpy(), np.nan
        )[:, None],
        reprojection_px=np.where(observed & kept, reprojection, np.nan).swapaxes(0, 1)[:, None],
        views_used=used.swapaxes(0, 1)[:, None],
        reason=reason.astype(np.uint8)[:, None],
        sides_swapped=alone.sides_swapped.T[:, None],
        skeleton=person.skeleton,
        names=rig.names,
        fps=person.fps,
        frames=person.frames,
        up_axis=rig.up_axis,
    )
