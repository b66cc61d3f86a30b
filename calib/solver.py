"""From what the cameras saw of a board to a rig: the way on one screen.

    observations, target -> Problem            what is given, what may change      problem.py
      -> start_cameras                         each camera by itself               intrinsics.py
      -> link_cameras, place_cameras           who saw the board with whom         graph.py
      -> refine                                all together, outliers flagged      bundle.py
      -> Solution                              the rig, and how far it is right    solution.py
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from calib.bundle import (
    Free,
    State,
    Views,
    adjust,
    cauchy,
    residuals,
    squared_sigmas,
    truncated,
)
from calib.graph import (
    Candidates,
    candidates,
    island_message,
    islands,
    link_cameras,
    place_cameras,
    place_targets,
    renumbered,
    symmetry_turns,
)
from calib.intrinsics import Start, spread_px, start_cameras
from calib.observations import Observations
from calib.poses import refine_poses
from calib.problem import Fix, LensChoice, Problem, Share, identity_poses, pose_problem
from triangulate.errors import InputError
from triangulate.geometry.homography import mirrored_pose
from triangulate.geometry.threads import one_thread
from triangulate.rig import Rig

CUTOFF = 4.5
"""Points farther off than so many sigmas are outliers; of good ones that is 1 in 25,000."""


@one_thread()
def solve(
    observations: Observations,
    target: Any,
    *,
    lens: LensChoice = "radtan",
    intrinsics: Rig | None = None,
    share: Share | None = None,
    fix: Fix | None = None,
    reference: str | None = None,
    start: Rig | None = None,
    seed: int = 0,
):
    problem = pose_problem(
        observations,
        target,
        lens=lens,
        intrinsics=intrinsics,
        start=start,
        share=share,
        fix=fix,
        reference=reference,
    )
    generator = torch.Generator().manual_seed(seed)
    alone = start_cameras(
        problem.state,
        problem.target,
        problem.views,
        problem.labels,
        problem.prior,
        problem.known,
        generator,
    )
    state, views = _first_rig(problem, alone, generator)
    return refine(problem, state, views, alone.sigma_px)


def _first_rig(
    problem: Problem, alone: Start, generator: torch.Generator
) -> tuple[State, Views]:
    """Cameras and target poses in one world, and the views that have one."""
    views, target = problem.views, problem.target
    num_cameras = len(problem.names)
    each = replace(views, target=torch.arange(len(views.camera)))
    at_camera = replace(
        problem.state,
        intrinsics=alone.intrinsics,
        cam_from_world=identity_poses(num_cameras),
        world_from_target=alone.cam_from_target,
    )
    other = replace(
        at_camera,
        world_from_target=mirrored_pose(alone.cam_from_target, target.points.mean(0)),
    )
    other, _ = refine_poses(other, target, each, alone.sigma_px)
    found = candidates(
        alone.cam_from_target,
        other.world_from_target,
        symmetry_turns(target.points, problem.symmetries),
    )
    state = replace(problem.state, intrinsics=alone.intrinsics)
    usable = alone.usable
    if not problem.posed:
        counts = (views.weights > 0).sum(-1).double()
        some = Candidates(found.cam_from_target[usable], found.symmetry)
        links = link_cameras(
            some, views.camera[usable], views.target[usable], counts[usable], generator
        )
        groups = islands(links, num_cameras)
        if len(groups) > 1:
            raise InputError(island_message(groups, problem.names))
        state = replace(state, cam_from_world=place_cameras(links, num_cameras, problem.reference))
    state, placed, numbering = place_targets(
        state, target, views, found, problem.symmetries, usable
    )
    views = renumbered(views, problem.symmetries, numbering)
    has_pose = placed[views.target]
    return state, replace(views, weights=torch.where(has_pose[:, None], views.weights, 0.0))


def refine(problem: Problem, state: State, views: Views, sigma_px: Tensor):
    """All unknowns together: first with a loss that bears a rough start, then without outliers."""
    moving = torch.arange(len(problem.names)) != problem.reference
    num_frames = len(state.world_from_target.translation)
    free = Free.of(problem.labels, moving, num_frames)
    keep = dict(prior=problem.prior)
    for scale in (4.0, 1.0):
        adjusted = adjust(
            state, problem.target, views, free, sigma_px * scale, loss=cauchy, max_steps=25,
            tolerance=1e-4, **keep,
        )
        state = adjusted.state
        sigma_px = spread_px(state, problem.target, views, len(problem.names))
    inside = None
    for _ in range(8):
        adjusted = adjust(
            state, problem.target, views, free, sigma_px, loss=truncated(CUTOFF), max_steps=25,
            tolerance=1e-9, **keep,
        )
        state = adjusted.state
        sigma_px, now = _inlier_sigma(state, problem, views, sigma_px)
        if inside is not None and bool((now == inside).all()):
            break
        inside = now
    return state, views, free, sigma_px, inside, adjusted


def _inlier_sigma(state, problem, views, sigma_px):
    error_px, in_front = residuals(state, problem.target, views)
    for _ in range(5):
        squared = squared_sigmas(error_px, in_front, views, sigma_px)
        inside = (squared < CUTOFF**2) & (views.weights > 0)
        weighted = torch.where(inside, error_px.square().sum(-1) * views.weights, 0.0).sum(-1)
        num = len(problem.names)
        total = torch.zeros(num, dtype=torch.float64).index_add_(0, views.camera, weighted)
        count = torch.zeros(num, dtype=torch.float64).index_add_(0, views.camera, inside.sum(-1).double())
        sigma_px = (total / (2 * count).clamp_min(1)).sqrt().clamp_min(1e-7)
    return sigma_px, inside
