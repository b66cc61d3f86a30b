"""Frames that a rig was not fitted to: how well it predicts them, and the board seen in them.

The rig is solved again without every fourth stretch of frames. In these, the cameras and lenses are
held, and only the place of the board is looked for. The corners that several cameras see there are
then triangulated: the distances between them are known, and so is the shape they must have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from calib.bundle import adjust
from calib.findings import image_velocities
from calib.problem import views_of
from calib.projection import residuals
from calib.solving_again import frame_blocks, solve_again
from calib.space import point_gains, rig_state
from calib.unknowns import Free, State, Target, Views
from triangulate.geometry.refine import Refined, refine
from triangulate.geometry.rigid import Rigid

if TYPE_CHECKING:
    from calib.solution import Solution

EVERY = 4
"""Every so manieth stretch of frames is held out."""

_MOST_PAIRS = 1000
_LEAST_FRAMES = 3  # in which a corner must be triangulated to tell of the board's shape


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a rig says of frames that it was not fitted to.

    Attributes:
        frames: how many were held out.
        fit_px: root mean square distance of points from where the rig puts them, where it was
            fitted; outliers are not counted.
        held_out_px: the same in the frames held out; what the whole recording's rig calls outliers
            is not counted.
        pairs: of corners whose distance was measured.
        distance_m: root mean square error of these distances.
        expected_distance_m: as noise and the rig's covariance predict it.
        shape_m: (N, 3) how far each corner lies from where the board has it, on average, in the
            board's frame; NaN where it was seen too rarely.
        shape_sigma_m: (N, 3) standard deviation of that, by noise.
    """

    frames: int
    fit_px: float
    held_out_px: float
    pairs: int
    distance_m: float
    expected_distance_m: float
    shape_m: np.ndarray
    shape_sigma_m: np.ndarray


@dataclass(frozen=True, eq=False)
class _Refit:
    """The target placed anew in frames that the rig did not know.

    Attributes:
        state: cameras and target poses (F).
        target: its points.
        views: M views; outliers have no weight.
        error_px: (M, N, 2).
    """

    state: State
    target: Target
    views: Views
    error_px: Tensor


def hold_out(solution: Solution, target: Any, seed: int = 0) -> HeldOut:
    """Solve without some frames, and look at these.

    Args:
        solution: of all frames.
        target: the board.
        seed: of the pairs that are drawn.

    Raises:
        InputError: the other frames make no rig.
    """
    blocks = frame_blocks(solution)
    out = (blocks >= 0) & (blocks % EVERY == EVERY - 2)
    fitted = solve_again(
        solution, solution.observations.select_frames((blocks >= 0) & ~out), target
    )
    refit = _refit(fitted, solution, out)
    corners = _corners(refit, fitted.sigma_px)
    shape_m, shape_sigma_m = _shape(refit, corners)
    pairs, distance_m, expected_m = _distances(fitted, refit, corners, seed)
    return HeldOut(
        frames=int(out.sum()),
        fit_px=_root_mean_square(fitted.residuals_px[fitted.inliers]),
        held_out_px=_root_mean_square(refit.error_px[refit.views.weights > 0].numpy()),
        pairs=pairs,
        distance_m=distance_m,
        expected_distance_m=expected_m,
        shape_m=shape_m,
        shape_sigma_m=shape_sigma_m,
    )


def _refit(fitted: Solution, whole: Solution, frames: np.ndarray) -> _Refit:
    """Where the target is in frames, by the cameras alone."""
    observations = whole.observations.select_frames(frames)
    target, views = Target.of(torch.from_numpy(fitted.target_m)), views_of(observations)
    good = torch.from_numpy(whole.inliers[:, frames])[views.camera, views.target]
    views = replace(views, weights=torch.where(good, views.weights, 0.0))
    start = Rigid(
        torch.from_numpy(whole.world_from_target_rotation[frames]),
        torch.from_numpy(whole.world_from_target_translation_m[frames]),
    )
    state = replace(
        rig_state(fitted.rig, fitted.rig.cameras.cam_from_world),
        world_from_target=start,
        late_s=torch.from_numpy(fitted.late_s),
    )
    if np.any(fitted.late_s) and observations.times_s is not None:
        placed = torch.ones(len(start.translation), dtype=torch.bool)
        velocity = image_velocities(state, target, views, placed, observations.times_s)
        views = replace(views, velocity_px=velocity)
    held = torch.full_like(state.intrinsics, -1, dtype=torch.int64)
    free = Free.of(held, torch.zeros(len(held), dtype=torch.bool), len(start.translation))
    sigma_px = torch.from_numpy(fitted.sigma_px)
    state = adjust(state, target, views, free, sigma_px).state
    return _Refit(state, target, views, residuals(state, target, views)[0])


@dataclass(frozen=True, eq=False)
class _Corners:
    """Corners triangulated in frames, K of them.

    Attributes:
        frame: (K,) sorted.
        point: (K,) which of the target.
        world_m: (K, 3).
        covariance_m2: (K, 3, 3) by noise.
    """

    frame: Tensor
    point: Tensor
    world_m: Tensor
    covariance_m2: Tensor


def _corners(refit: _Refit, sigma_px: np.ndarray) -> _Corners:
    """Triangulate what two cameras see, without regard to the shape of the board."""
    views, state = refit.views, refit.state
    frames, count = len(state.world_from_target.translation), len(refit.target.points)
    shape = (len(state.skew), frames, count)
    precision = torch.zeros(shape, dtype=torch.float64)
    noise_px = torch.from_numpy(sigma_px)[views.camera, None]
    precision[views.camera, views.target] = views.weights / noise_px.square()
    pixels = torch.zeros(*shape, 2, dtype=torch.float64)
    pixels[views.camera, views.target] = _still(refit)
    frame, point = torch.nonzero((precision > 0).sum(0) >= 2, as_tuple=True)
    start = state.world_from_target.apply(refit.target.points)[frame, point]
    weights = precision[:, frame, point]
    found: Refined = refine(
        start, pixels[:, frame, point], state.cameras(), lambda _: weights, steps=6
    )
    good = found.valid
    return _Corners(frame[good], point[good], found.points_world[good], found.covariance_m2[good])


def _still(refit: _Refit) -> Tensor:
    """The pixels (M, N, 2) as cameras that are not late would have them."""
    views = refit.views
    if views.velocity_px is None:
        return views.points_px
    return views.points_px - refit.state.late_s[views.camera, None, None] * views.velocity_px


def _shape(refit: _Refit, corners: _Corners) -> tuple[np.ndarray, np.ndarray]:
    """The mean place of each corner in the board's frame against where it should be, (N, 3)."""
    count = len(refit.target.points)
    pose = refit.state.world_from_target[corners.frame]
    board_from_world = pose.rotation.mT
    places = (board_from_world @ (corners.world_m - pose.translation)[..., None])[..., 0]
    off = places - refit.target.points[corners.point]
    covariance = board_from_world @ corners.covariance_m2 @ pose.rotation
    weight = 1 / covariance.diagonal(dim1=-2, dim2=-1).clamp_min(1e-30)
    zeros = torch.zeros(count, 3, dtype=torch.float64)
    total = zeros.index_add(0, corners.point, weight)
    mean = zeros.index_add(0, corners.point, weight * off) / total.clamp_min(1e-30)
    often = torch.bincount(corners.point, minlength=count) >= _LEAST_FRAMES
    known = often[:, None].expand(-1, 3)
    sigma = total.clamp_min(1e-30).rsqrt()
    return (
        torch.where(known, mean, torch.nan).numpy(),
        torch.where(known, sigma, torch.nan).numpy(),
    )


def _distances(
    fitted: Solution, refit: _Refit, corners: _Corners, seed: int
) -> tuple[int, float, float]:
    """Distances between corners of one frame: how many, their error, and the error expected."""
    first, second = _pairs(corners.frame, seed)
    if len(first) == 0:
        return 0, float("nan"), float("nan")
    ends = (corners.world_m[first], corners.world_m[second])
    along = ends[1] - ends[0]
    length = along.norm(dim=-1)
    points = refit.target.points
    true = (points[corners.point[second]] - points[corners.point[first]]).norm(dim=-1)
    unit = (along / length.clamp_min(1e-12)[:, None])[:, None]  # (K, 1, 3)
    noise = corners.covariance_m2[first] + corners.covariance_m2[second]
    variance = (unit @ noise @ unit.mT)[:, 0, 0]
    gain = unit @ (point_gains(fitted, ends[1])[0] - point_gains(fitted, ends[0])[0])
    covariance = torch.from_numpy(fitted.covariance)
    variance = variance + (gain @ covariance @ gain.mT)[:, 0, 0].nan_to_num(0.0)
    return (
        len(first),
        float((length - true).square().mean().sqrt()),
        float(variance.mean().sqrt()),
    )


def _pairs(frame: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Each corner with another one of its frame, as places in the array; at most so many."""
    counts = torch.bincount(frame)
    begins = counts.cumsum(0) - counts
    count, begin = counts[frame], begins[frame]
    some = torch.nonzero(count > 1)[:, 0]
    generator = torch.Generator().manual_seed(seed)
    some = some[torch.randperm(len(some), generator=generator)[:_MOST_PAIRS]]
    count, begin = count[some], begin[some]
    step = 1 + (torch.rand(len(some), generator=generator) * (count - 1)).long()
    other = begin + (some - begin + step) % count
    return some, other


def _root_mean_square(errors_px: np.ndarray) -> float:
    """Of distances: (K, 2) -> a number; NaN without any."""
    return float(np.sqrt(np.square(errors_px).sum(-1).mean())) if len(errors_px) else float("nan")
