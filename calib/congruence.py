"""Which cameras moved: the largest set of the others that still stands as it did.

Two rigs of the same cameras differ by a motion of each (`calib.camera_motion`), known with a
covariance, and up to a motion of the world. If none moved, all differences are within what the
covariance allows. If not, the fewest cameras are looked for without which the rest is, as surveyors
do with the marks of a net (Caspary 1987, "Concepts of network and deformation analysis").
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

_ALARM = 1e-3
"""How often differences of cameras that did not move are taken for motions."""

_MOST_SETS = 5000  # of one size; beyond, the best set of the size before grows
_AS_GOOD = 9.0  # squared sigmas by which another set may be worse and still be meant


@dataclass(frozen=True)
class Congruence:
    """Which cameras moved, and by how much each did against those that did not.

    Attributes:
        moved: numbers of the cameras that moved; the first of several equally good sets.
        others: further sets of cameras of the same number that would explain it as well.
        explained: whether moved cameras explain everything; if not, too few stand as they did.
        motion: (V, 6) of every camera against those that stand.
        covariance: (V, 6, 6) of these.
        squared: squared sigmas that the motions as a whole are away from nothing.
        freedom: their degrees of freedom.
    """

    moved: tuple[int, ...]
    others: tuple[tuple[int, ...], ...]
    explained: bool
    motion: Tensor
    covariance: Tensor
    squared: float
    freedom: int


def compare(motion: Tensor, covariance: Tensor, harmless: Tensor, free_world: Tensor) -> Congruence:
    """Find the cameras that moved.

    Args:
        motion: (V, 6) from the old rig to the new one, in any world.
        covariance: (6V, 6V) of the motions, in any world.
        harmless: (6V, 6V) of motions that are borne with besides. They have a part in what counts
            as moved, not in how far.
        free_world: (6V, k) motions that mean nothing: of the world, and of its scale where neither
            rig knows it.
    """
    num_cameras = len(motion)
    information = invariant_information(covariance + harmless, free_world)
    flat = motion.flatten()
    pull = information @ flat
    total, freedom = float(flat @ pull), 6 * num_cameras - free_world.shape[1]
    best: tuple[int, ...] = ()
    accepted, others = _stand(information, pull, total, freedom, best), []
    for size in range(1, num_cameras - 1):
        if accepted:
            break
        found = [
            (total - _explained(information, pull, some), some)
            for some in _sets(num_cameras, size, best)
        ]
        found.sort()
        cost, best = found[0]
        accepted = _stand(information, pull, cost, freedom - 6 * size, best)
        others = [some for other, some in found[1:] if other < cost + _AS_GOOD]
        others = [some for some in others if accepted]
    if not accepted:
        best = ()
    known = invariant_information(covariance, free_world)
    each = [_against(known, known @ flat, best, v) for v in range(num_cameras)]
    return Congruence(
        moved=tuple(sorted(best)),
        others=tuple(tuple(sorted(some)) for some in others),
        explained=accepted,
        motion=torch.stack([moved for moved, _ in each]),
        covariance=torch.stack([spread for _, spread in each]),
        squared=total,
        freedom=freedom,
    )


def invariant_information(covariance: Tensor, free_world: Tensor) -> Tensor:
    """The inverse of a covariance on all that a motion of the world leaves, (6V, 6V)."""
    scale = covariance.diagonal().clamp_min(1e-30).sqrt()  # radians and metres alike
    unit = covariance / scale[:, None] / scale
    meaningless = free_world / scale[:, None]
    whole, _, _ = torch.linalg.svd(meaningless, full_matrices=True)
    kept = whole[:, free_world.shape[1] :]
    inverse = torch.linalg.inv(kept.mT @ unit @ kept)
    return kept @ inverse @ kept.mT / scale[:, None] / scale


def _sets(count: int, size: int, before: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All sets of cameras, or where these are too many those that hold the best one so far."""
    if math.comb(count, size) <= _MOST_SETS:
        yield from combinations(range(count), size)
    else:
        yield from ((*before, v) for v in range(count) if v not in before)


def _explained(information: Tensor, pull: Tensor, some: tuple[int, ...]) -> float:
    """By how much motions of some cameras lower the squared sigmas."""
    own = _columns(some)
    block = information[own][:, own]
    return float(pull[own] @ torch.linalg.solve(block, pull[own]))


def _against(
    information: Tensor, pull: Tensor, moved: tuple[int, ...], view: int
) -> tuple[Tensor, Tensor]:
    """A camera's motion against those that stand, (6,), and its covariance (6, 6)."""
    some = moved if view in moved else (*moved, view)
    own = _columns(some)
    spread = torch.linalg.inv(information[own][:, own])
    at = 6 * some.index(view)
    return (spread @ pull[own])[at : at + 6], spread[at : at + 6, at : at + 6]


def _columns(some: tuple[int, ...]) -> Tensor:
    return (6 * torch.tensor(some)[:, None] + torch.arange(6)).flatten()


def _stand(
    information: Tensor, pull: Tensor, squared: float, freedom: int, moved: tuple[int, ...]
) -> bool:
    """Whether the cameras that are not taken to have moved stand as they did.

    All of them together, and each against the others: a single motion shows better by itself.
    """
    from scipy.stats import chi2

    if freedom > 0 and chi2.sf(squared, freedom) < _ALARM:
        return False
    others = [v for v in range(len(pull) // 6) if v not in moved]
    if len(others) < 3:  # of two, each moves against the other
        return True
    already = _explained(information, pull, moved) if moved else 0.0
    most = max(_explained(information, pull, (*moved, v)) for v in others) - already
    return bool(len(others) * chi2.sf(most, 6) >= _ALARM)
