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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import MAX_COEFFICIENTS, Lens
from triangulate.geometry.rigid import Rigid, rotation_from_vector, skew

_FAR2 = 1e6  # squared sigmas of a point that cannot be seen at all
_GRAZING = 1e-3  # depth, as a part of the distance, below which a point is not before the camera

NUM_INTRINSICS = 4 + MAX_COEFFICIENTS
"""focal (px), aspect (fy / fx), cx, cy (px), then the lens's coefficients."""

TUKEY_WIDTH = 4.685
"""Sigmas beyond which an observation has no weight."""

FAMILIES = ("intrinsics", "camera", "target", "bow", "late_s")
"""What the predicted pixels depend on."""

Loss = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From squared residuals in sigmas to their cost and their weight (its derivative)."""


@dataclass(frozen=True)
class State:
    """All that can be refined.

    Attributes:
        intrinsics: (V, 12) focal, aspect, cx, cy and the lens's coefficients.
        skew: (V,) pixels, never refined.
        lens_model: (V,) index into `LENS_MODELS`.
        cam_from_world: (V) poses.
        world_from_target: (F) poses.
        bow: (3,) how the target is bent, see `Target`.
        late_s: (V,) how much later than the frame's time a camera took its picture.
    """

    intrinsics: Tensor
    skew: Tensor
    lens_model: Tensor
    cam_from_world: Rigid
    world_from_target: Rigid
    bow: Tensor
    late_s: Tensor

    def cameras(self) -> Camera:
        """The V cameras."""
        focal, aspect, cx, cy = self.intrinsics[:, :4].unbind(-1)
        zero, one = torch.zeros_like(focal), torch.ones_like(focal)
        rows = [focal, self.skew, cx, zero, focal * aspect, cy, zero, zero, one]
        K = torch.stack(rows, dim=-1).unflatten(-1, (3, 3))
        return Camera(K, Lens(self.lens_model, self.intrinsics[:, 4:]), self.cam_from_world)


@dataclass(frozen=True)
class Target:
    """The N points of the target, and how it may bend.

    Attributes:
        points: (N, 3) in its own frame.
        bow_shape: (N, 3, 3) what a unit of each of the three bow parameters adds to them.
    """

    points: Tensor
    bow_shape: Tensor

    @classmethod
    def of(cls, points: Tensor) -> Target:
        """A target that may bow out of its plane: z = a u^2 + b u v + c v^2.

        u and v are the in-plane coordinates about the middle, in units of the distance of the
        farthest point from it; the parameters are heights in the unit of the points.
        """
        centred = points - points.mean(0)
        reach = centred.norm(dim=-1).amax().clamp_min(torch.finfo(points.dtype).tiny)
        axes = torch.linalg.svd(centred, full_matrices=True).Vh
        axes = axes * torch.det(axes)
        u, v = (centred / reach @ axes[:2].mT).unbind(-1)
        heights = torch.stack([u * u, u * v, v * v], dim=-1)
        return cls(points, axes[2][:, None] * heights[:, None, :])

    def bowed(self, bow: Tensor) -> Tensor:
        """The points (N, 3) of the bent target."""
        return self.points + self.bow_shape @ bow


@dataclass(frozen=True)
class Views:
    """M views of the target: a camera in a frame.

    Attributes:
        points_px: (M, N, 2), any finite value where the weight is 0.
        weights: (M, N) 1 / spread^2; 0 where a point was not seen.
        camera: (M,) which camera.
        target: (M,) which target pose.
        velocity_px: (M, N, 2) pixels a second, for the cameras' clocks; None without them.
    """

    points_px: Tensor
    weights: Tensor
    camera: Tensor
    target: Tensor
    velocity_px: Tensor | None = None


@dataclass(frozen=True)
class Free:
    """Which parameters are refined: each has a number from 0 on; -1 is fixed, equals are shared.

    The larger family of poses, cameras or targets, is numbered apart and eliminated.

    Attributes:
        intrinsics: (V, 12).
        cameras: (V, 6) rotation and translation; None where they are the eliminated family.
        targets: (F, 6); None where they are the eliminated family.
        bow: (3,).
        late_s: (V,).
        count: how many numbered parameters there are.
        first_column: of an eliminated pose's six that is refined; 3 for free points, which have
            a translation alone.
    """

    intrinsics: Tensor
    cameras: Tensor | None
    targets: Tensor | None
    bow: Tensor
    late_s: Tensor
    count: int
    first_column: int = 0

    @classmethod
    def of(
        cls,
        intrinsics: Tensor,
        cameras: Tensor,
        num_targets: int,
        *,
        bow: bool = False,
        late_s: Tensor | None = None,
        points_only: bool = False,
        eliminate_cameras: bool = False,
    ) -> Free:
        """Number the parameters.

        Args:
            intrinsics: (V, 12) int64, -1 for fixed, equal non-negative labels for shared ones.
            cameras: (V,) bool, whose pose is refined.
            num_targets: F.
            bow: whether the target may bend.
            late_s: (V,) bool, whose clock is refined.
            points_only: the targets are free points.
            eliminate_cameras: eliminate the cameras' poses (all refined) instead of the targets'.
        """
        numbered, next_number = _numbered(intrinsics)
        first = 3 if points_only else 0

        def number(flags: Tensor, width: int) -> Tensor:
            nonlocal next_number
            flat = flags[:, None].expand(-1, width).reshape(-1)
            numbers = torch.where(flat, flat.cumsum(0) - 1 + next_number, -1)
            next_number += int(flat.sum())
            return numbers.reshape(-1, width)

        late = torch.zeros(len(cameras), dtype=torch.bool) if late_s is None else late_s
        if eliminate_cameras:
            if not bool(cameras.all()):
                raise ValueError("an eliminated family has no fixed members")
            targets = torch.full((num_targets, 6), -1)
            targets[:, first:] = number(torch.ones(num_targets, dtype=torch.bool), 6 - first)
            poses, first = None, 0
        else:
            targets, poses = None, number(cameras, 6)
        bend = number(torch.full((3,), bow), 1)[:, 0]
        clocks = number(late, 1)[:, 0]
        return cls(numbered, poses, targets, bend, clocks, next_number, first)


@dataclass(frozen=True)
class Prior:
    """What is known of the intrinsics beforehand: (V, 12) means and 1 / sigma^2."""

    mean: Tensor
    precision: Tensor

    @classmethod
    def none(cls, intrinsics: Tensor) -> Prior:
        """Nothing is known."""
        return cls(intrinsics, torch.zeros_like(intrinsics))


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


def least_squares(squared: Tensor) -> tuple[Tensor, Tensor]:
    """Every residual counts in full."""
    return squared, torch.ones_like(squared)


def cauchy(squared: Tensor) -> tuple[Tensor, Tensor]:
    """Far residuals count less, none is ignored: for starts that are rough."""
    scale = 4.0
    return scale * torch.log1p(squared / scale), 1 / (1 + squared / scale)


def tukey(squared: Tensor) -> tuple[Tensor, Tensor]:
    """Tukey's biweight: far residuals have no say (Huber & Ronchetti 2009, 4.8).

    At its usual width it keeps 95 % of the efficiency of least squares on normal noise.
    """
    width2 = TUKEY_WIDTH**2
    rest = (1 - squared / width2).clamp_min(0)
    return width2 / 3 * (1 - rest**3), rest.square()


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
            return Adjusted(state, cost, step, converged=True)
        gain = (cost - new_cost) / max(cost, 1e-300)
        state, cost, damping = moved, new_cost, max(damping / 8, 1e-12)
        if gain < tolerance:
            return Adjusted(state, cost, step, converged=True)
    return Adjusted(state, cost, step, converged=False)


def residuals(state: State, target: Target, views: Views) -> tuple[Tensor, Tensor]:
    """Observed minus predicted, (M, N, 2) pixels, and whether the points are before the camera."""
    camera = state.cameras()[views.camera]
    cam_from_target = camera.cam_from_world @ state.world_from_target[views.target]
    points_cam, in_front = _before(cam_from_target.apply(target.bowed(state.bow)))
    points_px, _ = _at_origin(camera).project(points_cam)
    if views.velocity_px is not None:
        points_px = points_px + state.late_s[views.camera, None, None] * views.velocity_px
    return views.points_px - points_px, in_front


def squared_sigmas(error_px: Tensor, in_front: Tensor, views: Views, sigma_px: Tensor) -> Tensor:
    """Squared length of residuals in units of their standard deviation, (M, N); 0 where unseen."""
    precision = views.weights / sigma_px[views.camera, None].square()
    squared = error_px.square().sum(-1) * precision
    return torch.where(in_front | (views.weights == 0), squared, _FAR2)


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
    squared = squared_sigmas(*residuals(state, target, views), views, sigma_px)
    cost = torch.where(views.weights > 0, loss(squared)[0], 0.0).sum()
    shares = torch.where(free.intrinsics >= 0, 1.0 / _multiplicity(free.intrinsics), 0.0)
    off = (state.intrinsics - prior.mean).square() * prior.precision * shares
    return 0.5 * float(cost + off.sum())


def jacobians(
    state: State, target: Target, views: Views, families: Sequence[str] = FAMILIES
) -> dict[str, Tensor]:
    """Closed-form derivatives of the predicted pixels.

    Returns:
        (M, N, 2, n) for each family: "intrinsics" (n = 12), "camera" and "target" (6: a rotation
        vector applied after the pose's rotation, then the translation), "bow" (3) and "late_s" (1).
    """
    camera = state.cameras()[views.camera]
    world_from_target = state.world_from_target[views.target]
    arms_world = target.bowed(state.bow) @ world_from_target.rotation.mT  # what a turn moves
    points_world = arms_world + world_from_target.translation[:, None]
    arms_cam = points_world @ camera.cam_from_world.rotation.mT
    points_cam, _ = _before(arms_cam + camera.cam_from_world.translation[:, None])
    _, by_point_cam, _ = _at_origin(camera).project_with_jacobian(points_cam)
    by_point_world = by_point_cam @ camera.cam_from_world.rotation[:, None]
    found: dict[str, Tensor] = {}
    for family in families:
        match family:
            case "intrinsics":
                points_n = points_cam[..., :2] / points_cam[..., 2:]
                found[family] = _by_intrinsics(state, camera, points_n, views.camera)
            case "camera":
                turn = -by_point_cam @ skew(arms_cam)
                found[family] = torch.cat([turn, by_point_cam], dim=-1)
            case "target":
                turn = -by_point_world @ skew(arms_world)
                found[family] = torch.cat([turn, by_point_world], dim=-1)
            case "bow":
                shape_world = world_from_target.rotation[:, None] @ target.bow_shape
                found[family] = by_point_world @ shape_world
            case "late_s":
                still = torch.zeros_like(views.points_px)
                velocity = still if views.velocity_px is None else views.velocity_px
                found[family] = velocity[..., None]
    return found


def _by_intrinsics(state: State, camera: Camera, points_n: Tensor, which: Tensor) -> Tensor:
    """(M, N, 2, 12): of fx x + s y + cx and aspect fx y + cy, (x, y) the bent point."""
    bent = camera.lens.distort(points_n)
    focal, aspect = (state.intrinsics[which, i, None] for i in (0, 1))
    x, y = bent.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    in_x = torch.stack([x, zero, one, zero], dim=-1)
    in_y = torch.stack([aspect * y, focal * y, zero, one], dim=-1)
    by_lens = camera.K[:, None, :2, :2] @ camera.lens.coefficient_jacobian(points_n)
    return torch.cat([torch.stack([in_x, in_y], dim=-2), by_lens], dim=-1)


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
    share = 1.0 / _multiplicity(free.intrinsics)[is_free]
    precision = prior.precision[is_free] * share
    pull = (prior.mean - state.intrinsics)[is_free] * precision
    matrix.diagonal().index_add_(0, numbers, precision)
    vector.index_add_(0, numbers, pull)


def _multiplicity(numbers: Tensor) -> Tensor:
    """How many cameras share each numbered parameter, (V, 12); 1 for fixed ones."""
    flat = numbers.flatten()
    counts = torch.bincount(flat + 1)  # the first one counts what is fixed
    return torch.where(flat >= 0, counts[flat + 1], 1).reshape(numbers.shape)


def _numbered(labels: Tensor) -> tuple[Tensor, int]:
    """Labels -> numbers from 0 on; -1 stays."""
    is_free = labels >= 0
    values, inverse = torch.unique(labels[is_free], return_inverse=True)
    numbers = torch.full_like(labels, -1)
    numbers[is_free] = inverse
    return numbers, len(values)


def _summed(values: Tensor, where: Tensor, size: int) -> Tensor:
    return values.new_zeros(size).index_add_(0, where.reshape(-1), values.reshape(-1))


def _before(points_cam: Tensor) -> tuple[Tensor, Tensor]:
    """The points (M, N, 3), one on the axis in place of each that is not before the camera."""
    in_front = points_cam[..., 2] > _GRAZING * points_cam.norm(dim=-1)
    on_axis = torch.tensor([0.0, 0.0, 1.0], dtype=points_cam.dtype)
    return torch.where(in_front[..., None], points_cam, on_axis), in_front


def _at_origin(camera: Camera) -> Camera:
    """The cameras, for points in their own frames."""
    pose = camera.cam_from_world
    identity = torch.eye(3, dtype=pose.rotation.dtype).expand(pose.rotation.shape)
    return replace(camera, cam_from_world=Rigid(identity, torch.zeros_like(pose.translation)))


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
