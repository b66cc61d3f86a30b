"""What a board shows of a rig's cameras: their poses found anew, their lenses held."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from calib.observations import Observations
from calib.rig_difference import Difference, left_out, old_covariance, solution_covariance
from calib.solution import Solution
from calib.solver import solve
from triangulate.errors import InputError
from triangulate.rig import Rig

_LEAST_SHARED = 3  # frames of a board that two cameras must share
_LEAST_POINTS = 4
_HARMLESS = 0.5  # sigmas of a corner: lenses and boards that are a little off do as much
_HELD = ("aspect", "principal_point", "distortion")
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
    seen = observations.select(names)
    rig = before.select(names)
    found = solve(seen, target, start=rig, fix="intrinsics")
    found, zoom, zoom_sigma = _with_zoom(found, rig, target)
    covariance = solution_covariance(found, names)
    old, note = old_covariance(covariance, solution, names)
    view, frame, corner = np.nonzero(found.inliers)
    points_world = torch.from_numpy(found.target_points_world[frame, corner])
    centre = found.rig.cameras.centre_world
    return Difference(
        names=names,
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
        notes=(*left_out(before, names), note),
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


def _with_zoom(
    found: Solution, rig: Rig, target: Any
) -> tuple[Solution, np.ndarray, np.ndarray]:
    """The solution with the focal lengths free that plainly changed, and by what part they did."""
    free = solve(found.observations, target, start=rig, fix=_HELD)
    growth, sigma = _growth(free, rig)
    # The old focal lengths are taken to be as uncertain as the new ones.
    changed = np.abs(growth) > np.maximum(_SURE * np.sqrt(2) * sigma, _LEAST_ZOOM)
    if not changed.any():
        return found, np.zeros(len(rig)), sigma
    fix = {name: list(_HELD) if own else ["intrinsics"] for name, own in zip(rig.names, changed)}
    found = solve(found.observations, target, start=rig, fix=fix)
    growth, sigma = _growth(found, rig)
    return found, np.where(changed, growth, 0.0), sigma


def _growth(solution: Solution, rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """(V,) relative growth of the focal lengths, and its deviation."""
    known = {
        camera: (value, sigma)
        for (camera, name), value, sigma in zip(
            solution.parameters, solution.values, solution.sigmas, strict=True
        )
        if name == "fx"
    }
    before = rig.cameras.K[:, 0, 0].numpy()
    values, sigmas = np.array([known[name] for name in rig.names]).T
    return values / before - 1, sigmas / before
