"""From what the cameras saw of a board to a rig: the way on one screen.

observations, target -> Problem          what is given, what may change           problem.py
  -> start_cameras                       each camera by itself                    intrinsics.py
  -> link_cameras, place_cameras         who saw the target with whom             graph.py
  -> adjust                              all together, outliers without a say     bundle.py
  -> Solution                            the rig, and how far it is right         solution.py
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calib.bundle import Free, State, Views, adjust, cauchy, residuals, squared_sigmas, tukey
from calib.conclusion import CUTOFF, Refined, conclude, with_findings
from calib.findings import (
    Finding,
    image_velocities,
    lens_findings,
    link_findings,
    probe,
    probe_findings,
    rejected_findings,
    together_findings,
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
from calib.refusals import check_fit, check_lenses, check_seen, check_usable
from calib.solution import Solution
from triangulate.errors import InputError
from triangulate.geometry.homography import mirrored_pose
from triangulate.geometry.threads import one_thread
from triangulate.rig import Rig


@one_thread()
def solve(
    observations: Observations,
    target: Any,
    *,
    lens: LensChoice = "radtan",
    intrinsics: Rig | None = None,
    share: Share | None = None,
    fix: Fix | None = None,
    start: Rig | None = None,
    reference: str | None = None,
    bow: bool = False,
    clocks: bool = False,
    seed: int = 0,
) -> Solution:
    """Calibrate a rig from the points of a flat target.

    Args:
        observations: what the cameras saw.
        target: of `calib.targets`, or its points (N, 3) in metres, in the observations' order.
            With points in another unit, the rig comes in that unit.
        lens: "radtan", "rational" or "fisheye", for all cameras or by name (the others: radtan).
        intrinsics: a rig whose lenses are taken over; its poses are not. They stay as they are
            unless `fix` is given.
        share: cameras with the same lens and sensor settings: "all", or groups of names.
        fix: parameters that stay where they start: "focal", "aspect", "principal_point", "k1" ...,
            "distortion", "intrinsics"; for all cameras or by name.
        start: a rig to start from, intrinsics and poses; its world is kept.
        reference: the camera in whose frame the rig is given; the first by default. With `start`,
            the one that stays.
        bow: let the target bend.
        clocks: estimate how late each camera is (needs `times_s` and a target that moves).
        seed: of the samples that are drawn.

    Raises:
        InputError: the observations cannot make a rig; the message says why, and what to film.
    """
    check_seen(observations)
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
    check_usable(observations, problem, alone)
    state, views, placed = _first_rig(problem, alone, generator)
    refined = _refined(problem, state, views, placed, alone.sigma_px, bow=bow)
    if clocks:
        refined = _with_clocks(problem, refined, observations, bow=bow)
    check_fit(problem, refined, alone)
    solution = conclude(problem, observations, refined)
    check_lenses(solution)
    return with_findings(solution, _findings(problem, refined, alone, solution))


def _first_rig(
    problem: Problem, alone: Start, generator: torch.Generator
) -> tuple[State, Views, Tensor]:
    """Cameras and target poses in the reference camera's frame, and which frames have one."""
    views, target, usable = problem.views, problem.target, alone.usable
    found = _candidates(problem, alone)
    if problem.posed:
        given = problem.state.cam_from_world
        world_from_reference = given[problem.reference].inverse().map(lambda tensor: tensor[None])
        poses = given @ world_from_reference
    else:
        some = Candidates(found.cam_from_target[usable], found.symmetry)
        quality = (views.weights[usable] > 0).sum(-1).double()
        links = link_cameras(some, views.camera[usable], views.target[usable], quality, generator)
        groups = islands(links, len(problem.names))
        if len(groups) > 1:
            raise InputError(island_message(groups, problem.names))
        poses = place_cameras(links, len(problem.names), problem.reference)
    state = replace(problem.state, intrinsics=alone.intrinsics, cam_from_world=poses)
    state, placed, numbering = place_targets(
        state, target, views, found, problem.symmetries, usable
    )
    views = renumbered(views, problem.symmetries, numbering)
    has_pose = placed[views.target][:, None]
    return state, replace(views, weights=torch.where(has_pose, views.weights, 0.0)), placed


def _candidates(problem: Problem, alone: Start) -> Candidates:
    """Each view's poses: the best, its mirror image, and both under the target's symmetries."""
    views, target = problem.views, problem.target
    mirrored = replace(
        problem.state,
        intrinsics=alone.intrinsics,
        cam_from_world=identity_poses(len(problem.names)),
        world_from_target=mirrored_pose(alone.cam_from_target, target.points.mean(0)),
    )
    each = replace(views, target=torch.arange(len(views.camera)))
    mirrored, _ = refine_poses(mirrored, target, each, alone.sigma_px)
    turns = symmetry_turns(target.points, problem.symmetries)
    return candidates(alone.cam_from_target, mirrored.world_from_target, turns)


def _refined(
    problem: Problem,
    state: State,
    views: Views,
    placed: Tensor,
    sigma_px: Tensor,
    *,
    bow: bool = False,
    clocks: bool = False,
) -> Refined:
    """All unknowns together: first with a loss that bears a rough start, then without outliers."""
    target, num_cameras = problem.target, len(problem.names)
    others = torch.arange(num_cameras) != problem.reference
    free = Free.of(problem.labels, others, len(placed), bow=bow, late_s=others if clocks else None)
    for scale in (4.0, 1.0):
        rough = adjust(
            state,
            target,
            views,
            free,
            scale * sigma_px,
            prior=problem.prior,
            loss=cauchy,
            max_steps=25,
            tolerance=1e-4,
        )
        state, sigma_px = rough.state, spread_px(rough.state, target, views, num_cameras)
    inside = None
    for _ in range(8):  # until the same points are inside
        fine = adjust(
            state,
            target,
            views,
            free,
            sigma_px,
            prior=problem.prior,
            loss=tukey,
            max_steps=25,
            tolerance=1e-9,
        )
        state = fine.state
        sigma_px, now = inlier_sigma(state, problem, views, sigma_px)
        if inside is not None and bool((now == inside).all()):
            break
        inside = now
    return Refined(state, views, free, sigma_px, placed)


def inlier_sigma(
    state: State, problem: Problem, views: Views, sigma_px: Tensor
) -> tuple[Tensor, Tensor]:
    """Each camera's standard deviation (V,) of the points (M, N) within the cutoff."""
    error_px, in_front = residuals(state, problem.target, views)
    num_cameras = len(sigma_px)
    weighted = error_px.square().sum(-1) * views.weights
    for _ in range(5):
        squared = squared_sigmas(error_px, in_front, views, sigma_px)
        inside = (squared < CUTOFF**2) & (views.weights > 0)
        sums = torch.stack([torch.where(inside, weighted, 0.0).sum(-1), 2.0 * inside.sum(-1)], -1)
        total, count = sums.new_zeros(num_cameras, 2).index_add_(0, views.camera, sums).unbind(-1)
        sigma_px = (total / count.clamp_min(1)).sqrt().clamp_min(1e-7)
    return sigma_px, inside


def _with_clocks(
    problem: Problem, refined: Refined, observations: Observations, *, bow: bool
) -> Refined:
    """Refine once more with the cameras' clocks, along the paths that the target took."""
    if observations.times_s is None:
        raise InputError(
            "the frames have no times, so that the cameras' clocks cannot be estimated: pass "
            "times_s= to Observations.from_arrays (--fps)"
        )
    for _ in range(2):  # the paths get better with the clocks
        views = _moving(problem, refined, observations.times_s)
        refined = _refined(
            problem,
            refined.state,
            views,
            refined.placed,
            refined.sigma_px,
            bow=bow,
            clocks=True,
        )
    return refined


def _moving(problem: Problem, refined: Refined, times_s: np.ndarray) -> Views:
    velocity_px = image_velocities(
        refined.state, problem.target, refined.views, refined.placed, times_s
    )
    return replace(refined.views, velocity_px=velocity_px)


def _findings(
    problem: Problem, refined: Refined, alone: Start, solution: Solution
) -> Sequence[Finding]:
    """All that is suspicious."""
    names, times_s = problem.names, solution.observations.times_s
    views = refined.views
    if times_s is not None and views.velocity_px is None:
        views = _moving(problem, refined, times_s)
    found = probe(
        refined.state,
        problem.target,
        views,
        problem.labels,
        problem.reference,
        refined.sigma_px,
        problem.prior,
    )
    compared = ~np.isnan(solution.residuals_px[..., 0])
    reference = names[problem.reference]
    return [
        *probe_findings(
            found,
            names,
            reference,
            problem.size_m,
            solved_bow=bool((refined.free.bow >= 0).any()),
            solved_clocks=bool((refined.free.late_s >= 0).any()),
        ),
        *link_findings(compared.any(-1), names),
        *rejected_findings(solution.outliers, compared, names),
        *together_findings(alone.sigma_px, refined.sigma_px, names),
        *lens_findings(solution.parameters, solution.values, solution.sigmas),
    ]
