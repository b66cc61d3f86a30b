"""What the uncertainty of a rig's parameters means for points in space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from calib.bundle import State, Target, Views, jacobians
from calib.choices import COEFFICIENT_NAMES
from triangulate.errors import InputError
from triangulate.geometry.covariance import information_matrix, inverse_information
from triangulate.geometry.lens import MAX_COEFFICIENTS
from triangulate.geometry.rigid import Rigid, skew

if TYPE_CHECKING:
    from calib.solution import Solution
    from triangulate.rig import Rig

_MOST_ANCHORS = 400  # points of the target that fix the frame of comparison


def expected_error_m(
    solution: Solution, points_world: np.ndarray, detection_sigma_px: float = 0.0
) -> np.ndarray:
    """See `Solution.expected_error_m`."""
    points = np.asarray(points_world, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points_world must have shape (N, 3), got {points.shape}")
    anchors = solution.target_points_world.reshape(-1, 3)
    anchors = anchors[np.isfinite(anchors).all(-1)]
    anchors = anchors[:: max(1, len(anchors) // _MOST_ANCHORS)]
    gain, noise, _ = point_gains(solution, torch.from_numpy(points))
    anchor_gain, _, anchor_seen = point_gains(solution, torch.from_numpy(anchors))
    at = torch.from_numpy(anchors)
    motion = _fitted_motion(at[anchor_seen], anchor_gain[anchor_seen])
    relative = gain - _motions(torch.from_numpy(points)) @ motion
    covariance = torch.from_numpy(solution.covariance)
    variance = ((relative @ covariance) * relative).sum((-2, -1))
    trace = noise.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (variance + detection_sigma_px**2 * trace).clamp_min(0).sqrt().numpy()


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
    by_parameter = _by_parameters(solution, points_world)  # (V, N, 2, P)
    weighted = (by_point * inside[..., None, None]).movedim(0, 1).flatten(1, 2)  # (N, 2V, 3)
    rows = by_parameter.movedim(0, 1).reshape(num_points, 2 * num_cameras, -1)
    gain = -inverse @ (weighted.mT @ rows)
    usable = (seen & fixed)[:, None, None]
    return (
        torch.where(usable, gain, torch.nan),
        torch.where(usable, inverse, torch.nan),
        seen & fixed,
    )


def _by_parameters(solution: Solution, points_world: Tensor) -> Tensor:
    """The derivative of every camera's pixels by the solution's parameters, (V, N, 2, P)."""
    rig = solution.rig
    cameras = rig.cameras
    pose = cameras.cam_from_world
    reference_from_world = pose[rig.names.index(solution.reference)]
    points = reference_from_world.apply(points_world)
    cam_from_reference = pose @ reference_from_world.inverse()
    K = cameras.K
    intrinsics = torch.cat(
        [K[:, :1, 0], K[:, 1:2, 1] / K[:, :1, 0], K[:, :2, 2], cameras.lens.coefficients], dim=-1
    )
    still = Rigid(torch.eye(3, dtype=K.dtype)[None], torch.zeros(1, 3, dtype=K.dtype))
    state = State(
        intrinsics,
        K[:, 0, 1],
        cameras.lens.model,
        cam_from_reference,
        still,
        torch.zeros(3, dtype=K.dtype),
        torch.zeros(len(rig), dtype=K.dtype),
    )
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


def _motions(points: Tensor) -> Tensor:
    """By a turn and a shift of space, points move as this (N, 3, 6) says."""
    identity = torch.eye(3, dtype=points.dtype).expand(len(points), 3, 3)
    return torch.cat([-skew(points), identity], dim=-1)


def _fitted_motion(points: Tensor, gain: Tensor) -> Tensor:
    """The motion of space (6, P) nearest to how points move with the parameters."""
    rows = _motions(points).flatten(0, 1)
    return torch.linalg.lstsq(rows, gain.flatten(0, 1)).solution
