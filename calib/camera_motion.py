"""Small motions of cameras: which leave a rig as it is, how far they are known, where a rig sits.

A camera's motion is six numbers: a turn about its own axes (a rotation vector, radians) and the
shift of its centre in the world. Moving the whole world gives all cameras motions that mean
nothing, so covariances are given with what is held still.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from calib.space import rotation_vector
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid, skew
from triangulate.geometry.similarity import align

_ROUNDS = 20
_SAME = 1e-9


def motions(before: Rigid, after: Rigid) -> Tensor:
    """From one set of camera poses (V) to another in the same world, (V, 6)."""
    turn = rotation_vector(after.rotation @ before.rotation.mT)
    shift = after.inverse().translation - before.inverse().translation
    return torch.cat([turn, shift], dim=-1)


def motion_by_step(cam_from_world: Rigid) -> Tensor:
    """The derivative of motions by the adjuster's steps, (V, 6, 6).

    A step turns the pose's rotation by w and adds s to its translation t: the centre -R^T t then
    moves by R^T (w x t - s).
    """
    back = cam_from_world.rotation.mT
    matrix = torch.zeros(len(back), 6, 6, dtype=back.dtype)
    matrix[:, :3, :3] = torch.eye(3, dtype=back.dtype)
    matrix[:, 3:, :3] = -back @ skew(cam_from_world.translation)
    matrix[:, 3:, 3:] = -back
    return matrix


def world_motions(cam_from_world: Rigid) -> Tensor:
    """The cameras' motions when the world is turned, shifted or stretched, (6V, 7).

    A turn about the cameras' middle, a shift, and growth from that middle.
    """
    rotation = cam_from_world.rotation
    centre = cam_from_world.inverse().translation
    arm = centre - centre.mean(0)
    moved = torch.zeros(len(arm), 6, 7, dtype=arm.dtype)
    moved[:, :3, :3] = -rotation
    moved[:, 3:, :3] = -skew(arm)
    moved[:, 3:, 3:6] = torch.eye(3, dtype=arm.dtype)
    moved[:, 3:, 6] = arm
    return moved.flatten(0, 1)


def held_covariance(information: Tensor, held: Tensor) -> Tensor:
    """The covariance of motions of which some combinations are zero.

    Args:
        information: (n, n), singular along what is held.
        held: (k, n) rows whose products with the motions are zero.

    Returns:
        (n, n).
    """
    count, size = len(information), len(held)
    scale = information.diagonal().clamp_min(1e-300).rsqrt()
    rows = torch.linalg.qr((held * scale).mT)[0].mT  # the same constraints, of size one
    bordered = torch.zeros(count + size, count + size, dtype=information.dtype)
    bordered[:count, :count] = information * scale[:, None] * scale
    bordered[count:, :count], bordered[:count, count:] = rows, rows.mT
    inverse = torch.linalg.pinv(bordered, hermitian=True)[:count, :count]
    return inverse * scale[:, None] * scale


# --- Where a rig sits -----------------------------------------------------------------------------


def fitting_world(new: Camera, old: Camera, away_m: float) -> Rigid:
    """old_from_new, by which cameras come nearest to where they were; a few moved ones count less.

    Each camera counts by its centre and by three points `away_m` along its axes, so that two
    cameras are enough. Distances count, not their squares: cameras that stayed where they were
    hold the world against those that did not.

    Args:
        new: V cameras.
        old: the same cameras as they were.
        away_m: how far off what they look at is.
    """
    marks_new, marks_old = _marks(new, away_m), _marks(old, away_m)
    weights = torch.ones(len(marks_new), dtype=marks_new.dtype)
    for _ in range(_ROUNDS):
        each = weights[:, None].expand(-1, 4).flatten()
        found, _ = align(marks_new.flatten(0, 1), marks_old.flatten(0, 1), each, with_scale=False)
        old_from_new = Rigid(found.rotation, found.translation)
        off = (old_from_new.apply(marks_new) - marks_old).square().sum((-2, -1)).sqrt()
        weights = 1 / off.clamp_min(1e-3 * float(off.median()) + _SAME * away_m)
        weights = weights / weights.max()
    return old_from_new


def held_in_place(cam_from_world: Rigid, away_m: float) -> Tensor:
    """What `fitting_world` keeps at zero when all cameras count alike, (6, 6V)."""
    rotation = cam_from_world.rotation
    centre = cam_from_world.inverse().translation
    axes = _axes(rotation, away_m)
    marks = centre[:, None] + axes @ rotation
    # A turn w moves R^T e by R^T (e x w).
    by_turn = rotation.mT[:, None] @ skew(axes)
    by_shift = torch.eye(3, dtype=rotation.dtype).expand_as(by_turn)
    moved = torch.cat([by_turn, by_shift], dim=-1)  # (V, 4, 3, 6)
    arms = marks - marks.mean((0, 1))
    turned, shifted = (skew(arms) @ moved).sum(1), moved.sum(1)  # (V, 3, 6)
    return torch.cat([turned, shifted], dim=1).movedim(0, 1).flatten(1)


def in_world(camera: Camera, new_from_world: Rigid) -> Camera:
    """The cameras in another world."""
    back = new_from_world.inverse().map(lambda tensor: tensor[None])
    return replace(camera, cam_from_world=camera.cam_from_world @ back)


def _marks(camera: Camera, away_m: float) -> Tensor:
    """(V, 4, 3) the centres and points along the axes."""
    pose = camera.cam_from_world
    axes = _axes(pose.rotation, away_m)
    return pose.inverse().translation[:, None] + axes @ pose.rotation


def _axes(rotation: Tensor, away_m: float) -> Tensor:
    return away_m * torch.cat([torch.zeros(1, 3), torch.eye(3)]).to(rotation)  # (4, 3)
