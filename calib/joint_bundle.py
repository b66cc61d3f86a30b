"""Cameras refined from people's joints: every joint of every frame is a free point.

Noise, points and cameras are found in turn until the cameras stand still: the noise as
`calib.tracks` learns it, the points by robust triangulation, then all together by `calib.bundle`
under the mixture of honest and wrong detections of `triangulate.geometry.robust`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.bundle import adjust
from calib.joints import Joints
from calib.losses import Loss
from calib.projection import residuals, squared_sigmas
from calib.tracks import Belief, with_tracks
from calib.unknowns import Free, State, Target, Views
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.robust import belonging, triangulate_robust

_ROUNDS = 25
_STEPS = 8
_ENOUGH_POINTS = 1500
_STILL = 2e-4  # radians, and parts of the cameras' distances
_TAIL2, _TAIL_ROOT = 100.0, 10.0  # the wrong detections' width, as in `robust`
POINT = Target(torch.zeros(1, 3, dtype=torch.float64), torch.zeros(1, 3, 3, dtype=torch.float64))


@dataclass(frozen=True)
class Fit:
    """Cameras and points where the views agree best.

    Attributes:
        camera: V cameras.
        belief: how far the detections were believed.
        state: the adjuster's, of the K points that two cameras believed in.
        views: its views, weighted as at the end: M detections of points.
        index: (K,) which of the N points these are.
        moved: (V,) whether a camera's pose was refined.
        slope: (M,) by what part a weight falls where the squared residual grows by that part; zero
            for least squares.
    """

    camera: Camera
    belief: Belief
    state: State
    views: Views
    index: Tensor
    moved: Tensor
    slope: Tensor

    @property
    def points_world(self) -> Tensor:
        """(K, 3)."""
        return self.state.world_from_target.translation

    def error_px(self) -> Tensor:
        """(M,) how far each view's detection lies from its point's image."""
        return residuals(self.state, POINT, self.views)[0][:, 0].norm(dim=-1)

    def residual_px(self) -> Tensor:
        """(V,) median distance of the detections from their points' images; NaN without any."""
        error, cameras = self.error_px(), range(len(self.moved))
        own = (error[self.views.camera == v] for v in cameras)
        return torch.stack([some.median() if len(some) else some.sum() * torch.nan for some in own])


def fit_cameras(
    joints: Joints, camera: Camera, moved: Tensor | None = None, rounds: int = _ROUNDS
) -> Fit:
    """Refine camera poses from joints.

    Args:
        joints: what the V cameras saw.
        camera: where to start; intrinsics are held.
        moved: (V,) bool, whose poses are refined; by default all but the first, so that the world
            stays where it is. Its scale drifts only where less than two are held.
        rounds: at most so many.
    """
    if moved is None:
        moved = torch.arange(len(camera.K)) > 0
    if joints.confidence[0].numel() >= 2 * _ENOUGH_POINTS:  # most of the way takes fewer frames
        some = joints.thinned(_ENOUGH_POINTS)
        camera = fit_cameras(some, camera, moved, rounds).camera
    belief: Belief | None = None
    for _ in range(rounds):
        belief = Belief.learned(joints, camera, belief)
        fit = _one_round(joints, camera, belief, moved)
        belief, still = fit.belief, _has_settled(camera, fit.camera, fit.points_world)
        camera = fit.camera
        if still:
            break
    return fit


def _one_round(joints: Joints, camera: Camera, belief: Belief, moved: Tensor) -> Fit:
    sigma_px, share = belief.at(joints)
    flat_px, observed = joints.flat_px, joints.observed
    start, _ = triangulate_robust(flat_px, camera, sigma_px, share, observed, belief.noise.freedom)
    observed = observed & start.valid
    kept = observed.sum(0) >= 2
    index = kept.nonzero()[:, 0]
    view, point = observed[:, index].nonzero(as_tuple=True)
    at = index[point]
    views = Views(flat_px[view, at][:, None], 1 / sigma_px[view, at].square()[:, None], view, point)
    odds = (share / (1 - share))[view, at][:, None]
    loss = mixture(odds, belief.noise.freedom)
    free = free_of(moved, len(index))
    unit = torch.ones(len(camera.K), dtype=flat_px.dtype)
    state = state_of(camera, start.points_world[index])
    if bool(moved.any()):
        state = adjust(
            state, POINT, views, free, unit, loss=loss, max_steps=_STEPS, tolerance=1e-6
        ).state
    squared = squared_sigmas(*residuals(state, POINT, views), views, unit)
    camera = replace(camera, cam_from_world=state.cam_from_world)
    points = start.points_world.clone()
    points[index] = state.world_from_target.translation
    weight, slope = loss(squared)[1], _slope(loss, squared)
    weighted = replace(views, weights=views.weights * weight)
    slope = slope[:, 0] + belief.track_slope[view, at % joints.num_joints]
    belief = with_tracks(joints, camera, points, kept, belief)
    return Fit(camera, belief, state, weighted, index, moved, slope)


def _slope(loss: Loss, squared: Tensor) -> Tensor:
    """By what part the weight changes where the squared residual grows by that part."""
    step = 0.01
    return torch.log(loss(squared * (1 + step))[1] / loss(squared)[1]) / math.log1p(step)


def free_of(moved: Tensor, num_points: int) -> Free:
    """Camera poses and points are refined, intrinsics are not."""
    held = torch.full((len(moved), 12), -1)
    return Free.of(held, moved, num_points, points_only=True)


def state_of(camera: Camera, points_world: Tensor) -> State:
    """Cameras (V) and free points (K, 3) as the adjuster has them."""
    K = camera.K
    pixels = [K[:, 0, 0], K[:, 1, 1] / K[:, 0, 0], K[:, 0, 2], K[:, 1, 2]]
    still = torch.eye(3, dtype=K.dtype).expand(len(points_world), 3, 3)
    return State(
        intrinsics=torch.cat([torch.stack(pixels, dim=-1), camera.lens.coefficients], dim=-1),
        skew=K[:, 0, 1],
        lens_model=camera.lens.model,
        cam_from_world=camera.cam_from_world,
        world_from_target=Rigid(still, points_world),
        bow=torch.zeros(3, dtype=K.dtype),
        late_s=torch.zeros(len(K), dtype=K.dtype),
    )


def mixture(odds: Tensor, freedom: float) -> Loss:
    """The likelihood that `robust.belonging` is the weight of, as a loss.

    Args:
        odds: (M, 1) of a detection being wrong.
        freedom: degrees of freedom of the honest ones.
    """

    def logarithm(squared: Tensor) -> Tensor:
        honest = -0.5 * (freedom + 2) * torch.log1p(squared / freedom)
        wrong = torch.log(_TAIL_ROOT * odds) - 1.5 * torch.log(squared + _TAIL2)
        return torch.logaddexp(honest, wrong)

    at_zero = logarithm(torch.zeros_like(odds))

    def loss(squared: Tensor) -> tuple[Tensor, Tensor]:
        share = belonging(squared, odds, freedom)
        weight = share * (freedom + 2) / (freedom + squared)
        weight = weight + (1 - share) * 3 / (squared + _TAIL2)
        return 2 * (at_zero - logarithm(squared)), weight

    return loss


def _has_settled(before: Camera, after: Camera, points_world: Tensor) -> bool:
    turn = before.cam_from_world.rotation @ after.cam_from_world.rotation.mT
    angle = torch.linalg.matrix_norm(turn - torch.eye(3, dtype=turn.dtype)) / math.sqrt(2)
    away = (after.centre_world - points_world.median(0).values).norm(dim=-1)
    shift = (after.centre_world - before.centre_world).norm(dim=-1) / away.clamp_min(1e-12)
    return bool((angle < _STILL).all() and (shift < _STILL).all())
