"""What a board shows of a rig's cameras: their poses found anew, their lenses held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calib.observations import Observations
from calib.old_uncertainty import (
    lens_parameters,
    lens_slope,
    old_covariance,
    pose_covariance,
)
from calib.rig_difference import Difference
from calib.solution import Solution
from calib.solver import solve
from triangulate.errors import InputError
from triangulate.rig import Rig

_LEAST_SHARED = 3  # frames of a board that two cameras must share
_LEAST_POINTS = 4
_HARMLESS = 0.5  # sigmas of a corner: lenses and boards that are a little off do as much
_LENS, _ALL = ("aspect", "principal_point", "distortion"), ("intrinsics",)
_SURE, _LEAST_ZOOM = 5.0, 0.005


def board_difference(
    before: Rig, observations: Observations, target: Any, solution: Solution | None
) -> Difference:
    """What a board shows of the cameras.

    Args:
        before: the rig as it was.
        observations: of the board.
        target: its points, see `calib.solver.solve`.
        solution: where the rig comes from, if that is known.
    """
    names = _linked(before, observations)
    seen, rig = observations.select(names), before.select(names)
    free = _freely_solved(seen, target, rig)
    zoom, zoom_sigma = _zoom(free, rig, solution)
    fix = {name: list(_LENS if grown else _ALL) for name, grown in zip(names, zoom, strict=True)}
    found = solve(seen, target, start=rig, fix=fix)
    covariance = pose_covariance(found, names)
    old, note = _old(covariance, free, solution, names, zoom)
    view, frame, corner = np.nonzero(found.inliers)
    points_world = torch.from_numpy(found.target_points_world[frame, corner])
    centre = found.rig.cameras.centre_world
    return Difference(
        names=names,
        old=rig,
        rig=found.rig,
        new_covariance=covariance,
        old_covariance=old,
        scale_free=False,
        away_m=float((points_world.median(0).values - centre).norm(dim=-1).median()),
        view=torch.from_numpy(view),
        points_px=torch.from_numpy(found.observations.points_px[view, frame, corner]),
        points_world=points_world,
        sigma_px=torch.from_numpy(found.sigma_px),
        harmless=_HARMLESS,
        zoom=zoom,
        zoom_sigma=zoom_sigma,
        notes=(*_left_out(before, names), note),
    )


def _linked(before: Rig, observations: Observations) -> tuple[str, ...]:
    """The largest part of the cameras that are joined by frames in which two of them see the board.

    Raises:
        InputError: cameras that the rig does not have, or fewer than two joined ones.
    """
    unknown = [name for name in observations.names if name not in before.names]
    if unknown:
        raise InputError(
            f"the rig has no camera {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(before.names)}: name the videos after its cameras, or leave those out "
            "(--cameras)"
        )
    sees = (observations.seen.sum(-1) >= _LEAST_POINTS).astype(int)
    joined = (sees @ sees.T >= _LEAST_SHARED) | np.eye(len(sees), dtype=bool)
    for _ in range(len(sees)):
        joined = (joined.astype(int) @ joined.astype(int)) > 0
    group = joined[int(joined.sum(-1).argmax())]
    names = tuple(name for name in before.names if name in observations.names)
    kept = {name for name, some in zip(observations.names, group, strict=True) if some}
    if len(kept) < 2:
        raise InputError(
            f"no two cameras see the board together in {_LEAST_SHARED} frames: film it where "
            "cameras see it at the same time"
        )
    return tuple(name for name in names if name in kept)


def _freely_solved(seen: Observations, target: Any, rig: Rig) -> Solution | None:
    """What the recording says of poses and lenses together; None where that is too little."""
    try:
        return solve(seen, target, start=rig)
    except InputError:
        return None


def _zoom(
    free: Solution | None, rig: Rig, solution: Solution | None
) -> tuple[np.ndarray, np.ndarray]:
    """By what part the focal lengths grew that plainly changed (V,), 0 otherwise; deviations.

    An old focal length of which nothing is known is taken to be as uncertain as the new one.
    """
    if free is None:
        return np.zeros(len(rig)), np.full(len(rig), np.nan)
    before = rig.cameras.K[:, 0, 0].numpy()
    values, sigmas = _focals(free, rig)
    _, old_sigmas = _focals(solution or free, rig)
    growth, sigma = values / before - 1, np.hypot(sigmas, old_sigmas) / before
    changed = np.abs(growth) > np.maximum(_SURE * sigma, _LEAST_ZOOM)
    return np.where(changed, growth, 0.0), sigma


def _focals(solution: Solution, rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """The focal lengths (V,) of a rig's cameras, and their deviations."""
    numbers = [solution.parameters.index((name, "fx")) for name in rig.names]
    return solution.values[numbers], solution.sigmas[numbers]


def _old(
    new: Tensor,
    free: Solution | None,
    solution: Solution | None,
    names: Sequence[str],
    zoom: np.ndarray,
) -> tuple[Tensor, str]:
    """What the old rig's errors add to the covariance of the motions, and where that comes from.

    Args:
        new: (6V, 6V) of the new poses, lenses held.
        free: the new recording's solution with free lenses.
        solution: of the old rig, where there is one.
        names: V cameras.
        zoom: (V,) not zero where the lens is another one now.
    """
    if solution is None or free is None:
        return new, "the old rig is taken to be as uncertain as this recording leaves the new one"
    kept = [name for name, grown in zip(names, zoom, strict=True) if grown == 0]
    lens = lens_parameters(free, kept)
    slope = lens_slope(free, names, lens)
    return old_covariance(solution, names, lens, slope), "the old rig is as uncertain as it says"


def _left_out(before: Rig, names: Sequence[str]) -> list[str]:
    """Which cameras the recording says nothing of."""
    others = [name for name in before.names if name not in names]
    if not others:
        return []
    return [f"not checked, as the recording does not join them to the others: {', '.join(others)}"]
