"""Where the target was in each frame: the candidate that all views of the frame agree with best."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from calib.graph import Candidates
from calib.groups import all_pairs_within, rank_within
from calib.losses import cauchy
from calib.poses import pose_costs, refine_poses
from calib.unknowns import State, Target, Views
from triangulate.geometry.rigid import Rigid

_CLOSE_PX = 4.0  # scale of the loss by which a target pose is chosen


def place_targets(
    state: State,
    target: Target,
    views: Views,
    found: Candidates,
    symmetries: Tensor,
    usable: Tensor,
) -> tuple[State, Tensor, Tensor]:
    """Choose, for each frame, the candidate pose that all its views agree with best.

    Args:
        state: the cameras; its target poses are replaced.
        target: the points.
        views: what was observed.
        found: candidates of the views.
        symmetries: (S, N).
        usable: (M,) views whose candidates count.

    Returns:
        The state, (F,) whether a frame has a pose, and (M,) the numbering of each view's points.
    """
    num_frames = len(state.world_from_target.translation)
    world_from_cam = state.cam_from_world.inverse()[views.camera]
    proposed = world_from_cam[:, None] @ found.cam_from_target  # (M, K)
    order = torch.argsort(views.target, stable=True)
    size = torch.bincount(views.target, minlength=num_frames)
    proposers, judges = all_pairs_within(order, size, usable)
    cost, numbering = _judged(state, target, views, proposed, symmetries, proposers, judges)
    total = cost.new_zeros(len(order), cost.shape[1]).index_add_(0, proposers, cost)
    total = torch.where(usable[:, None], total, torch.inf)
    least, best = total.min(-1)
    rank = rank_within(views.target, -least)
    winner = torch.full((num_frames,), -1)
    winner[views.target[rank == 0]] = torch.arange(len(order))[rank == 0]
    placed = (winner >= 0) & torch.isfinite(least[winner.clamp_min(0)])
    at = winner.clamp_min(0)
    poses = proposed[at, best[at]]
    chosen = placed[views.target[judges]] & (winner[views.target[judges]] == proposers)
    of_view = torch.zeros(len(order), dtype=torch.int64)
    of_view[judges[chosen]] = numbering[chosen, best[proposers[chosen]]]
    return replace(state, world_from_target=poses), placed, of_view


def reconsidered(
    state: State,
    target: Target,
    views: Views,
    found: Candidates,
    frames: Tensor,
    usable: Tensor,
    sigma_px: Tensor,
) -> tuple[State, int]:
    """Try every candidate again in some frames, refined in the rig as it is now.

    Args:
        state: the cameras and the target poses so far.
        target: the points.
        views: what was observed, in the target's numbering.
        found: candidates of the views.
        frames: (F,) bool, whose poses are in doubt.
        usable: (M,) views whose candidates count.
        sigma_px: (V,) scale of the loss.

    Returns:
        The state, and how many poses another candidate took over.
    """
    order = torch.argsort(views.target, stable=True)
    size = torch.bincount(views.target, minlength=len(frames))
    doubtful = usable & frames[views.target]
    proposers, judges = all_pairs_within(order, size, doubtful)
    if not len(proposers):
        return state, 0
    own, place = proposers.unique(return_inverse=True)
    kinds = found.trust.shape[1]
    poses = state.cam_from_world.inverse()[views.camera[own]][:, None] @ found.cam_from_target[own]
    tried = replace(state, world_from_target=poses.map(lambda tensor: tensor.flatten(0, 1)))
    repeated = judges.repeat_interleave(kinds)
    trials = Views(
        views.points_px[repeated],
        views.weights[repeated],
        views.camera[repeated],
        (place[:, None] * kinds + torch.arange(kinds)).flatten(),
    )
    tried, cost = refine_poses(tried, target, trials, sigma_px, steps=10)
    before = pose_costs(state, target, views, sigma_px)
    frame = views.target[own].repeat_interleave(kinds)
    first = rank_within(frame, -cost) == 0
    better = first & (cost < before[frame] * (1 - 1e-3))
    rotation = state.world_from_target.rotation.clone()
    translation = state.world_from_target.translation.clone()
    rotation[frame[better]] = tried.world_from_target.rotation[better]
    translation[frame[better]] = tried.world_from_target.translation[better]
    return replace(state, world_from_target=Rigid(rotation, translation)), int(better.sum())


def renumbered(views: Views, symmetries: Tensor, numbering: Tensor) -> Views:
    """The views with their points in the target's order: what a view calls n is symmetry(n)."""
    order = symmetries[numbering].argsort(-1)  # (M, N), the inverse permutation
    points = torch.gather(views.points_px, 1, order[..., None].expand(-1, -1, 2))
    return replace(views, points_px=points, weights=torch.gather(views.weights, 1, order))


def _judged(
    state: State,
    target: Target,
    views: Views,
    proposed: Rigid,
    symmetries: Tensor,
    proposers: Tensor,
    judges: Tensor,
) -> tuple[Tensor, Tensor]:
    """What view `judges[p]` thinks of each candidate of `proposers[p]`.

    Returns:
        (P, K) costs, and how the view numbers its points if that candidate is right.
    """
    camera = state.cameras()[views.camera[judges]]
    cam_from_target = camera.cam_from_world[:, None] @ proposed[proposers]
    spread = camera.map(lambda tensor: tensor[:, None])
    predicted, in_front = replace(spread, cam_from_world=cam_from_target).project(target.points)
    by_symmetry = []
    for order in symmetries:  # one or two, at most four
        error2 = (predicted[..., order, :] - views.points_px[judges][:, None]).square().sum(-1)
        error2 = torch.where(in_front[..., order], error2, 1e6)
        loss = cauchy(error2 / _CLOSE_PX**2)[0] * (views.weights[judges][:, None] > 0)
        by_symmetry.append(loss.sum(-1))
    cost, numbering = torch.stack(by_symmetry).min(0)
    return cost, numbering
