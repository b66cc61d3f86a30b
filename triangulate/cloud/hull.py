"""A person's visual hull in the colours of the images.

    masks of the views -> voxels that they hold (`geometry.carving`) -> the parts that hold joints
    -> their surface -> colours of the views that see it

Which voxels stay is a matter of how far masks and calibration are believed. On seven moments of a
balancing person seen by four cameras, whose joints reproject to 11 pixels:

- Where every view that shows a voxel must hold it, 0.12 m3 stay, and overlap with the masks by 0.80
  at least, but 21 to 36 % of the joints are lost: one view's error is enough to cut off a hand.
- Where all views but one must, 0.24 to 0.35 m3 stay, which overlap by 0.48 to 0.76.
- Where every view must, but one may be overruled along the bones, at most 12 % of the joints are
  lost, and the overlap is 0.77 at least and 0.88 in the mean (ten moments). The skeleton is found
  by all views, so that it outweighs a single mask.

So the last it is. Blurring the masks, and holding the mean of their logarithms to a threshold, was
no better at any width. A mask that fails as a whole does not take part (`pose2d.silhouettes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import Tensor

from triangulate.cloud.points import Cloud
from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.carving import (
    BLOCK,
    MIN_VIEWS,
    carve,
    silhouettes_of,
    surface,
    visible,
    voxels_along,
)
from triangulate.geometry.volume import cuboid_grid, look_up
from triangulate.pose2d.silhouettes import Silhouettes
from triangulate.skeleton import Skeleton, joint_places

BONE_RADIUS_M = 0.02
"""So near a bone one view may be overruled."""

MAX_SIZE = 512

_TRUNK = (
    ("left_shoulder", "right_hip"),
    ("right_shoulder", "left_hip"),
)
_UNSEEN = (128, 128, 128)
_SMOOTH_VOXELS = 1.5  # of the normals


@dataclass(frozen=True)
class Hull:
    """A person carved out of a cube.

    Attributes:
        held: (X, Y, Z) bool.
        grid_world: (X, Y, Z, 3) metres.
        overlap: (V,) intersection over union of its silhouette and each view's mask; NaN where
            there is none.
        joints_inside: share of the joints that are within a voxel of it.
    """

    held: Tensor
    grid_world: Tensor
    overlap: np.ndarray
    joints_inside: float

    @property
    def step_m(self) -> float:
        """Between voxels."""
        return float((self.grid_world[1, 0, 0] - self.grid_world[0, 0, 0]).norm())

    @property
    def volume_m3(self) -> float:
        """Of the held voxels."""
        return float(self.held.sum()) * self.step_m**3


def check_size(size: int, multiple: int = 1) -> None:
    """Refuse a number of voxels along a side that cannot be worked with."""
    if not 2 * BLOCK <= size <= MAX_SIZE or size % multiple:
        of = f"a multiple of {multiple}, " if multiple > 1 else ""
        raise InputError(f"--size {size}: must be {of}{2 * BLOCK} to {MAX_SIZE}")


# --- The hull -------------------------------------------------------------------------------------


def visual_hull(
    silhouettes: Silhouettes,
    joints_world: np.ndarray,
    skeleton: Skeleton,
    *,
    size: int = 128,
    side_m: float = 2.5,
) -> Hull | None:
    """Carve a person out of the cube about the body's middle.

    Args:
        silhouettes: of V views.
        joints_world: (J, 3) the person's joints, metres, NaN where unknown.
        skeleton: the J joints.
        size: voxels along a side, a multiple of 8.
        side_m: of the cube.

    Returns:
        None where fewer than two views have a mask, or nothing is held about the skeleton.
    """
    check_size(size, BLOCK)
    joints = torch.from_numpy(joints_world[np.isfinite(joints_world).all(-1)])
    if int(silhouettes.views.sum()) < MIN_VIEWS or not len(joints):
        return None
    grid = cuboid_grid(joints.median(0).values, side_m, size)
    bones = torch.from_numpy(bones_of(joints_world, skeleton))
    held = carve(
        silhouettes.probability,
        silhouettes.shown,
        silhouettes.cameras,
        grid,
        silhouettes.views,
        voxels_along(bones, grid, BONE_RADIUS_M),
    )
    held, inside = about_joints(held, joints, grid)
    if not bool(held.any()):
        return None
    overlap = mask_overlap(silhouettes, grid[surface(held)], side_m / (size - 1))
    return Hull(held, grid, overlap, inside)


def bones_of(joints_world: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(N, 2, 3) the bones both of whose ends are known, and the trunk's diagonals."""
    trunk = [joint_places(diagonal, skeleton.joint_names) for diagonal in _TRUNK]
    known = [ends for ends in trunk if min(ends) >= 0]
    pairs = np.array([*skeleton.edges, *known], dtype=int).reshape(-1, 2)
    ends = joints_world[pairs]
    return ends[np.isfinite(ends).all((-2, -1))]


def about_joints(held: Tensor, joints: Tensor, grid_world: Tensor) -> tuple[Tensor, float]:
    """Without the parts that float about: only those stay that hold a joint.

    Args:
        held: (X, Y, Z) bool.
        joints: (J, 3).
        grid_world: (X, Y, Z, 3).

    Returns:
        (X, Y, Z) bool, and the share of the joints that are within a voxel of it.
    """
    first, step = grid_world[0, 0, 0], grid_world[1, 1, 1] - grid_world[0, 0, 0]
    index = ((joints - first) / step).round().long().numpy()
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    around = index[:, None] + steps  # (J, 27, 3)
    within = ((around >= 0) & (around < held.shape)).all(-1)
    parts, _ = ndimage.label(held.numpy(), np.ones((3, 3, 3)))
    at = np.where(within, parts[tuple(np.where(within[..., None], around, 0).T)].T, 0)
    chosen = np.unique(at[at > 0])
    is_chosen = np.zeros(parts.max() + 1, dtype=bool)
    is_chosen[chosen] = True
    return torch.from_numpy(is_chosen[parts]), float((at > 0).any(-1).mean())


def mask_overlap(silhouettes: Silhouettes, points_world: Tensor, step_m: float) -> np.ndarray:
    """(V,) intersection over union of a surface's silhouettes and the masks."""
    height, width = silhouettes.shown.shape[1:]
    cameras = silhouettes.cameras
    covers = silhouettes_of(points_world, cameras, (width, height), step_m / 2)
    covers, masks = covers & silhouettes.shown, silhouettes.probability > 0.5
    both, either = (covers & masks).sum((1, 2)), (covers | masks).sum((1, 2))
    overlap = torch.where(silhouettes.views, both / either.clamp_min(1), torch.nan)
    return overlap.double().numpy()


def hull_cloud(
    hull: Hull, images: Sequence[np.ndarray | None], cameras: Camera, silhouettes: Silhouettes
) -> Cloud:
    """The hull's surface with the colours of the views that see it, those that face it first.

    A view colours what lies on its mask. What no view colours looks like what is nearest to it.

    Args:
        hull: carved.
        images: V pictures (H, W, 3) uint8 RGB.
        cameras: (V,) of the images.
        silhouettes: that it was carved by.
    """
    on_surface = surface(hull.held)
    points = hull.grid_world[on_surface]
    normals = _normals(hull.held.numpy(), on_surface.numpy())
    height, width = silhouettes.shown.shape[1:]
    unhidden = visible(points, silhouettes.cameras, (width, height), hull.step_m)
    sees = (unhidden & _on_masks(points, silhouettes)).numpy()
    points_m = points.numpy()
    towards = cameras.centre_world[:, None].numpy() - points_m
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    facing = (towards * normals).sum(-1).clip(0.05, None) ** 2  # (V, N)
    points_px = cameras.project(points)[0].numpy()
    total, weight = np.zeros((len(points), 3)), np.zeros(len(points))
    for v, image in enumerate(images):
        if image is None or not silhouettes.views[v]:
            continue
        column, row = np.rint(points_px[v]).astype(int).T
        inside = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
        part = sees[v] & inside
        total[part] += facing[v, part, None] * image[row[part], column[part]]
        weight[part] += facing[v, part]
    coloured = weight > 0
    colours = np.full((len(points), 3), _UNSEEN, dtype=np.float64)
    colours[coloured] = total[coloured] / weight[coloured, None]
    if coloured.any() and not coloured.all():
        nearest = cKDTree(points_m[coloured]).query(points_m[~coloured])[1]
        colours[~coloured] = colours[coloured][nearest]
    return Cloud(points_m, np.rint(colours).astype(np.uint8), normals)


def _on_masks(points_world: Tensor, silhouettes: Silhouettes) -> Tensor:
    """(V, N) which points (N, 3) lie on the masks."""
    masks = silhouettes.probability[None, :, None]
    on = look_up(masks, silhouettes.cameras, points_world[None], silhouettes.views[None])
    return on[0, ..., 0] > 0.5


def _normals(held: np.ndarray, on_surface: np.ndarray) -> np.ndarray:
    """(N, 3) outward normals of the surface's voxels: where the smoothed hull falls off."""
    around = ndimage.find_objects(held.astype(np.uint8))[0]
    ring = int(np.ceil(3 * _SMOOTH_VOXELS))
    soft = np.pad(held[around].astype(np.float32), ring)
    soft = ndimage.gaussian_filter(soft, _SMOOTH_VOXELS)
    at = tuple(index + ring for index in np.nonzero(on_surface[around]))
    slopes = np.stack([np.gradient(soft, axis=axis) for axis in range(3)], axis=-1)[at]
    return -slopes / np.maximum(np.linalg.norm(slopes, axis=-1, keepdims=True), 1e-9)
