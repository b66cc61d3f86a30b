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

from calib.choices import Fix, LensChoice, Share, solver_settings
from calib.conclusion import conclude, with_findings
from calib.findings import (
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
    symmetry_turns,
)
from calib.intrinsics import Start, start_cameras
from calib.noise import CUTOFF
from calib.observations import Observations
from calib.placement import place_targets, reconsidered, renumbered
from calib.poses import refine_poses
from calib.problem import Problem, pose_problem
from calib.projection import residuals, squared_sigmas
from calib.refinement import Refined, finely_refined, moving, roughly_refined, with_clocks
from calib.refusals import check_fit, check_lenses, check_seen, check_usable
from calib.solution import Finding, Solution
from calib.unknowns import State, Views
from triangulate.errors import InputError
from triangulate.geometry.homography import mirrored_pose
from triangulate.geometry.threads import one_thread
from triangulate.rig import Rig

_DOUBTED = 0.3  # part of a view's points that do not fit, from which on its pose is in doubt


@one_thread()
def solve(
    observations: Observations,
    target: Any,
    *,
    lens: LensChoice | None = None,
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
        lens: "radtan", "rational" or "fisheye", for all cameras or by name; by default that of
            `intrinsics` or `start`, or radtan.
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
    generator = torch.Generator().manual_seed(_checked_seed(seed))
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
    found = _candidates(problem, alone)
    state = _first_rig(problem, alone, found, generator)
    state, views, placed = _placed(problem, alone, found, state)
    sigma_px = alone.sigma_px
    for _ in range(3):  # poses chosen in a rough rig may have to be chosen again in a better one
        state, sigma_px = roughly_refined(problem, alone, state, views, placed, sigma_px)
        state, changed = _doubted(problem, alone, found, state, views, sigma_px)
        if not changed:
            break
    refined = finely_refined(problem, alone, state, views, placed, sigma_px, bow=bow)
    if clocks:
        refined = with_clocks(problem, alone, refined, observations, bow=bow)
    check_fit(problem, refined, alone)
    solution = conclude(problem, observations, refined)
    check_lenses(solution)
    held = intrinsics is not None and start is None and fix is None
    asked = solver_settings(
        lens=lens,
        share=share,
        fix="intrinsics" if held else fix,
        bow=bow,
        clocks=clocks,
        seed=int(seed),
    )
    solution = replace(solution, settings=asked)
    if start is not None:  # whose world is kept, and with it what points up
        solution = replace(solution, rig=replace(solution.rig, up_axis=start.up_axis))
    return with_findings(solution, _findings(problem, refined, alone, solution))


def _checked_seed(seed: int) -> int:
    if not 0 <= int(seed) < 2**63:
        raise InputError(f"seed must lie between 0 and 2^63, not {seed}")
    return int(seed)


def _first_rig(
    problem: Problem, alone: Start, found: Candidates, generator: torch.Generator
) -> State:
    """The cameras in the reference camera's frame."""
    views, usable = problem.views, alone.usable
    state = replace(problem.state, intrinsics=alone.state.intrinsics)
    if problem.posed:
        given = state.cam_from_world
        world_from_reference = given[problem.reference].inverse().map(lambda tensor: tensor[None])
        return replace(state, cam_from_world=given @ world_from_reference)
    if len(problem.names) == 1:
        return state
    some = Candidates(found.cam_from_target[usable], found.trust[usable])
    quality = (views.weights[usable] > 0).sum(-1).double()
    links = link_cameras(some, views.camera[usable], views.target[usable], quality, generator)
    groups = islands(links, len(problem.names))
    if len(groups) > 1:
        raise InputError(island_message(groups, problem.names))
    return replace(
        state, cam_from_world=place_cameras(links, len(problem.names), problem.reference)
    )


def _placed(
    problem: Problem, alone: Start, found: Candidates, state: State
) -> tuple[State, Views, Tensor]:
    """The target in every frame, the views' points in its order, and which frames have a pose."""
    state, placed, numbering = place_targets(
        state, problem.target, problem.views, found, problem.symmetries, alone.usable
    )
    views = renumbered(problem.views, problem.symmetries, numbering)
    has_pose = placed[views.target][:, None]
    return state, replace(views, weights=torch.where(has_pose, views.weights, 0.0)), placed


def _doubted(
    problem: Problem,
    alone: Start,
    found: Candidates,
    state: State,
    views: Views,
    sigma_px: Tensor,
) -> tuple[State, int]:
    """Frames in which a view does not fit, their poses chosen again; how many poses changed."""
    squared = squared_sigmas(*residuals(state, problem.target, views), views, sigma_px)
    seen = views.weights > 0
    far = ((squared > CUTOFF**2) & seen).sum(-1)
    bad = far > _DOUBTED * seen.sum(-1)
    frames = torch.zeros(len(state.world_from_target.translation), dtype=torch.bool)
    frames[views.target[bad & seen.any(-1)]] = True
    return reconsidered(state, problem.target, views, found, frames, alone.usable, sigma_px)


def _candidates(problem: Problem, alone: Start) -> Candidates:
    """Each view's poses: the best, its mirror image, and both under the target's symmetries."""
    views, target = problem.views, problem.target
    each = replace(views, target=torch.arange(len(views.camera)))
    best, cost = refine_poses(alone.state, target, each, alone.sigma_px, steps=2)
    middle = target.points.mean(0)
    mirrored = replace(best, world_from_target=mirrored_pose(best.world_from_target, middle))
    mirrored, mirrored_cost = refine_poses(mirrored, target, each, alone.sigma_px)
    turns = symmetry_turns(target.points, problem.symmetries)
    return candidates(
        best.world_from_target, mirrored.world_from_target, (cost, mirrored_cost), turns
    )


def _findings(
    problem: Problem, refined: Refined, alone: Start, solution: Solution
) -> Sequence[Finding]:
    """All that is suspicious."""
    names, times_s = problem.names, solution.observations.times_s
    views = refined.views
    if times_s is not None and views.velocity_px is None:
        views = moving(problem, refined, times_s)
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
        *together_findings(alone.sigma_px, refined.sigma_px, refined.views, names),
        *lens_findings(solution.parameters, solution.values, solution.sigmas),
    ]
