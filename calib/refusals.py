"""Observations that cannot make a rig: what is wrong, and what to film or to correct."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from calib.intrinsics import MIN_POINTS, Start
from calib.noise import CUTOFF
from calib.observations import Observations
from calib.problem import Problem
from calib.projection import residuals
from calib.refinement import Refined
from calib.solution import Solution
from triangulate.errors import InputError

_MIN_VIEWS = 3  # to find a lens
_MOST_ALONE = 0.01  # of the image's longer side, median residual of a camera by itself
_MOST_REJECTED = 0.5
_OPEN_FOCAL = 0.1


def check_seen(observations: Observations) -> None:
    """Every camera must have seen the target, and in more than one frame."""
    seen = observations.seen
    blind = [name for name, own in zip(observations.names, seen, strict=True) if not own.any()]
    if blind:
        raise InputError(
            f"camera {', '.join(map(repr, blind))} never sees the target: film it there, or leave "
            "the camera out with --cameras"
        )
    frames = int(seen.any((0, 2)).sum())
    if frames < 2:
        raise InputError(
            "the target is seen in one frame only: film it in many places and turned every way"
        )


def check_usable(observations: Observations, problem: Problem, alone: Start) -> None:
    """Every camera needs views that show the target whole enough."""
    camera = problem.views.camera[alone.usable]
    counts = torch.bincount(camera, minlength=len(problem.names))
    for v, name in enumerate(problem.names):
        needed = 1 if bool(problem.known[v]) else _MIN_VIEWS
        if int(counts[v]) < needed:
            frames = int(observations.seen[v].any(-1).sum())
            raise InputError(
                f"camera {name!r}: {int(counts[v])} of its {frames} frames with the target show "
                f"{MIN_POINTS} points or more that are not in line; it takes {needed} at least: "
                "film the target there, nearer and whole"
                + ("" if needed == 1 else ", or give its lens with --intrinsics-from")
            )
    off = alone.sigma_px.numpy() / np.array(observations.sizes).max(-1)
    if (off > _MOST_ALONE).all():
        raise InputError(
            f"the target as described fits no camera (to {alone.sigma_px.min():.1f} px at best): "
            "are columns, rows and the order of its points right?"
        )


def check_fit(problem: Problem, refined: Refined, alone: Start) -> None:
    """The cameras must agree with each other."""
    error_px, _ = residuals(refined.state, problem.target, refined.views)
    seen = refined.views.weights > 0
    # By the cameras' own noise: a rig that does not hold together has a large sigma of its own.
    scale = torch.maximum(CUTOFF * alone.sigma_px, 0.002 * _longer_sides(problem))
    far = (error_px.norm(dim=-1) > scale[refined.views.camera, None]) & seen
    share = float(far.sum() / seen.sum().clamp_min(1))
    if share > _MOST_REJECTED:
        raise InputError(
            f"each camera fits the target by itself (to {float(alone.sigma_px.median()):.2f} px), "
            f"but {100 * share:.0f} % of the points do not fit once all must agree: are the videos "
            "synchronized, and does frame i of each show the same moment?"
        )


def check_lenses(solution: Solution) -> None:
    """The views must tell each focal length apart from the distance."""
    for (camera, name), value, sigma in zip(
        solution.parameters, solution.values, solution.sigmas, strict=True
    ):
        if name == "fx" and not sigma < _OPEN_FOCAL * value:
            raise InputError(
                f"camera {camera!r}: its focal length cannot be told (known to "
                f"{100 * sigma / value:.0f} %): film the target tilted and at several distances, "
                "or give the lens with --intrinsics-from"
            )


def _longer_sides(problem: Problem) -> Tensor:
    return (2 * problem.prior.mean[:, 2:4] + 1).amax(-1)
