"""All unknowns together: roughly at first, then to the minimum at which outliers have no say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from calib.bundle import adjust
from calib.findings import image_velocities
from calib.intrinsics import Start
from calib.losses import cauchy, tukey
from calib.noise import inlier_noise, spread_px, with_misfit
from calib.observations import Observations
from calib.problem import Problem
from calib.unknowns import Free, State, Views
from triangulate.errors import InputError


@dataclass(frozen=True)
class Refined:
    """The minimum of the cost.

    Attributes:
        state: in the reference camera's frame and in units of the target's size.
        views: their points in the target's order; without weight where the frame has no pose.
        free: what was refined.
        sigma_px: (V,) noise, the scale of the loss.
        placed: (F,) frames with a pose.
    """

    state: State
    views: Views
    free: Free
    sigma_px: Tensor
    placed: Tensor


def roughly_refined(
    problem: Problem,
    alone: Start,
    state: State,
    views: Views,
    placed: Tensor,
    sigma_px: Tensor,
) -> tuple[State, Tensor]:
    """All unknowns together, for a rough start; and the noise (V,)."""
    target, num_cameras = problem.target, len(problem.names)
    free = Free.of(problem.labels, torch.arange(num_cameras) != problem.reference, len(placed))
    for scale in (4.0, 1.0):
        rough = adjust(
            state,
            target,
            views,
            free,
            scale * sigma_px,
            prior=problem.prior,
            loss=cauchy,
            max_steps=20,
            tolerance=1e-3,
        )
        state, joint_px = rough.state, spread_px(rough.state, target, views, num_cameras)
        count = torch.bincount(views.camera, minlength=num_cameras).double()
        sigma_px = with_misfit(alone.sigma_px, joint_px.square() * count, count)
    return state, sigma_px


def finely_refined(
    problem: Problem,
    alone: Start,
    state: State,
    views: Views,
    placed: Tensor,
    sigma_px: Tensor,
    *,
    bow: bool = False,
    clocks: bool = False,
) -> Refined:
    """The minimum of Tukey's loss, at which outliers have no say."""
    others = torch.arange(len(problem.names)) != problem.reference
    free = Free.of(problem.labels, others, len(placed), bow=bow, late_s=others if clocks else None)
    inside = None
    for _ in range(8):  # until the same points are inside
        fine = adjust(
            state,
            problem.target,
            views,
            free,
            sigma_px,
            prior=problem.prior,
            loss=tukey,
            max_steps=25,
            tolerance=1e-9,
        )
        state = fine.state
        sigma_px, now = inlier_noise(state, problem.target, views, alone.sigma_px, sigma_px)
        if inside is not None and bool((now == inside).all()):
            break
        inside = now
    return Refined(state, views, free, sigma_px, placed)


def with_clocks(
    problem: Problem, alone: Start, refined: Refined, observations: Observations, *, bow: bool
) -> Refined:
    """Refine once more with the cameras' clocks, along the paths that the target took."""
    if observations.times_s is None:
        raise InputError(
            "the frames have no times, so that the cameras' clocks cannot be estimated: pass "
            "times_s= to Observations.from_arrays (--fps)"
        )
    for _ in range(2):  # the paths get better with the clocks
        views = moving(problem, refined, observations.times_s)
        refined = finely_refined(
            problem,
            alone,
            refined.state,
            views,
            refined.placed,
            refined.sigma_px,
            bow=bow,
            clocks=True,
        )
    return refined


def moving(problem: Problem, refined: Refined, times_s: np.ndarray) -> Views:
    """The views with the velocities of their points, for the clocks."""
    velocity_px = image_velocities(
        refined.state, problem.target, refined.views, refined.placed, times_s
    )
    return replace(refined.views, velocity_px=velocity_px)
