"""A first guess of each camera by itself: its focal length, its lens, and where it saw the target.

For each view a homography is found among outliers (`geometry.homography`), which gives the target's
pose for any assumed focal length; the focal length that re-projects all of a camera's views best
starts the refinement. There every view has a target pose of its own, so cameras cannot disturb each
other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from calib.bundle import adjust
from calib.losses import cauchy
from calib.noise import spread_px
from calib.poses import identity_poses, refine_poses
from calib.unknowns import NUM_INTRINSICS, Free, Prior, State, Target, Views, with_shared_values
from triangulate.geometry.camera import Camera
from triangulate.geometry.homography import (
    pose_of_homography,
    robust_homography,
)
from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS
from triangulate.geometry.rigid import Rigid

MIN_POINTS = 6
"""A view with fewer points cannot start a pose (it still counts in the joint refinement)."""

_FISHEYE = LENS_MODELS.index("fisheye")
_FOCAL_GRID = torch.logspace(-0.55, 0.75, 27, dtype=torch.float64)  # parts of the longer side
_FISHEYE_GRID = torch.logspace(-0.85, 0.2, 15, dtype=torch.float64)
_MOST_SLANT = 2.5  # a fisheye's far rim says little on the z = 1 plane, tan 68 degrees
_LEAST_WIDTH = 0.05  # of a set of points, as a part of its length: thinner is a line


@dataclass(frozen=True)
class Start:
    """What each camera knows by itself.

    Attributes:
        state: the intrinsics; cameras at the origin, and a target pose for each of the M views.
        usable: (M,) whether the view has one.
        sigma_px: (V,) standard deviation of a pixel coordinate, as the camera alone tells it.
    """

    state: State
    usable: Tensor
    sigma_px: Tensor


def default_intrinsics(sizes: Tensor, lens_model: Tensor) -> Tensor:
    """A lens without distortion and the principal point in the middle, (V, 12).

    Args:
        sizes: (V, 2) width and height.
        lens_model: (V,).
    """
    intrinsics = torch.zeros(len(sizes), NUM_INTRINSICS, dtype=torch.float64)
    intrinsics[:, 0] = sizes.amax(-1)
    intrinsics[:, 1] = 1
    intrinsics[:, 2:4] = (sizes - 1) / 2
    return intrinsics


def refined_by_default(lens_model: Tensor) -> Tensor:
    """(V, 12) int64: a number for each intrinsic that the lens model has, -1 for the others."""
    widths = torch.tensor([LENS_COEFFICIENTS[name] for name in LENS_MODELS])
    has = torch.arange(NUM_INTRINSICS) < 4 + widths[lens_model][:, None]
    return torch.where(has, torch.arange(has.numel()).reshape(has.shape), -1)


def start_cameras(
    state: State,
    target: Target,
    views: Views,
    labels: Tensor,
    prior: Prior,
    known: Tensor,
    generator: torch.Generator,
) -> Start:
    """Find each camera's intrinsics, and its pose to the target in each view.

    Args:
        state: the intrinsics to start from; its poses are not looked at.
        target: flat, in the plane z = 0.
        views: what was observed.
        labels: (V, 12) which intrinsics may change (`Free.of`).
        prior: on the intrinsics.
        known: (V,) bool, cameras whose focal length is given.
        generator: draws samples.
    """
    plane = target.points[:, :2]
    observed = views.weights > 0
    intrinsics, cam_from_target, agrees = _first_guess(state, plane, views, known, generator)
    intrinsics = with_shared_values(intrinsics, labels)
    usable = _spans_a_plane(plane, agrees)
    alone = Views(views.points_px, views.weights, views.camera, torch.arange(len(views.camera)))
    alone = replace(alone, weights=torch.where(usable[:, None], alone.weights, 0.0))
    num_cameras = len(intrinsics)
    guess = replace(
        state,
        intrinsics=intrinsics,
        cam_from_world=identity_poses(num_cameras),
        world_from_target=cam_from_target,
    )
    sigma_px = spread_px(guess, target, alone, num_cameras).clamp_min(0.3)
    guess, _ = refine_poses(guess, target, alone, sigma_px, steps=4)
    fixed = torch.zeros(num_cameras, dtype=torch.bool)
    free = Free.of(labels, fixed, len(views.camera))
    for steps in (8, 12):
        sigma_px = spread_px(guess, target, alone, num_cameras)
        adjusted = adjust(
            guess,
            target,
            alone,
            free,
            sigma_px,
            prior=prior,
            loss=cauchy,
            max_steps=steps,
            tolerance=1e-4,
        )
        guess = adjusted.state
    sigma_px = spread_px(guess, target, alone, num_cameras) * _lost_freedom(alone, labels)
    usable &= (observed.sum(-1) >= MIN_POINTS) & (guess.world_from_target.translation[:, 2] > 0)
    return Start(guess, usable, sigma_px)


def _lost_freedom(views: Views, labels: Tensor) -> Tensor:
    """By what residuals look too small, (V,): each view took six numbers to fit, a lens its own."""
    count = (views.weights > 0).sum(-1)
    sums = torch.stack([2 * count, 6 * (count > 0)], dim=-1).double()
    seen, used = sums.new_zeros(len(labels), 2).index_add_(0, views.camera, sums).unbind(-1)
    used = used + (labels >= 0).sum(-1)
    return (seen / (seen - used).clamp_min(1)).sqrt().clamp(1.0, 3.0)


def _first_guess(
    state: State, plane: Tensor, views: Views, known: Tensor, generator: torch.Generator
) -> tuple[Tensor, Rigid, Tensor]:
    """Intrinsics (V, 12), poses (M) and the points (M, N) that agree with them."""
    observed = views.weights > 0
    is_fisheye = state.lens_model[views.camera] == _FISHEYE
    intrinsics = state.intrinsics.clone()
    poses = identity_poses(len(views.camera))
    agrees = torch.zeros_like(observed)
    plain = ~is_fisheye & ~known[views.camera]
    if bool(plain.any()):
        some = _some(views, plain)
        homography, agrees[plain] = robust_homography(
            plane, some.points_px, observed[plain], generator
        )
        grid = _FOCAL_GRID
        found = [_pinhole_poses(state, some.camera, homography, plane, g) for g in grid]
        intrinsics = _best_focal(intrinsics, state, some, plane, agrees[plain], found, grid)
        poses = _put(poses, plain, _of_grid(found, intrinsics, some.camera, grid, state))
    if bool((bent := is_fisheye & ~known[views.camera]).any()):
        some = _some(views, bent)
        grid, agrees[bent] = _FISHEYE_GRID, observed[bent]  # at a wrong focal length few agree
        found = [_lens_poses(state, some, plane, generator, part)[0] for part in grid]
        intrinsics = _best_focal(intrinsics, state, some, plane, agrees[bent], found, grid)
        poses = _put(poses, bent, _of_grid(found, intrinsics, some.camera, grid, state))
    if bool((given := known[views.camera]).any()):
        some = _some(views, given)
        pose, agrees[given] = _lens_poses(state, some, plane, generator, None)
        poses = _put(poses, given, pose)
    return intrinsics, poses, agrees


def _with_focal(state: State, which: Tensor, part: Tensor | None) -> Camera:
    """The cameras of M views, their focal length a part of the longer side (None: as it is)."""
    if part is not None:
        middle = 2 * state.intrinsics[:, 2:4] + 1
        focal = part * middle.amax(-1, keepdim=True)
        state = replace(state, intrinsics=torch.cat([focal, state.intrinsics[:, 1:]], dim=-1))
    return state.cameras()[which]


def _pinhole_poses(
    state: State, which: Tensor, homography: Tensor, plane: Tensor, part: Tensor
) -> Rigid:
    K = _with_focal(state, which, part).K
    return pose_of_homography(torch.linalg.solve(K, homography), plane.mean(0))


def _lens_poses(
    state: State, views: Views, plane: Tensor, generator: torch.Generator, part: Tensor | None
) -> tuple[Rigid, Tensor]:
    """Poses for given intrinsics: homographies on the z = 1 plane, where the lens is undone."""
    camera = _with_focal(state, views.camera, part)
    pixels, valid = camera.undistort(views.points_px)
    offset = pixels - camera.K[:, None, :2, 2]
    points_n = offset @ torch.linalg.inv(camera.K[:, :2, :2]).mT
    usable = valid & (points_n.norm(dim=-1) < _MOST_SLANT) & (views.weights > 0)
    points_n = torch.where(usable[..., None], points_n, 0.0)
    homography, agrees = robust_homography(plane, points_n, usable, generator)
    return pose_of_homography(homography, plane.mean(0)), agrees


def _best_focal(
    intrinsics: Tensor,
    state: State,
    views: Views,
    plane: Tensor,
    agrees: Tensor,
    poses: list[Rigid],
    grid: Tensor,
) -> Tensor:
    """The intrinsics with, for each camera, the focal length that re-projects its views best."""
    target = Target.of(torch.nn.functional.pad(plane, (0, 1)))
    misfits = []
    for part, pose in zip(grid, poses, strict=True):
        camera = replace(_with_focal(state, views.camera, part), cam_from_world=pose)
        error2 = (camera.project(target.points)[0] - views.points_px).square().sum(-1)
        mean = (error2.clamp_max(1e6) * agrees).sum(-1) / agrees.sum(-1).clamp_min(1)
        misfits.append(torch.where(agrees.any(-1), mean, torch.nan))
    misfit = torch.stack(misfits).sqrt()  # (G, M)
    intrinsics = intrinsics.clone()
    sizes = (2 * state.intrinsics[:, 2:4] + 1).amax(-1)
    for v in views.camera.unique().tolist():
        own = misfit[:, views.camera == v]
        own = own[:, ~own.isnan().any(0)]
        if own.shape[1]:
            best = own.clamp_max(float(3 * own.median())).mean(1).argmin()
            intrinsics[v, 0] = grid[best] * sizes[v]
    return intrinsics


def _of_grid(
    poses: list[Rigid], intrinsics: Tensor, which: Tensor, grid: Tensor, state: State
) -> Rigid:
    """The poses that go with the focal lengths chosen, of those computed over the grid."""
    sizes = (2 * state.intrinsics[:, 2:4] + 1).amax(-1)
    chosen = (intrinsics[:, :1] / sizes[:, None] - grid).abs().argmin(-1)[which]
    rows = torch.arange(len(which))
    return Rigid(
        torch.stack([pose.rotation for pose in poses])[chosen, rows],
        torch.stack([pose.translation for pose in poses])[chosen, rows],
    )


def _spans_a_plane(plane: Tensor, agrees: Tensor) -> Tensor:
    """(M,) enough points that agree, and not all near one line."""
    count = agrees.sum(-1)
    weights = agrees.to(plane)
    mean = (weights @ plane) / count.clamp_min(1)[:, None]
    centred = (plane - mean[:, None]) * weights[..., None]
    values = torch.linalg.eigvalsh(centred.mT @ centred)
    return (count >= MIN_POINTS) & (values[:, 0] > _LEAST_WIDTH**2 * values[:, 1])


def _some(views: Views, which: Tensor) -> Views:
    return Views(
        views.points_px[which], views.weights[which], views.camera[which], views.target[which]
    )


def _put(poses: Rigid, where: Tensor, some: Rigid) -> Rigid:
    rotation, translation = poses.rotation.clone(), poses.translation.clone()
    rotation[where], translation[where] = some.rotation, some.translation
    return Rigid(rotation, translation)
