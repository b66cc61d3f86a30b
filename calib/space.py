"""What the uncertainty of a rig's parameters means for points in space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from calib.choices import COEFFICIENT_NAMES
from calib.projection import jacobians
from calib.unknowns import State, Target, Views
from triangulate.errors import InputError
from triangulate.geometry.covariance import information_matrix, inverse_information
from triangulate.geometry.lens import MAX_COEFFICIENTS
from triangulate.geometry.rigid import Rigid, skew

if TYPE_CHECKING:
    from calib.solution import Solution
    from triangulate.rig import Rig

_MOST_ANCHORS = 400  # points of the target that fix the frame of comparison
_MOST_NUMBERS = 4_000_000  # of a Jacobian held at a time


def expected_error_m(
    solution: Solution, points_world: np.ndarray, detection_sigma_px: float = 0.0
) -> np.ndarray:
    """See `Solution.expected_error_m`."""
    points = np.asarray(points_world, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points_world must have shape (N, 3), got {points.shape}")
    finite = np.isfinite(points).all(-1)
    expected = np.full(len(points), np.nan)
    if not finite.any():
        return expected
    at = torch.from_numpy(points[finite])
    motion = held_motion(solution)
    covariance = torch.from_numpy(solution.covariance)
    size = 2 * len(solution.rig) * max(1, len(solution.parameters))
    errors = []
    for chunk in at.split(max(1, _MOST_NUMBERS // size)):
        gain, noise, _ = point_gains(solution, chunk)
        relative = gain - motions(chunk) @ motion
        variance = ((relative @ covariance) * relative).sum((-2, -1))
        trace = noise.diagonal(dim1=-2, dim2=-1).sum(-1)
        errors.append((variance + detection_sigma_px**2 * trace).clamp_min(0).sqrt())
    expected[finite] = torch.cat(errors).numpy()
    return expected


def anchors_world(solution: Solution) -> Tensor:
    """Places (A, 3) where the target was filmed: rigs are compared in the frame that fits them."""
    anchors = solution.target_points_world.reshape(-1, 3)
    anchors = anchors[np.isfinite(anchors).all(-1)]
    return torch.from_numpy(anchors[:: max(1, len(anchors) // _MOST_ANCHORS)])


def held_motion(solution: Solution) -> Tensor:
    """The motion of space (6, P) that parameters make, as `anchors_world` tell it."""
    anchors = anchors_world(solution)
    gain, _, seen = point_gains(solution, anchors)
    rows = motions(anchors[seen]).flatten(0, 1)
    return torch.linalg.lstsq(rows, gain[seen].flatten(0, 1)).solution


def pixel_gains(solution: Solution, points_world: Tensor) -> Tensor:
    """How pixels of points in space move when the parameters do, (V, N, 2, P).

    Space is held where the target was filmed, so that a motion of the whole rig moves no pixel.
    """
    _, by_point, _ = solution.rig.cameras.project_with_jacobian(points_world)
    return by_parameters(solution, points_world) + by_point @ (
        motions(points_world) @ held_motion(solution)
    )


def point_gains(solution: Solution, points_world: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How points triangulated with the rig move when its parameters do.

    Their pixels stay; the cameras are believed to be elsewhere. To first order, with J the
    derivative of a pixel by the point and B by the parameters, the point moves by
    -(sum J^T J)^-1 sum J^T B.

    Args:
        solution: rig and parameters.
        points_world: (N, 3).

    Returns:
        (N, 3, P) gains in the world; (N, 3, 3) covariance of the point for detections of one
        pixel; (N,) whether two cameras see it. NaN where they do not.
    """
    cameras = solution.rig.cameras
    num_cameras, num_points = len(solution.rig), len(points_world)
    points_px, by_point, in_front = cameras.project_with_jacobian(points_world)
    sizes = torch.tensor(solution.observations.sizes, dtype=points_px.dtype)[:, None]
    inside = ((points_px >= -0.5) & (points_px <= sizes - 0.5)).all(-1) & in_front
    seen = inside.sum(0) >= 2
    information = information_matrix(by_point, inside.to(points_px))
    inverse, fixed = inverse_information(information)
    by_parameter = by_parameters(solution, points_world)  # (V, N, 2, P)
    weighted = (by_point * inside[..., None, None]).movedim(0, 1).flatten(1, 2)  # (N, 2V, 3)
    rows = by_parameter.movedim(0, 1).reshape(num_points, 2 * num_cameras, -1)
    gain = -inverse @ (weighted.mT @ rows)
    usable = (seen & fixed)[:, None, None]
    return (
        torch.where(usable, gain, torch.nan),
        torch.where(usable, inverse, torch.nan),
        seen & fixed,
    )


def by_parameters(solution: Solution, points_world: Tensor) -> Tensor:
    """The derivative of every camera's pixels by the solution's parameters, (V, N, 2, P)."""
    rig = solution.rig
    cameras = rig.cameras
    pose = cameras.cam_from_world
    reference_from_world = pose[rig.names.index(solution.reference)]
    points = reference_from_world.apply(points_world)
    cam_from_reference = pose @ reference_from_world.inverse()
    K = cameras.K
    state = rig_state(rig, cam_from_reference)
    every = torch.arange(len(rig))
    views = Views(
        torch.zeros(len(rig), len(points), 2, dtype=K.dtype),
        torch.ones(len(rig), len(points), dtype=K.dtype),
        every,
        torch.zeros_like(every),
    )
    found = jacobians(state, Target.of(points), views, ["intrinsics", "camera"])
    own = (
        torch.cat([found["intrinsics"], found["camera"]], dim=-1)
        @ torch.linalg.inv(output_jacobian(state))[:, None]
    )
    place = {name: i for i, name in enumerate(COLUMN_NAMES)}
    columns = torch.zeros(len(rig), len(points), 2, len(solution.parameters), dtype=K.dtype)
    for number, (camera, name) in enumerate(solution.parameters):
        v = rig.names.index(camera)
        columns[v, :, :, number] = own[
            v, :, :, place[name] if name in place else _slot(rig, v, name)
        ]
    return columns


def rig_state(rig: Rig, cam_from_world: Rigid) -> State:
    """The adjuster's state of a rig's cameras, posed as given, with one target at the origin."""
    cameras = rig.cameras
    K = cameras.K
    intrinsics = torch.cat(
        [K[:, :1, 0], K[:, 1:2, 1] / K[:, :1, 0], K[:, :2, 2], cameras.lens.coefficients], dim=-1
    )
    still = Rigid(torch.eye(3, dtype=K.dtype)[None], torch.zeros(1, 3, dtype=K.dtype))
    return State(
        intrinsics,
        K[:, 0, 1],
        cameras.lens.model,
        cam_from_world,
        still,
        torch.zeros(3, dtype=K.dtype),
        torch.zeros(len(rig), dtype=K.dtype),
    )


COLUMN_NAMES = (
    ("fx", "fy", "cx", "cy") + ("",) * MAX_COEFFICIENTS + ("rx", "ry", "rz", "tx", "ty", "tz")
)


def _slot(rig: Rig, v: int, name: str) -> int:
    return 4 + COEFFICIENT_NAMES[rig.lens_names[v]].index(name)


def output_jacobian(state: State) -> Tensor:
    """The derivative of what a solution reports of a camera by what the adjuster refines.

    Returns:
        (V, 18, 18): fx, fy, cx, cy, eight coefficients, rotation vector and translation.
    """
    count = len(state.skew)
    jacobian = torch.eye(18, dtype=state.skew.dtype).repeat(count, 1, 1)
    focal, aspect = state.intrinsics[:, 0], state.intrinsics[:, 1]
    jacobian[:, 1, 0], jacobian[:, 1, 1] = aspect, focal
    vectors = rotation_vector(state.cam_from_world.rotation)
    jacobian[:, 12:15, 12:15] = vector_by_turn(vectors)
    return jacobian


def rotation_vector(rotation: Tensor) -> Tensor:
    """The rotation vectors (radians) of matrices, (*B, 3, 3) -> (*B, 3)."""
    from scipy.spatial.transform import Rotation

    flat = rotation.reshape(-1, 3, 3).numpy()
    return torch.from_numpy(Rotation.from_matrix(flat).as_rotvec()).reshape(rotation.shape[:-1])


def vector_by_turn(vectors: Tensor) -> Tensor:
    """How a rotation vector changes with a small turn applied after it, (*B, 3, 3).

    The inverse left Jacobian of SO(3): I - [v]x / 2 + (1 / t^2 - (1 + cos t) / (2 t sin t)) [v]x^2.
    """
    angle = vectors.norm(dim=-1)[..., None, None]
    near = angle < 1e-4
    safe = torch.where(near, 1.0, angle)
    half = 0.5 * safe
    factor = torch.where(near, 1 / 12, (1 - half / torch.tan(half)) / safe.square())
    cross = skew(vectors)
    return torch.eye(3, dtype=vectors.dtype) - 0.5 * cross + factor * (cross @ cross)


def motions(points: Tensor) -> Tensor:
    """By a turn and a shift of space, points move as this (N, 3, 6) says."""
    identity = torch.eye(3, dtype=points.dtype).expand(len(points), 3, 3)
    return torch.cat([-skew(points), identity], dim=-1)
