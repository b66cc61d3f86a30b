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
_MOST_REJECTED = 0.4  # of a camera's points
_LEAST_LIMIT = 0.002  # of the image's longer side
_OPEN_FOCAL = 0.1


def check_seen(observations: Observations) -> None:
    """Every camera must have seen the target, and in more than one frame."""
    seen = observations.seen
    frames = int(seen.any((0, 2)).sum())
    if frames == 1:
        raise InputError(
            "the target is seen in one frame only: film it in many places and turned every way"
        )
    blind = [name for name, own in zip(observations.names, seen, strict=True) if not own.any()]
    if blind:
        see = "camera {} never sees" if len(blind) == 1 else "cameras {} never see"
        raise InputError(
            f"{see.format(', '.join(map(repr, blind)))} the target: film it there, or leave it out "
            "with --cameras"
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
    off = alone.sigma_px.numpy() > _MOST_ALONE * np.array(observations.sizes).max(-1)
    if off.all():
        raise InputError(
            f"the target as described fits no camera (to {alone.sigma_px.min():.1f} px at best): "
            "are columns, rows and the order of its points right?"
        )
    for v in np.flatnonzero(off).tolist():
        reason = (
            "the lens that was given for it is another one's"
            if bool(problem.known[v])
            else "its points are numbered in another way, or it saw another board"
        )
        raise InputError(
            f"camera {problem.names[v]!r}: the target fits only to {alone.sigma_px[v]:.1f} px, as "
            f"if {reason}: look at its pictures, or leave it out with --cameras"
        )


def check_fit(problem: Problem, refined: Refined, alone: Start) -> None:
    """The cameras must agree with each other."""
    views = refined.views
    error_px, _ = residuals(refined.state, problem.target, views)
    seen = views.weights > 0
    # By the cameras' own noise: a rig that does not hold together has a large sigma of its own.
    own_px = torch.minimum(alone.sigma_px, 3 * alone.sigma_px.median())
    limit_px = torch.maximum(CUTOFF * own_px, _LEAST_LIMIT * _longer_sides(problem))
    far = (error_px.norm(dim=-1) > limit_px[views.camera, None]) & seen
    sums = torch.stack([far.sum(-1), seen.sum(-1)], dim=-1).double()
    by_camera = sums.new_zeros(len(problem.names), 2).index_add_(0, views.camera, sums)
    share = by_camera[:, 0] / by_camera[:, 1].clamp_min(1)
    bad = torch.nonzero(share > _MOST_REJECTED)[:, 0].tolist()
    if not bad:
        return
    if 2 * len(bad) < len(problem.names):
        told = ", ".join(f"{problem.names[v]!r} {100 * float(share[v]):.0f} %" for v in bad)
        raise InputError(
            f"most points of some cameras do not fit the rig of the others ({told}): are their "
            "videos in step with the rest and of the same board, is their lens right, and did they "
            "stand still? Correct that, or leave them out with --cameras"
        )
    raise InputError(
        f"each camera fits the target by itself (to {float(alone.sigma_px.median()):.2f} px), but "
        f"{100 * float(sums[:, 0].sum() / sums[:, 1].sum()):.0f} % of the points do not fit once "
        "all must agree: are the videos synchronized, and does frame i of each show the same "
        "moment?"
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
