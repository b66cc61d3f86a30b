"""From the adjuster's state to a `Solution`: units, names, frames and covariances for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from calib.choices import COEFFICIENT_NAMES
from calib.noise import CUTOFF
from calib.observations import Observations
from calib.problem import Problem
from calib.projection import residuals, squared_sigmas
from calib.refinement import Refined
from calib.solution import Finding, Solution
from calib.space import output_jacobian, rotation_vector
from calib.uncertainty import uncertainty
from calib.unknowns import State, Views
from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig

_POSE_NAMES = ("rx", "ry", "rz", "tx", "ty", "tz")


def conclude(problem: Problem, observations: Observations, refined: Refined) -> Solution:
    """The solution, without findings."""
    state, views = refined.state, refined.views
    known = uncertainty(state, problem.target, views, refined.free, refined.sigma_px, problem.prior)
    parameters, values, covariance = _parameters(problem, refined, known.covariance)
    shape = observations.points_px.shape[:3]
    error_px, in_front = residuals(state, problem.target, views)
    squared = squared_sigmas(error_px, in_front, views, refined.sigma_px)
    compared = views.weights > 0
    size_m = problem.size_m
    points = problem.target.bowed(state.bow)
    plane = problem.plane_from_target
    target_m = size_m * plane.inverse().apply(points)
    world_from_target = state.world_from_target @ plane.map(lambda tensor: tensor[None])
    world_from_reference = _world_from_reference(problem)
    world_from_target = world_from_reference.map(lambda t: t[None]) @ world_from_target
    lost = ~refined.placed.numpy()
    rotation = world_from_target.rotation.numpy().copy()
    translation_m = size_m * world_from_target.translation.numpy()
    rotation[lost], translation_m[lost] = np.nan, np.nan
    return Solution(
        rig=_rig(problem, observations, state, world_from_reference),
        observations=_in_order(observations, views),
        target_m=target_m.numpy(),
        world_from_target_rotation=rotation,
        world_from_target_translation_m=translation_m,
        outliers=_scattered(views, (squared > CUTOFF**2) & compared, shape, False),
        residuals_px=_scattered(
            views, torch.where(compared[..., None], error_px, torch.nan), (*shape, 2), np.nan
        ),
        sigma_px=refined.sigma_px.numpy(),
        reference=problem.names[problem.reference],
        parameters=parameters,
        values=values,
        covariance=covariance,
        late_s=state.late_s.numpy(),
        coherence=known.coherence,
        notes=observations.notes,
    )


def with_findings(solution: Solution, findings: Sequence[Finding]) -> Solution:
    """The solution, with what is suspicious about it."""
    return replace(solution, findings=tuple(findings))


def _parameters(
    problem: Problem, refined: Refined, covariance: Tensor
) -> tuple[tuple[tuple[str, str], ...], np.ndarray, np.ndarray]:
    """Names, values and covariance of all cameras' parameters in pixels, radians and metres."""
    state, free = refined.state, refined.free
    if free.cameras is None:
        raise ValueError("the cameras' poses were eliminated: they have no covariance")
    by_own = output_jacobian(state)  # (V, 18, 18)
    unit = torch.ones(18, dtype=by_own.dtype)
    unit[15:] = problem.size_m
    numbers = torch.cat([free.intrinsics, free.cameras], dim=-1)  # (V, 18)
    count = len(covariance)
    rows = by_own.new_zeros(len(numbers), 18, count + 1)
    at = torch.where(numbers < 0, count, numbers)[:, None].expand(-1, 18, -1)
    rows.scatter_add_(2, at, unit[:, None] * by_own)
    K = state.cameras().K
    pose = state.cam_from_world
    values = torch.cat(
        [
            torch.stack([K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2]], dim=-1),
            state.intrinsics[:, 4:],
            rotation_vector(pose.rotation),
            problem.size_m * pose.translation,
        ],
        dim=-1,
    )
    names, chosen = [], []
    for v, name in enumerate(problem.names):
        lens = LENS_MODELS[int(state.lens_model[v])]
        own = ("fx", "fy", "cx", "cy", *COEFFICIENT_NAMES[lens])
        names += [(name, parameter) for parameter in own]
        chosen += [18 * v + i for i in range(4 + LENS_COEFFICIENTS[lens])]
        if v != problem.reference:
            names += [(name, parameter) for parameter in _POSE_NAMES]
            chosen += [18 * v + 12 + i for i in range(6)]
    jacobian = rows[..., :count].reshape(-1, count)[chosen]
    mapped = jacobian @ covariance @ jacobian.mT
    return tuple(names), values.reshape(-1)[chosen].numpy(), mapped.numpy()


def _world_from_reference(problem: Problem) -> Rigid:
    """Where the given rig has the reference camera; the identity without one."""
    return problem.state.cam_from_world[problem.reference].inverse()


def _rig(
    problem: Problem, observations: Observations, state: State, world_from_reference: Rigid
) -> Rig:
    pose = state.cam_from_world @ world_from_reference.inverse().map(lambda t: t[None])
    lenses = [LENS_MODELS[int(model)] for model in state.lens_model]
    width = max(LENS_COEFFICIENTS[lens] for lens in lenses)
    return Rig.from_arrays(
        K=state.cameras().K.numpy(),
        dist=state.intrinsics[:, 4 : 4 + width].numpy(),
        rotation=pose.rotation.numpy(),
        translation_m=problem.size_m * pose.translation.numpy(),
        names=problem.names,
        sizes=observations.sizes,
        lens=lenses,
    )


def _in_order(observations: Observations, views: Views) -> Observations:
    """The observations with each view's points in the target's own order."""
    shape = observations.points_px.shape
    seen = views.weights > 0
    points = torch.where(seen[..., None], views.points_px, torch.nan)
    arranged = _scattered(views, points, shape, np.nan)
    untouched = np.isnan(arranged).all((-2, -1))  # frames without a pose
    arranged[untouched] = observations.points_px[untouched]
    if observations.spread is None:
        return replace(observations, points_px=arranged)
    relative = torch.where(seen, views.weights, 1.0).rsqrt()
    spread = _scattered(views, relative, shape[:3], 1.0)
    spread[untouched] = observations.spread[untouched]
    return replace(observations, points_px=arranged, spread=spread)


def _scattered(
    views: Views, values: Tensor, shape: tuple[int, ...], empty: float | bool
) -> np.ndarray:
    """Values of the views (M, N, ...) as (V, F, N, ...)."""
    out = np.full(shape, empty)
    out[views.camera.numpy(), views.target.numpy()] = values.numpy()
    return out
