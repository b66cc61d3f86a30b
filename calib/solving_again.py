"""Solve once more from some of the frames, in the way and from the place of a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from calib.observations import Observations
from calib.solver import solve

if TYPE_CHECKING:
    from calib.solution import Solution

BLOCKS = 8
"""Into so many stretches of time the frames are cut: neighbours say the same and stay together."""

_CARRIED = ("share", "fix", "bow", "clocks", "seed")


def solve_again(
    solution: Solution, observations: Observations, target: Any, **other: Any
) -> Solution:
    """`calib.solve` with what was asked for then, starting from the rig that came out.

    Args:
        solution: whose settings and rig are taken.
        observations: for instance of half the frames.
        target: the board, flat.
        other: arguments to have another way.
    """
    settings = {name: value for name, value in solution.settings.items() if name in _CARRIED}
    return solve(
        observations,
        target,
        **(settings | {"start": solution.rig, "reference": solution.reference} | other),
    )


def flat_target(solution: Solution) -> np.ndarray:
    """The target as it was before it was let bend, (N, 3), apart from a motion."""
    points = solution.target_m
    if not solution.settings.get("bow"):
        return points
    middle = points.mean(0)
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][2]
    return points - np.outer((points - middle) @ normal, normal)


def frame_blocks(solution: Solution) -> np.ndarray:
    """(F,) the stretch of time that each frame is of; -1 where the target has no pose."""
    placed = np.flatnonzero(np.isfinite(solution.world_from_target_translation_m[:, 0]))
    blocks = np.full(len(solution.world_from_target_translation_m), -1)
    blocks[placed] = np.arange(len(placed)) * BLOCKS // max(1, len(placed))
    return blocks
