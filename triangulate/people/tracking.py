"""One person over time: of several people in every frame, the one that is followed.

A person is followed from frame to frame by the place, also over a moment out of everybody's sight.
Being seen by half as many pairs of cameras as usual counts nearly as much as being seen by all, and
a change of person costs a hundred frames: of two people in front of the cameras the one who is seen
better on the whole is taken, and kept while the other is seen better for a while.
"""

from __future__ import annotations

import numpy as np

LOST_S = 0.5
"""For so long a person may be out of sight and still be known by the place."""

_CHANGE = 100.0  # what a change of person costs, in frames of a person who is seen well
_STANDING, _SPEED = 0.6, 5.0  # how far a person gets, in spreads of the joints, at once and by s
_DISTANCE = 0.2  # what the farthest step costs: of two people who meet, the nearer one goes on
_BETTER = 0.2  # what it counts to be seen better than well


def follow(
    score: np.ndarray, places_m: np.ndarray, size_m: float, time_s: np.ndarray
) -> np.ndarray:
    """Who is followed: the best sequence of hypotheses (Viterbi).

    Args:
        score: (T, H) how well the hypotheses are supported; nobody is there where it is not above
            zero.
        places_m: (T, H, 3) where they stand.
        size_m: how large a person is: the usual spread of the joints.
        time_s: (T,) growing.

    Returns:
        (T,) hypotheses, -1 in frames without the person.
    """
    num_frames, num_hypotheses = score.shape
    best = score.max(axis=1)
    if not (best > 0).any():
        return np.full(num_frames, -1)
    usual = float(np.median(best[best > 0]))
    share = score / usual
    value = np.where(score > 0, np.minimum(2 * share, 1) + _BETTER * share, -np.inf)
    total = np.full(score.shape, -np.inf)
    came_from = np.full(score.shape, -1)  # flat index of the frame and hypothesis before
    best_so_far, best_at = -np.inf, -1
    within = np.searchsorted(time_s, time_s - LOST_S)
    for t in range(num_frames):
        total[t] = value[t] + max(best_so_far - _CHANGE, 0.0)
        came_from[t] = best_at if best_so_far > _CHANGE else -1
        first = min(int(within[t]), max(t - 1, 0))
        if first < t:
            linked = total[first:t, :, None] - _step_cost(
                places_m[first:t], places_m[t], size_m, time_s[t] - time_s[first:t]
            )
            linked = linked.reshape(-1, num_hypotheses)
            origin = linked.argmax(axis=0)
            reached = linked[origin, np.arange(num_hypotheses)] + value[t]
            better = reached > total[t]
            total[t] = np.where(better, reached, total[t])
            came_from[t] = np.where(better, first * num_hypotheses + origin, came_from[t])
        if total[t].max() > best_so_far:
            best_so_far = float(total[t].max())
            best_at = t * num_hypotheses + int(total[t].argmax())
    path = np.full(num_frames, -1)
    while best_at >= 0:
        t, h = divmod(best_at, num_hypotheses)
        path[t] = h
        best_at = int(came_from[t, h])
    return path


def _step_cost(
    before_m: np.ndarray, now_m: np.ndarray, size_m: float, later_s: np.ndarray
) -> np.ndarray:
    """(K, H, 3), (H, 3), (K,) -> (K, H, H) from, to; infinite beyond what a person can walk."""
    reach_m = size_m * (_STANDING + _SPEED * later_s)[:, None, None]
    share = np.linalg.norm(before_m[:, :, None] - now_m[None, None], axis=-1) / reach_m
    return np.where(share <= 1, _DISTANCE * share**2, np.inf)
