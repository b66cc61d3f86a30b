"""A calibration as the adjuster sees it: tensors, what may change, and what is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calib.choices import Fix, LensChoice, Share, labels_of, lens_of, shared_groups
from calib.intrinsics import MIN_POINTS, default_intrinsics
from calib.observations import Observations
from calib.poses import identity_poses
from calib.targets import load_target
from calib.unknowns import Prior, State, Target, Views, with_shared_values
from triangulate.errors import InputError
from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig

FLAT = 0.02
"""How far the target's points may leave their plane, as a part of its size."""

# How far lenses and sensors are from ideal ones, as standard deviations. They are wide, so that
# they decide only what the views leave open: pixels are square to 1 %, the principal point lies
# within a tenth of the image's longer side of the middle, and distortion is that of a lens.
_ASPECT_SIGMA = 0.01
_CENTRE_SIGMA = 0.1
_LENS_SIGMA = {
    "radtan": (0.5, 0.5, 0.01, 0.01, 0.1),
    "rational": (0.5, 0.5, 0.01, 0.01, 0.1, 0.5, 0.5, 0.1),
    "fisheye": (0.2, 0.2, 0.2, 0.2),
}


@dataclass(frozen=True)
class Problem:
    """What is to be solved, in units of the target's size, its plane being z = 0.

    Attributes:
        names: V camera names.
        state: where to start; poses are identities where nothing is known of them.
        target: N points.
        views: M views with a point at least.
        labels: (V, 12) int64, which intrinsics may change and which are shared (`Free.of`).
        prior: on the intrinsics.
        known: (V,) bool, cameras whose intrinsics are given.
        posed: whether the state's camera poses are given.
        symmetries: (S, N) numberings under which the target looks the same.
        plane_from_target: from the target's own frame, after scaling, to the plane's.
        size_m: the length of the unit.
        reference: the camera whose pose is held.
    """

    names: tuple[str, ...]
    state: State
    target: Target
    views: Views
    labels: Tensor
    prior: Prior
    known: Tensor
    posed: bool
    symmetries: Tensor
    plane_from_target: Rigid
    size_m: float
    reference: int


def pose_problem(
    observations: Observations,
    target: Any,
    *,
    lens: LensChoice | None,
    intrinsics: Rig | None,
    start: Rig | None,
    share: Share | None,
    fix: Fix | None,
    reference: str | None,
) -> Problem:
    """Turn what the user gave into a problem; see `calib.solver.solve` for the arguments.

    Raises:
        InputError: what does not fit together, in one line.
    """
    names = observations.names
    points_m, symmetries = target_points(target, observations.points_px.shape[2])
    points, plane_from_target, size_m = _in_plane(points_m)
    if start is not None and intrinsics is not None:
        raise InputError("start and intrinsics are two rigs to take the lenses from: give one")
    given = start if start is not None else intrinsics
    state, known = _first_state(observations, lens, given)
    if start is not None:
        pose = start.select(names).cameras.cam_from_world
        state = replace(state, cam_from_world=Rigid(pose.rotation, pose.translation / size_m))
    held = known if start is None else torch.zeros_like(known)
    labels = labels_of(names, state.lens_model, share, fix, held)
    _check_held(observations, labels, known, share)
    state = replace(state, intrinsics=with_shared_values(state.intrinsics, labels))
    prior = _prior(observations, state, held)
    if reference is not None and reference not in names:
        raise InputError(f"no camera {reference!r} (--reference); there are {', '.join(names)}")
    return Problem(
        names=names,
        state=state,
        target=Target.of(points),
        views=views_of(observations),
        labels=labels,
        prior=prior,
        known=known,
        posed=start is not None,
        symmetries=symmetries,
        plane_from_target=plane_from_target,
        size_m=size_m,
        reference=0 if reference is None else names.index(reference),
    )


def target_points(target: Any, count: int) -> tuple[np.ndarray, Tensor]:
    """The target's points (N, 3) and its symmetries (S, N), from a target or an array."""
    if isinstance(target, str | Path):
        target = load_target(target)
    try:
        points = np.asarray(getattr(target, "points_m", target), dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "the target must be a board, the path of its board.yaml, or (N, 3) metres"
        ) from None
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"the target must be (N, 3) finite metres, got shape {points.shape}")
    if len(points) < MIN_POINTS:
        raise InputError(f"the target has {len(points)} points, and it takes {MIN_POINTS} at least")
    if len(np.unique(points, axis=0)) < len(points):
        raise InputError("two of the target's points are at the same place")
    if len(points) != count:
        raise InputError(
            f"the target has {len(points)} points and the observations {count}: are they of "
            "another board?"
        )
    identity = np.arange(count)[None]
    symmetries = np.asarray(getattr(target, "symmetries", identity))
    return points, torch.from_numpy(symmetries.astype(np.int64))


def _in_plane(points_m: np.ndarray) -> tuple[Tensor, Rigid, float]:
    """The points in their plane and in units of their reach; plane_from_target; the unit."""
    middle = points_m.mean(0)
    size = float(np.linalg.norm(points_m - middle, axis=-1).max())
    if size == 0:
        raise InputError("the target's points coincide: is its size 0?")
    centred = torch.from_numpy((points_m - middle) / size)
    _, values, axes = torch.linalg.svd(centred, full_matrices=False)
    if float(values[1]) < 1e-3 * float(values[0]):
        raise InputError("the target's points lie on a line: it takes a flat board")
    if float((centred @ axes[2]).abs().max()) > FLAT:
        raise InputError("the target's points do not lie in a plane: it takes a flat board")
    # Where the target is flat already, its own axes are kept.
    if float((centred[:, 2]).abs().max()) < 1e-12:
        axes = torch.eye(3, dtype=torch.float64)
    rotation = axes * torch.det(axes)
    shift = -(rotation @ torch.from_numpy(middle / size))
    return centred @ rotation.mT, Rigid(rotation, shift), size


def _first_state(
    observations: Observations, lens: LensChoice | None, given: Rig | None
) -> tuple[State, Tensor]:
    """The state before anything is found, and which cameras' intrinsics are given."""
    names = observations.names
    chosen = [lens_of(lens, name, names) for name in names]
    model = torch.tensor([LENS_MODELS.index(name or "radtan") for name in chosen])
    sizes = torch.tensor(observations.sizes, dtype=torch.float64)
    intrinsics = default_intrinsics(sizes, model)
    skew = torch.zeros(len(names), dtype=torch.float64)
    known = torch.zeros(len(names), dtype=torch.bool)
    if given is not None:
        _check_cameras(observations, given, chosen)
        cameras = given.select(names).cameras
        model, known = cameras.lens.model, ~known
        K = cameras.K
        intrinsics[:, 0], intrinsics[:, 1] = K[:, 0, 0], K[:, 1, 1] / K[:, 0, 0]
        intrinsics[:, 2:4], intrinsics[:, 4:] = K[:, :2, 2], cameras.lens.coefficients
        skew = K[:, 0, 1].clone()
    frames = observations.points_px.shape[1]
    state = State(
        intrinsics=intrinsics,
        skew=skew,
        lens_model=model,
        cam_from_world=identity_poses(len(names)),
        world_from_target=identity_poses(frames),
        bow=torch.zeros(3, dtype=torch.float64),
        late_s=torch.zeros(len(names), dtype=torch.float64),
    )
    return state, known


def _check_held(
    observations: Observations, labels: Tensor, known: Tensor, share: Share | None
) -> None:
    """A focal length that nobody knows cannot be held; one lens has one size of image."""
    names, sizes = observations.names, observations.sizes
    for name, own, is_known in zip(names, labels, known, strict=True):
        if own[0] < 0 and not is_known:
            raise InputError(
                f"camera {name!r}: its focal length cannot be held, for it is not known: give the "
                "lens with intrinsics= (--intrinsics-from)"
            )
    for group in shared_groups(share, names):
        if len({sizes[v] for v in group}) > 1:
            told = ", ".join(f"{names[v]} {sizes[v][0]} x {sizes[v][1]}" for v in group)
            raise InputError(f"share: the images differ in size ({told}), so the lenses do, too")


def _check_cameras(observations: Observations, given: Rig, chosen: Sequence[str | None]) -> None:
    missing = [name for name in observations.names if name not in given.names]
    if missing:
        raise InputError(
            f"the given rig has no camera {', '.join(map(repr, missing))}; it has "
            f"{', '.join(given.names)}: name the videos after its cameras, or leave those out"
        )
    for name, size, lens in zip(observations.names, observations.sizes, chosen, strict=True):
        own = given.lens_names[given.names.index(name)]
        if lens is not None and lens != own:
            raise InputError(f"camera {name!r}: the given rig has a {own} lens, not {lens}")
        known = given.sizes[given.names.index(name)]
        if known is not None and known != size:
            raise InputError(
                f"camera {name!r}: the given rig is for images of {known[0]} x {known[1]}, these "
                f"are {size[0]} x {size[1]}: film with the same settings, or calibrate its lens "
                "again"
            )


def _prior(observations: Observations, state: State, known: Tensor) -> Prior:
    """Wide priors around an ideal camera, or around the given intrinsics where they are refined."""
    sizes = torch.tensor(observations.sizes, dtype=torch.float64)
    sigma = torch.full_like(state.intrinsics, torch.inf)
    sigma[:, 1] = _ASPECT_SIGMA
    sigma[:, 2:4] = _CENTRE_SIGMA * sizes.amax(-1, keepdim=True)
    for v, model in enumerate(state.lens_model.tolist()):
        name = LENS_MODELS[model]
        sigma[v, 4 : 4 + LENS_COEFFICIENTS[name]] = torch.tensor(
            _LENS_SIGMA[name], dtype=torch.float64
        )
    ideal = default_intrinsics(sizes, state.lens_model)
    mean = torch.where(known[:, None], state.intrinsics, ideal)
    return Prior(mean, 1 / sigma.square())


def views_of(observations: Observations) -> Views:
    """The views with a point at least, as tensors."""
    seen = observations.seen
    camera, frame = np.nonzero(seen.any(-1))
    spread = 1.0 if observations.spread is None else observations.spread[camera, frame]
    inside = seen[camera, frame]
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = np.where(inside, 1 / np.square(spread), 0.0)
    points = np.where(inside[..., None], observations.points_px[camera, frame], 0.0)
    return Views(
        torch.from_numpy(points),
        torch.from_numpy(weights),
        torch.from_numpy(camera),
        torch.from_numpy(frame),
    )
