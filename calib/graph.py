"""Who sees the target with whom, and the rig that follows from it.

Each view knows where its camera stood to the target, up to the mirrored pose from which a flat
target looks nearly the same, and up to the target's own symmetries. Every combination of two
cameras' poses in one frame proposes where one camera stands to the other; the proposal that most
frames share is right. Such pairs form a graph, and a rig follows from its strongest tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array, csgraph
from torch import Tensor

from calib.groups import all_pairs_within, rank_within
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.similarity import align

MOST_FRAMES = 24
"""Frames of a pair of cameras that are compared with each other."""

_ANGLE_RAD = 0.06  # within which two proposals agree, and the part of the distance likewise
_DISTANCE = 0.06
_DOUBT = 10.0  # by which cost one of two poses becomes e times less likely


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
    rank = rank_within(group, worth)
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


def island_message(groups: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Which cameras form which island, and what to film next."""
    told = "; ".join(", ".join(names[v] for v in group) for group in groups)
    a, b = names[groups[0][0]], names[groups[1][0]]
    return (
        f"the rig falls into {len(groups)} islands that never see the target together: {told}. "
        f"Film the target where cameras of two islands see it at the same time, such as {a!r} and "
        f"{b!r}, or leave an island out with --cameras"
    )


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
    first, second = all_pairs_within(order, torch.bincount(frame), torch.ones_like(frame) > 0)
    keep = camera[first] < camera[second]
    return first[keep], second[keep]
