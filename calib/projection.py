"""Where the target's points are seen, and how that changes with every parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from calib.unknowns import State, Target, Views
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid, skew

FAMILIES = ("intrinsics", "camera", "target", "bow", "late_s")
"""What the predicted pixels depend on."""

_FAR2 = 1e6  # squared sigmas of a point that cannot be seen at all
_GRAZING = 1e-3  # depth, as a part of the distance, below which a point is not before the camera


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
