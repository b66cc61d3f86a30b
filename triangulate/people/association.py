"""One person across views: the one whose detections the rig agrees on.

Detectors list the people of each view in an order of their own; the loudest detection of one view
need not be the loudest of the next. Two detections show the same person where their joints lie near
each other's epipolar lines (Hartley & Zisserman, 9.2).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.threads import one_thread
from triangulate.keypoints import Keypoints2D
from triangulate.people.tracking import follow
from triangulate.rig import Rig

_REACH = 0.3
"""Epipolar distance, in spreads of the person's joints, at which they speak neither for nor against
one person: a fifth of a limb's length or so, whatever the image's size."""

_SAME_PLACE_M = 1e-6
"""Cameras nearer to each other than this have no epipolar lines."""

_CHUNK_FRAMES = 512
_SWEEPS = 2
_USUAL_FPS = 30.0


@one_thread()
def one_person(keypoints: Keypoints2D, rig: Rig) -> Keypoints2D:
    """Keep one person: in each frame, the detections that agree best with each other across views.

    Every detection seeds a hypothesis that takes the best partner in each other view; the sum of
    the pairwise agreements ranks the hypotheses, and continuity in time settles who is followed
    where several people are seen by several cameras (`tracking.follow`).

    Args:
        keypoints: with up to P people a view, cameras in the rig's order.
        rig: the calibrated cameras.

    Returns:
        The keypoints with P = 1; a view in which the person is not seen is NaN.
    """
    if keypoints.num_people <= 1:
        return keypoints
    num_frames = len(keypoints.points_px)
    chosen, score, middle, size = [], [], [], []
    for start in range(0, num_frames, _CHUNK_FRAMES):
        part = slice(start, start + _CHUNK_FRAMES)
        points = torch.from_numpy(keypoints.points_px[part]).double()
        confidence = torch.from_numpy(keypoints.confidence[part]).double()
        points = torch.where(confidence[..., None] > 0, points, 0.0)
        hypotheses, agreement = _hypotheses(points, confidence, rig.cameras)
        chosen.append(hypotheses)
        score.append(agreement)
        places, spreads = _places(points, confidence, hypotheses, rig.cameras)
        middle.append(places)
        size.append(spreads)
    scores, sizes = torch.cat(score), torch.cat(size)
    size_m = float(sizes[scores > 0].median()) if bool((scores > 0).any()) else 1.0
    time_s = np.asarray(keypoints.frames) / (keypoints.fps or _USUAL_FPS)
    best = follow(scores.numpy(), torch.cat(middle).numpy(), size_m, time_s)  # (T,)
    slots = torch.cat(chosen).numpy()[np.arange(num_frames), best]  # (T, V), -1: not seen
    slots = np.where(best[:, None] >= 0, slots, -1)
    index = np.maximum(slots, 0)[:, :, None, None]
    points_px = np.take_along_axis(keypoints.points_px, index[..., None], axis=2)
    kept = np.take_along_axis(keypoints.confidence, index, axis=2)
    return replace(
        keypoints,
        points_px=points_px,
        confidence=np.where((slots >= 0)[:, :, None, None], kept, 0),
    )


def fundamental_matrices(camera: Camera) -> Tensor:
    """F[v, w] takes an undistorted pixel of view v to its epipolar line in view w.

    Args:
        camera: with leading dim V.

    Returns:
        (V, V, 3, 3), as for baselines of length 1; zero for equal centres.
    """
    relative = camera[None, :].cam_from_world @ camera[:, None].cam_from_world.inverse()
    apart_m = relative.translation.norm(dim=-1, keepdim=True)
    baseline = relative.translation / apart_m.clamp_min(_SAME_PLACE_M)
    x, y, z = torch.where(apart_m > _SAME_PLACE_M, baseline, 0.0).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    inverse_K = torch.linalg.inv(camera.K)
    return inverse_K.mT[None, :] @ cross @ relative.rotation @ inverse_K[:, None]


def _hypotheses(points: Tensor, confidence: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Which detection each hypothesis takes, (T, H, V) with -1 for none, and its score (T, H)."""
    num_views, num_people = confidence.shape[1:3]
    affinity = _affinity(points, confidence, camera)  # (T, V, P, V, P)
    seeds = affinity.flatten(1, 2)  # (T, H, V, P)
    own_view = torch.arange(num_views).repeat_interleave(num_people)
    own_slot = torch.arange(num_people).repeat(num_views)
    chosen = torch.where(seeds.amax(-1) > 0, seeds.argmax(-1), -1)  # (T, H, V)
    hypothesis = torch.arange(len(own_view))
    present = (confidence > 0).any(-1)[:, own_view, own_slot]
    chosen[:, hypothesis, own_view] = torch.where(present, own_slot, -1)
    for _ in range(_SWEEPS):
        taken = torch.nn.functional.one_hot(chosen + 1, num_people + 1)[..., 1:].double()
        support = torch.einsum("thvp,tvpwq->thwq", taken, affinity)
        chosen = torch.where(support.amax(-1) > 0, support.argmax(-1), -1)
    taken = torch.nn.functional.one_hot(chosen + 1, num_people + 1)[..., 1:].double()
    score = 0.5 * torch.einsum("thvp,tvpwq,thwq->th", taken, affinity, taken)
    return chosen, score


def _affinity(points: Tensor, confidence: Tensor, camera: Camera) -> Tensor:
    """How well pairs of detections agree, (T, V, P, V, P); negative where they contradict."""
    num_frames, num_views, num_people, num_joints = confidence.shape
    flat = points.movedim(1, 0).reshape(num_views, -1, 2)
    undistorted, valid = camera.undistort(flat)
    pixels = undistorted.unflatten(1, (num_frames, num_people, num_joints))
    weight = confidence.movedim(1, 0) * valid.unflatten(1, (num_frames, num_people, num_joints))
    homogeneous = torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1)
    lines = torch.einsum("vwij,vtpnj->vwtpni", fundamental_matrices(camera), homogeneous)
    offset = torch.einsum("vwtpni,wtqni->vwtpqn", lines, homogeneous)
    # Sampson's distance (Hartley & Zisserman, 11.4.3), in spreads of the two people: near an
    # epipole the plain distance to the line says nothing, as the line's direction is open.
    reach2 = _REACH**2 * _spread(pixels, weight).square()  # (V, T, P)
    slope2 = lines[..., :2].square().sum(-1)  # (V, V, T, P, J)
    there = slope2[:, :, :, :, None] * reach2[None, :, :, None, :, None]
    back = slope2.transpose(0, 1)[:, :, :, None] * reach2[:, None, :, :, None, None]
    reach = there + back
    squared = offset.square() / reach.clamp_min(1e-12)
    # Without lines, as between two cameras at one place, nothing is said.
    agreement = torch.where(reach > 1e-12, 1 - 2 * squared / (squared + 1), 0.0)
    pair_weight = (weight[:, None, :, :, None] * weight[None, :, :, None, :]).sqrt()
    affinity = (pair_weight * agreement).sum(-1)  # (V, V, T, P, P)
    apart = ~torch.eye(num_views, dtype=torch.bool)
    affinity = affinity * apart[:, :, None, None, None]
    return affinity.permute(2, 0, 3, 1, 4)


def _spread(pixels: Tensor, weight: Tensor) -> Tensor:
    """Root mean square distance of a detection's joints from their middle, (V, T, P) pixels."""
    total = weight.sum(-1).clamp_min(1e-9)
    middle = (weight[..., None] * pixels).sum(-2) / total[..., None]
    squared = (pixels - middle[..., None, :]).square().sum(-1)
    return ((weight * squared).sum(-1) / total).sqrt().clamp_min(1.0)


def _places(
    points: Tensor, confidence: Tensor, chosen: Tensor, camera: Camera
) -> tuple[Tensor, Tensor]:
    """Where each hypothesis stands, (T, H, 3), and its size in metres (T, H).

    The place is the point nearest to the rays of the middles, the size the mean spread of the
    joints at that distance.
    """
    weight = confidence[..., None]
    middle = (weight * points).sum(-2) / weight.sum(-2).clamp_min(1e-9)  # (T, V, P, 2)
    num_frames, num_views, num_people, _ = middle.shape
    flat = middle.movedim(1, 0).reshape(num_views, -1, 2)
    origins, directions, valid = camera.rays(flat)
    directions = directions.unflatten(1, (num_frames, num_people))  # (V, T, P, 3)
    taken = torch.nn.functional.one_hot(chosen + 1, num_people + 1)[..., 1:].double()
    taken = taken * valid.unflatten(1, (num_frames, num_people)).movedim(0, 1)[:, None]
    across = torch.eye(3, dtype=points.dtype) - directions[..., :, None] * directions[..., None, :]
    information = torch.einsum("thvp,vtpij->thij", taken, across)
    target = torch.einsum("thvp,vtpij,vj->thi", taken, across, origins)
    damping = 1e-6 * torch.eye(3, dtype=points.dtype)
    places = torch.linalg.solve(information + damping, target[..., None])[..., 0]
    focal_px = torch.linalg.det(camera.K[:, :2, :2]).sqrt()[:, None, None]
    spread = _spread(points.movedim(0, 1), confidence.movedim(0, 1)) / focal_px  # (V, T, P)
    away_m = (places[:, :, None] - origins).norm(dim=-1)  # (T, H, V)
    size_m = torch.einsum("thvp,vtp,thv->th", taken, spread, away_m)
    return places, size_m / taken.sum((-2, -1)).clamp_min(1)
