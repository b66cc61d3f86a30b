"""Who sees the target with whom, and the rig that follows from it.

Each view knows where its camera stood to the target, up to the mirrored pose from which a flat
target looks nearly the same, and up to the target's own symmetries. Every combination of two
cameras' poses in one frame proposes where one camera stands to the other; the proposal that most
frames share is right. Such pairs form a graph, and a rig follows from its strongest tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import coo_array, csgraph
from torch import Tensor

from calib.bundle import State, Target, Views, cauchy
from calib.poses import pose_costs, refine_poses
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.similarity import align

MOST_FRAMES = 24
"""Frames of a pair of cameras that are compared with each other."""

_ANGLE_RAD = 0.06  # within which two proposals agree, and the part of the distance likewise
_DISTANCE = 0.06
_DOUBT = 10.0  # by which cost one of two poses becomes e times less likely
_CLOSE_PX = 4.0  # scale of the loss by which a target pose is chosen


@dataclass(frozen=True)
class Candidates:
    """The poses that each of M views allows, K = 2 S of them.

    Attributes:
        cam_from_target: (M, K).
        trust: (M, K) how likely each is by its own view, 1 for the best.
    """

    cam_from_target: Rigid
    trust: Tensor


@dataclass(frozen=True)
class Links:
    """Pairs of cameras that saw the target at the same time.

    Attributes:
        cameras: (G, 2).
        frames: (G,) how many frames they share.
        votes: (G,) how many of the frames looked at agree on one relative pose.
        b_from_a: (G) that pose.
    """

    cameras: Tensor
    frames: Tensor
    votes: Tensor
    b_from_a: Rigid


def symmetry_turns(points: Tensor, symmetries: Tensor) -> Rigid:
    """The motions of a target under which it looks the same: x_n -> x_symmetry(n), (S)."""
    found, _ = align(points.expand(len(symmetries), -1, -1), points[symmetries], with_scale=False)
    return Rigid(found.rotation, found.translation)


def candidates(
    best: Rigid, mirrored: Rigid, costs: tuple[Tensor, Tensor], turns: Rigid
) -> Candidates:
    """Both poses of each view, under each of the target's symmetries.

    A point that a view calls n may be the target's point symmetry(n): the pose then follows the
    target's motion backwards.

    Args:
        best: (M).
        mirrored: (M).
        costs: (M,) of both, in the view itself.
        turns: (S), see `symmetry_turns`.
    """
    both = Rigid(
        torch.stack([best.rotation, mirrored.rotation], dim=1),
        torch.stack([best.translation, mirrored.translation], dim=1),
    )
    turned = both[:, None] @ turns.inverse()[:, None]  # (M, S, 2)
    flat = turned.map(lambda tensor: tensor.flatten(1, 2))
    cost = torch.stack(costs, dim=-1)  # (M, 2)
    # The noise is not well known yet: a clear difference in cost counts, a small one does not.
    trust = torch.exp(-(cost - cost.amin(-1, keepdim=True)) / _DOUBT)
    return Candidates(flat, trust.repeat(1, len(turns.translation)))


def link_cameras(
    found: Candidates, camera: Tensor, frame: Tensor, quality: Tensor, generator: torch.Generator
) -> Links:
    """Find the relative pose of every pair of cameras that share frames.

    Args:
        found: candidates of the M views.
        camera: (M,).
        frame: (M,).
        quality: (M,) views to prefer where a pair shares many frames.
        generator: settles ties.
    """
    first, second = _same_frame(camera, frame)
    pair_of = camera[first] * (int(camera.max()) + 1) + camera[second]
    pairs, group = pair_of.unique(return_inverse=True)
    worth = torch.minimum(quality[first], quality[second])
    worth = worth + 1e-3 * torch.rand(len(worth), generator=generator, dtype=worth.dtype)
    rank = _rank_within(group, worth)
    chosen = rank < MOST_FRAMES
    slot = torch.full((len(pairs), MOST_FRAMES), -1)
    slot[group[chosen], rank[chosen]] = torch.arange(len(first))[chosen]
    used = slot >= 0
    at = slot.clamp_min(0)
    # The numbering of one of the two may be taken as it is.
    a = found.cam_from_target[:, :2][first[at]][:, :, :, None]  # (G, I, 2, 1)
    b = found.cam_from_target[second[at]][:, :, None]  # (G, I, 1, K)
    b_from_a = (b @ a.inverse()).map(lambda tensor: tensor.flatten(2, 3))  # (G, I, H)
    reach = 0.5 * (a.translation.norm(dim=-1) + b.translation.norm(dim=-1)).flatten(2, 3)
    trust_a, trust_b = found.trust[:, :2][first[at]], found.trust[second[at]]
    trust = (trust_a[:, :, :, None] * trust_b[:, :, None]).flatten(2, 3) * used[..., None]
    votes, agreed = _vote(b_from_a, reach, trust)
    size = int(camera.max()) + 1
    cameras = torch.stack([pairs // size, pairs % size], dim=-1)
    return Links(cameras, torch.bincount(group), votes, agreed)


def islands(links: Links, num_cameras: int) -> list[list[int]]:
    """The groups of cameras that links hold together, the largest first."""
    graph = coo_array(
        (np.ones(len(links.cameras)), links.cameras.numpy().T), shape=(num_cameras, num_cameras)
    )
    _, label = csgraph.connected_components(graph, directed=False)
    groups = [np.flatnonzero(label == i).tolist() for i in range(label.max() + 1)]
    return sorted(groups, key=len, reverse=True)


def place_cameras(links: Links, num_cameras: int, reference: int) -> Rigid:
    """cam_from_reference of every camera, along the tree of the pairs that most frames agree on."""
    weight = 1 / links.votes.clamp_min(1e-3).numpy()
    rows, columns = links.cameras.numpy().T
    shape = (num_cameras, num_cameras)
    tree = csgraph.minimum_spanning_tree(coo_array((weight, (rows, columns)), shape=shape).tocsr())
    order, parent = csgraph.breadth_first_order(tree, reference, directed=False)
    number = {(a, b): g for g, (a, b) in enumerate(links.cameras.tolist())}
    rotation = torch.eye(3, dtype=torch.float64).repeat(num_cameras, 1, 1)
    translation = torch.zeros(num_cameras, 3, dtype=torch.float64)
    for child in order[1:].tolist():  # each stands on the one before
        above = int(parent[child])
        link = number.get((above, child))
        if link is not None:
            child_from_above = links.b_from_a[link]
        else:
            child_from_above = links.b_from_a[number[child, above]].inverse()
        pose = child_from_above @ Rigid(rotation[above], translation[above])
        rotation[child], translation[child] = pose.rotation, pose.translation
    return Rigid(rotation, translation)


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
    proposers, judges = _all_pairs_within(order, size, usable)
    cost, numbering = _judged(state, target, views, proposed, symmetries, proposers, judges)
    total = cost.new_zeros(len(order), cost.shape[1]).index_add_(0, proposers, cost)
    total = torch.where(usable[:, None], total, torch.inf)
    least, best = total.min(-1)
    rank = _rank_within(views.target, -least)
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
    proposers, judges = _all_pairs_within(order, size, doubtful)
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
    first = _rank_within(frame, -cost) == 0
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


def island_message(groups: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Which cameras form which island, and what to film next."""
    told = "; ".join(", ".join(names[v] for v in group) for group in groups)
    a, b = names[groups[0][0]], names[groups[1][0]]
    return (
        f"the rig falls into {len(groups)} islands that never see the target together: {told}. "
        f"Film the target where cameras of two islands see it at the same time, such as {a!r} and "
        f"{b!r}, or leave an island out with --cameras"
    )


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


def _vote(b_from_a: Rigid, reach: Tensor, trust: Tensor) -> tuple[Tensor, Rigid]:
    """The relative pose that most frames propose, (G) votes and poses.

    Args:
        b_from_a: (G, I, H) proposals, H a frame.
        reach: (G, I, H) distances to the target.
        trust: (G, I, H) how likely each is by the views alone; 0 where there is no frame.
    """
    groups, frames, kinds = reach.shape
    flat = b_from_a.map(lambda tensor: tensor.flatten(1, 2))  # (G, I H)
    rotation = flat.rotation.flatten(-2)
    cosine = ((rotation @ rotation.mT - 1) / 2).clamp(-1, 1)
    apart = torch.cdist(flat.translation, flat.translation) / reach.flatten(1)[:, None]
    off2 = (torch.acos(cosine) / _ANGLE_RAD).square() + (apart / _DISTANCE).square()
    off2 = off2.unflatten(2, (frames, kinds))  # (G, I H, I, H)
    support, which = (torch.exp(-0.5 * off2) * trust[:, None]).max(-1)  # (G, I H, I)
    score = support.sum(-1)
    best = score.argmax(-1)
    rows = torch.arange(groups)
    weight = support[rows, best]  # (G, I)
    member = torch.arange(frames) * kinds + which[rows, best]
    chosen = flat[rows[:, None], member]
    mean = (weight[..., None, None] * chosen.rotation).sum(1)
    left, _, right = torch.linalg.svd(mean)
    sign = torch.det(left @ right)
    left = torch.cat([left[..., :2], left[..., 2:] * sign[:, None, None]], dim=-1)
    shift = (weight[..., None] * chosen.translation).sum(1) / weight.sum(1)[:, None]
    return score[rows, best], Rigid(left @ right, shift)


def _same_frame(camera: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of views of one frame, the camera with the lower number first."""
    order = torch.argsort(frame, stable=True)
    first, second = _all_pairs_within(order, torch.bincount(frame), torch.ones_like(frame) > 0)
    keep = camera[first] < camera[second]
    return first[keep], second[keep]


def _all_pairs_within(order: Tensor, size: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs (i, j), i usable, of members of one group; `order` lists the groups in turn."""
    size_of = size.repeat_interleave(size)  # of the group of each in `order`
    begin = (size.cumsum(0) - size).repeat_interleave(size)
    first = order.repeat_interleave(size_of)
    place = torch.arange(len(first)) - (size_of.cumsum(0) - size_of).repeat_interleave(size_of)
    second = order[begin.repeat_interleave(size_of) + place]
    keep = usable[first]
    return first[keep], second[keep]


def _rank_within(group: Tensor, worth: Tensor) -> Tensor:
    """The place of each member of a group by worth, 0 the best."""
    by_worth = torch.argsort(worth, descending=True, stable=True)
    order = by_worth[torch.argsort(group[by_worth], stable=True)]
    size = torch.bincount(group)
    begin = (size.cumsum(0) - size)[group[order]]
    rank = torch.empty_like(group)
    rank[order] = torch.arange(len(group)) - begin
    return rank
