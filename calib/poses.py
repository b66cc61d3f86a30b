"""The target's pose in single views, refined one by one."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from calib.bundle import moved_state, normal_equations
from calib.losses import cauchy
from calib.projection import residuals, squared_sigmas
from calib.unknowns import Free, Prior, State, Target, Views
from triangulate.geometry.rigid import Rigid


def refine_poses(
    state: State, target: Target, views: Views, sigma_px: Tensor, steps: int = 8
) -> tuple[State, Tensor]:
    """Refine the target's poses alone, each by itself.

    Every pose has a damping of its own and keeps a step only if its own cost falls, so that poses
    cannot hold each other up.

    Args:
        state: its target poses are refined.
        target: the points.
        views: what was observed.
        sigma_px: (V,) scale of the Cauchy loss.
        steps: how many.

    Returns:
        The state and (F,) the cost of each pose.
    """
    labels = torch.full_like(state.intrinsics, -1, dtype=torch.int64)
    num_targets = len(state.world_from_target.translation)
    free = Free.of(labels, torch.zeros(len(labels), dtype=torch.bool), num_targets)
    prior = Prior.none(state.intrinsics)
    cost = pose_costs(state, target, views, sigma_px)
    damping = torch.full_like(cost, 1e-3)
    for _ in range(steps):
        normal = normal_equations(state, target, views, free, sigma_px, prior, cauchy)
        diagonal = normal.blocks.diagonal(dim1=-2, dim2=-1)
        lift = damping[:, None] * diagonal + 1e-12 * diagonal.amax(-1, keepdim=True) + 1e-30
        step = torch.linalg.solve(normal.blocks + torch.diag_embed(lift), normal.block_vectors)
        moved = moved_state(state, free, normal.vector, step)
        new_cost = pose_costs(moved, target, views, sigma_px)
        better = new_cost < cost
        poses = where_pose(better, moved.world_from_target, state.world_from_target)
        state = replace(state, world_from_target=poses)
        cost = torch.where(better, new_cost, cost)
        damping = torch.where(better, damping / 8, damping * 8)
    return state, cost


def pose_costs(state: State, target: Target, views: Views, sigma_px: Tensor) -> Tensor:
    """(F,) sum of the Cauchy losses of all points seen of each pose."""
    squared = squared_sigmas(*residuals(state, target, views), views, sigma_px)
    of_view = torch.where(views.weights > 0, cauchy(squared)[0], 0.0).sum(-1)
    count = len(state.world_from_target.translation)
    return of_view.new_zeros(count).index_add_(0, views.target, of_view)


def where_pose(condition: Tensor, a: Rigid, b: Rigid) -> Rigid:
    """Poses (F) of `a` where the condition holds, of `b` elsewhere."""
    return Rigid(
        torch.where(condition[:, None, None], a.rotation, b.rotation),
        torch.where(condition[:, None], a.translation, b.translation),
    )


def identity_poses(count: int) -> Rigid:
    """Poses (count) that move nothing."""
    rotation = torch.eye(3, dtype=torch.float64).expand(count, 3, 3).clone()
    return Rigid(rotation, torch.zeros(count, 3, dtype=torch.float64))
