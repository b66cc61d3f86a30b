"""Bundle adjustment: cameras, lenses and target poses refined together.

The unknowns are the intrinsics and the pose of each camera, the pose of the target in each frame,
and, where asked for, the target's bow and each camera's clock. A free point is a target of one
corner whose rotation says nothing, so boards and people's joints are adjusted by the same code.

Levenberg-Marquardt on the reweighted normal equations (Triggs et al. 2000, "Bundle adjustment - a
modern synthesis"). Each view (a camera looking at the target in one frame) touches one camera and
one target pose; the larger of these two families is eliminated by the Schur complement, which
leaves a small dense system. All Jacobians are closed forms, checked against autodiff in the tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.losses import Loss, least_squares
from calib.projection import jacobians, residuals, squared_sigmas
from calib.unknowns import Free, Prior, State, Target, Views, multiplicity
from triangulate.geometry.rigid import Rigid, rotation_from_vector


@dataclass(frozen=True)
class Columns:
    """The Jacobian, view by view.

    Attributes:
        kept: (M, N, 2, A) columns of numbered parameters.
        numbers: (M, A) theirs; -1 where the view's camera holds that parameter fixed.
        eliminated: (M, N, 2, D) columns of the view's pose out of the eliminated family.
        poses: (M,) which pose that is.
        num_poses: E, how many there are.
    """

    kept: Tensor
    numbers: Tensor
    eliminated: Tensor
    poses: Tensor
    num_poses: int


@dataclass(frozen=True)
class Normal:
    """The normal equations: K numbered parameters, E eliminated poses of D columns each.

    Attributes:
        matrix: (K, K).
        vector: (K,).
        cross: (E, K, D).
        blocks: (E, D, D).
        block_vectors: (E, D).
    """

    matrix: Tensor
    vector: Tensor
    cross: Tensor
    blocks: Tensor
    block_vectors: Tensor

    def solve(self, damping: float) -> tuple[Tensor, Tensor]:
        """The step of the numbered parameters (K,) and of the eliminated poses (E, D)."""
        reduced, inverse = self.reduced(damping)
        weighted = self.cross @ inverse  # (E, K, D)
        right = self.vector - (weighted @ self.block_vectors[..., None]).sum(0)[..., 0]
        step = _solve_spd(reduced, right)
        rest = self.block_vectors - (self.cross.mT @ step[None, :, None])[..., 0]
        return step, (inverse @ rest[..., None])[..., 0]

    def reduced(self, damping: float = 0.0) -> tuple[Tensor, Tensor]:
        """The Schur complement (K, K), and the inverse blocks (E, D, D)."""
        inverse = _inverse_spd(_damped(self.blocks, damping))
        num_poses, num_kept, width = self.cross.shape
        flat = self.cross.transpose(0, 1).reshape(num_kept, num_poses * width)
        weighted = (self.cross @ inverse).transpose(0, 1).reshape(num_kept, num_poses * width)
        return _damped(self.matrix, damping) - weighted @ flat.mT, inverse


@dataclass(frozen=True)
class Adjusted:
    """Where the adjustment ended.

    Attributes:
        state: refined.
        cost: half the sum of the losses and priors.
        steps: how many were taken.
        converged: whether it stopped because nothing improved any more.
    """

    state: State
    cost: float
    steps: int
    converged: bool


def adjust(
    state: State,
    target: Target,
    views: Views,
    free: Free,
    sigma_px: Tensor,
    *,
    prior: Prior | None = None,
    loss: Loss = least_squares,
    max_steps: int = 50,
    tolerance: float = 1e-10,
) -> Adjusted:
    """Refine a state until its cost falls no more.

    Args:
        state: where to start.
        target: the points.
        views: what was observed.
        free: what may change.
        sigma_px: (V,) standard deviation of a pixel coordinate in each camera.
        prior: on the intrinsics.
        loss: of squared residuals in sigmas.
        max_steps: at most so many.
        tolerance: stop where a step lowers the cost by less than this part of it.
    """
    prior = Prior.none(state.intrinsics) if prior is None else prior
    cost = total_cost(state, target, views, sigma_px, prior, free, loss)
    damping, step = 1e-4, 0
    while step < max_steps:
        normal = normal_equations(state, target, views, free, sigma_px, prior, loss)
        improved = False
        while step < max_steps and damping < 1e12:
            step += 1
            moved = moved_state(state, free, *normal.solve(damping))
            new_cost = total_cost(moved, target, views, sigma_px, prior, free, loss)
            if new_cost < cost:
                improved = True
                break
            damping *= 8
        if not improved:
            return Adjusted(state, cost, step, converged=step < max_steps and math.isfinite(cost))
        gain = (cost - new_cost) / max(cost, 1e-300)
        state, cost, damping = moved, new_cost, max(damping / 8, 1e-12)
        if gain < tolerance:
            return Adjusted(state, cost, step, converged=True)
    return Adjusted(state, cost, step, converged=False)


def total_cost(
    state: State,
    target: Target,
    views: Views,
    sigma_px: Tensor,
    prior: Prior,
    free: Free,
    loss: Loss,
) -> float:
    """Half the sum of the losses, and of the priors' squares."""
    if bool((state.intrinsics[:, :2] <= 0).any()):  # no camera has such a focal length
        return math.inf
    squared = squared_sigmas(*residuals(state, target, views), views, sigma_px)
    cost = torch.where(views.weights > 0, loss(squared)[0], 0.0).sum()
    shares = torch.where(free.intrinsics >= 0, 1.0 / multiplicity(free.intrinsics), 0.0)
    off = (state.intrinsics - prior.mean).square() * prior.precision * shares
    return 0.5 * float(cost + off.sum())


def normal_equations(
    state: State,
    target: Target,
    views: Views,
    free: Free,
    sigma_px: Tensor,
    prior: Prior,
    loss: Loss,
) -> Normal:
    """Linearise: J^T W J and J^T W r, the eliminated poses apart."""
    error_px, in_front = residuals(state, target, views)
    squared = squared_sigmas(error_px, in_front, views, sigma_px)
    weight = loss(squared)[1] * views.weights / sigma_px[views.camera, None].square()
    root = torch.where(in_front, weight, 0.0).sqrt()[..., None]  # (M, N, 1)
    right = (error_px * root).flatten(1)[..., None]  # (M, 2N, 1)
    columns = columns_of(state, target, views, free)
    poses, num_poses = columns.poses, columns.num_poses
    kept = (columns.kept * root[..., None]).flatten(1, 2)  # (M, 2N, A)
    eliminated = (columns.eliminated * root[..., None]).flatten(1, 2)  # (M, 2N, D)

    size, width = free.count + 1, eliminated.shape[-1]  # the last row takes what is fixed
    numbers = torch.where(columns.numbers < 0, free.count, columns.numbers)
    pairs = numbers[:, :, None] * size + numbers[:, None, :]
    matrix = _summed(kept.mT @ kept, pairs, size * size).reshape(size, size)
    vector = _summed((kept.mT @ right)[..., 0], numbers, size)
    at = (poses[:, None] * size + numbers)[..., None] * width + torch.arange(width)
    cross = _summed(kept.mT @ eliminated, at, num_poses * size * width)
    cross = cross.reshape(num_poses, size, width)
    blocks = eliminated.new_zeros(num_poses, width, width)
    blocks.index_add_(0, poses, eliminated.mT @ eliminated)
    block_vectors = eliminated.new_zeros(num_poses, width)
    block_vectors.index_add_(0, poses, (eliminated.mT @ right)[..., 0])
    matrix, vector = matrix[:-1, :-1], vector[:-1]
    _add_prior(matrix, vector, state, free, prior)
    return Normal(matrix, vector, cross[:, :-1], blocks, block_vectors)


def moved_state(state: State, free: Free, step: Tensor, pose_steps: Tensor) -> State:
    """The state after a step of the numbered parameters (K,) and the eliminated poses (E, D)."""
    padded = torch.cat([step, step.new_zeros(1)])  # number -1 takes the zero at the end
    whole = pose_steps.new_zeros(len(pose_steps), 6)
    whole[:, free.first_column :] = pose_steps
    by_camera = whole if free.cameras is None else padded[free.cameras]
    by_target = whole if free.targets is None else padded[free.targets]
    return replace(
        state,
        intrinsics=state.intrinsics + padded[free.intrinsics],
        cam_from_world=_turned(state.cam_from_world, by_camera),
        world_from_target=_turned(state.world_from_target, by_target),
        bow=state.bow + padded[free.bow],
        late_s=state.late_s + padded[free.late_s],
    )


def _turned(pose: Rigid, step: Tensor) -> Rigid:
    rotation = rotation_from_vector(step[:, :3]) @ pose.rotation
    return Rigid(rotation, pose.translation + step[:, 3:])


def columns_of(state: State, target: Target, views: Views, free: Free) -> Columns:
    """The Jacobian's columns of what is refined; those that nobody refines are left out."""
    each = len(views.camera)
    numbers = {
        "intrinsics": free.intrinsics[views.camera],
        "bow": free.bow.expand(each, -1),
        "late_s": free.late_s[views.camera][:, None],
    }
    if free.cameras is not None:
        numbers["camera"] = free.cameras[views.camera]
        apart, poses, num_poses = "target", views.target, len(state.world_from_target.translation)
    elif free.targets is not None:
        numbers["target"] = free.targets[views.target]
        apart, poses, num_poses = "camera", views.camera, len(state.cam_from_world.translation)
    else:
        raise ValueError("one family of poses must be numbered")
    kept = [family for family, numbered in numbers.items() if bool((numbered >= 0).any())]
    found = jacobians(state, target, views, [*kept, apart])
    active = {family: (numbers[family] >= 0).any(0) for family in kept}
    nothing = views.points_px.new_zeros(each, views.points_px.shape[1], 2, 0)
    none = torch.zeros(each, 0, dtype=torch.int64)
    return Columns(
        kept=torch.cat([nothing, *(found[f][..., active[f]] for f in kept)], dim=-1),
        numbers=torch.cat([none, *(numbers[f][:, active[f]] for f in kept)], dim=-1),
        eliminated=found[apart][..., free.first_column :],
        poses=poses,
        num_poses=num_poses,
    )


def _add_prior(matrix: Tensor, vector: Tensor, state: State, free: Free, prior: Prior) -> None:
    """Add the priors of the refined intrinsics in place; a shared one counts once."""
    is_free = free.intrinsics >= 0
    numbers = free.intrinsics[is_free]
    share = 1.0 / multiplicity(free.intrinsics)[is_free]
    precision = prior.precision[is_free] * share
    pull = (prior.mean - state.intrinsics)[is_free] * precision
    matrix.diagonal().index_add_(0, numbers, precision)
    vector.index_add_(0, numbers, pull)


def _summed(values: Tensor, where: Tensor, size: int) -> Tensor:
    return values.new_zeros(size).index_add_(0, where.reshape(-1), values.reshape(-1))


def _damped(matrix: Tensor, damping: float) -> Tensor:
    """Marquardt's scaling; a parameter that nothing observes stays where it is."""
    if not matrix.numel():
        return matrix
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    least = torch.where(diagonal > 0, 0.0, 1e-15 * diagonal.amax(-1, keepdim=True))
    return matrix + torch.diag_embed(damping * diagonal + least)


def _inverse_spd(matrix: Tensor) -> Tensor:
    """Inverses of positive definite matrices, scaled to a unit diagonal before they are taken."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    empty = ~(diagonal > 0).all(-1)  # of this pose nothing is seen any more: it stays
    scale = torch.where(empty[..., None], 1.0, diagonal).rsqrt()
    unit = matrix * scale[..., None] * scale[..., None, :]
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype)
    factor, failed = torch.linalg.cholesky_ex(unit)
    if bool((failed != 0).any()):  # nearly singular: lift it a little
        factor, failed = torch.linalg.cholesky_ex(unit + 1e-12 * identity)
    lost = (empty | (failed != 0))[..., None, None]
    inverse = torch.cholesky_inverse(torch.where(lost, identity, factor))
    inverse = torch.where(lost, 0.0, inverse)
    return inverse * scale[..., None] * scale[..., None, :]


def _solve_spd(matrix: Tensor, right: Tensor) -> Tensor:
    if not matrix.numel():
        return right
    scale = matrix.diagonal().clamp_min(1e-300).rsqrt()
    unit = matrix * scale[:, None] * scale
    factor, failed = torch.linalg.cholesky_ex(unit)
    if int(failed) != 0:  # the step is refused, and the damping grows
        return torch.full_like(right, torch.nan)
    return scale * torch.cholesky_solve((scale * right)[:, None], factor)[:, 0]
