"""A person's visual hull in the colours of the images.

    masks of the views -> voxels that they hold, the joints' bones first (`geometry.carving`)
    -> the parts that hold joints -> what masks still lack -> surface -> colours of the views

Which voxels stay is a matter of how far masks and calibration are believed. Twenty moments of a
balancing person before four cameras, one of which has the joints 21 pixels from where the others
have them (`tools/bench/hull.py`):

                                                     joints inside   overlap with a mask
                                                     least    mean   least    mean
    every view must hold a voxel                     0.88     0.96   0.83     0.88
    one view may be overruled where a bone goes      0.97     1.00   0.83     0.89
    and bare cells of the masks are covered          0.97     1.00   0.84     0.90

Once the cameras are set right by the joints (`calib selfcal`), the overlap is 0.87 at least, and
0.94 in the mean. The skeleton is found by all views, so that along it a single mask is outweighed;
wider about the bones (2 cm, 4 cm) it adds what is beside the masks (0.80, 0.78 at least). All views
but one, everywhere, leave 0.24 to 0.35 m3, twice as much as a person.

A mask that fails as a whole does not take part (`pose2d.silhouettes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree
from torch import Tensor

from triangulate.cloud.points import Cloud
from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.carving import BLOCK, MIN_VIEWS, cover_silhouettes, find_candidates
from triangulate.geometry.occlusion import silhouettes_of, visible
from triangulate.geometry.volume import look_up
from triangulate.geometry.voxels import VoxelGrid, surface, voxels_along
from triangulate.pose2d.silhouettes import Silhouettes
from triangulate.skeleton import Skeleton, joint_places

SURE = 0.9
"""Of the mask's probability, from which on a view colours: what lies about its edge is often the
background's."""

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
        grid: where its voxels are.
        overlap: (V,) intersection over union of its silhouette and each view's mask; NaN where
            there is none.
        joints_inside: share of the joints that are within a voxel of it.
    """

    held: Tensor
    grid: VoxelGrid
    overlap: np.ndarray
    joints_inside: float

    @property
    def volume_m3(self) -> float:
        """Of the held voxels."""
        return float(self.held.sum()) * self.grid.step_m**3

    def surface_points(self) -> Tensor:
        """(N, 3) the outermost voxels' middles, as `surface(held)` has them in turn."""
        return self.grid.points(surface(self.held).nonzero())


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
    grid = VoxelGrid.cube(middle_of(joints, side_m), side_m, size)
    bones = torch.from_numpy(bones_of(joints_world, skeleton))
    found = find_candidates(
        silhouettes.probability,
        silhouettes.shown,
        silhouettes.cameras,
        grid,
        silhouettes.views,
        voxels_along(bones, grid),
    )
    held, _ = about_joints(found.held(), joints, found.grid)
    held = cover_silhouettes(held, found, silhouettes.masks, silhouettes.cameras)
    held, inside = about_joints(held, joints, found.grid)
    if not bool(held.any()):
        return None
    hull = Hull(held, found.grid, np.empty(0), inside)
    overlap = mask_overlap(silhouettes, hull.surface_points(), grid.step_m)
    return replace(hull, overlap=overlap)


def middle_of(joints_world: Tensor, side_m: float) -> Tensor:
    """The middle (3,) of the box around joints (J, 3), for a cube that is to hold them all.

    Their median would be at the shoulders, where half of many skeletons' joints are: the feet were
    beyond the cube. Joints farther from it than the cube is wide do not count.
    """
    median = joints_world.median(0).values
    near = joints_world[(joints_world - median).abs().amax(-1) <= side_m]
    return (near.amin(0) + near.amax(0)) / 2


def bones_of(joints_world: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(N, 2, 3) the bones both of whose ends are known, and the trunk's diagonals."""
    trunk = [joint_places(diagonal, skeleton.joint_names) for diagonal in _TRUNK]
    known = [ends for ends in trunk if min(ends) >= 0]
    pairs = np.array([*skeleton.edges, *known], dtype=int).reshape(-1, 2)
    ends = joints_world[pairs]
    return ends[np.isfinite(ends).all((-2, -1))]


def about_joints(held: Tensor, joints: Tensor, grid: VoxelGrid) -> tuple[Tensor, float]:
    """Without the parts that float about: only those stay that hold a joint.

    Args:
        held: (X, Y, Z) bool.
        joints: (J, 3).
        grid: of the voxels.

    Returns:
        (X, Y, Z) bool, and the share of the joints that are within a voxel of it.
    """
    near = torch.tensor([-1, 0, 1], device=held.device)
    around = grid.index(joints)[:, None] + torch.cartesian_prod(near, near, near)  # (J, 27, 3)
    within = grid.contains(around).numpy()
    parts, count = ndimage.label(held.numpy(), np.ones((3, 3, 3)))
    at = np.where(within, parts[tuple(np.where(within[..., None], around, 0).T)].T, 0)
    is_chosen = np.zeros(count + 1, dtype=bool)
    is_chosen[at[at > 0]] = True
    return torch.from_numpy(is_chosen[parts]), float((at > 0).any(-1).mean())


def mask_overlap(silhouettes: Silhouettes, points_world: Tensor, step_m: float) -> np.ndarray:
    """(V,) intersection over union of a surface's silhouettes and the masks."""
    height, width = silhouettes.shown.shape[1:]
    cameras = silhouettes.cameras
    covers = silhouettes_of(points_world, cameras, (width, height), step_m / 2)
    covers, masks = covers & silhouettes.shown, silhouettes.masks
    both, either = (covers & masks).sum((1, 2)), (covers | masks).sum((1, 2))
    overlap = torch.where(silhouettes.views, both / either.clamp_min(1), torch.nan)
    return overlap.double().numpy()


def hull_cloud(
    hull: Hull, images: Sequence[np.ndarray | None], cameras: Camera, silhouettes: Silhouettes
) -> Cloud:
    """The hull's surface with the colours of the views that see it, those that face it first.

    A view colours what lies well on its mask. What none colours looks like what is nearest to it.

    Args:
        hull: carved.
        images: V pictures (H, W, 3) uint8 RGB.
        cameras: (V,) of the images.
        silhouettes: that it was carved by.
    """
    on_surface = surface(hull.held)
    points = hull.grid.points(on_surface.nonzero())
    normals = _normals(hull.held.numpy(), on_surface.numpy())
    unhidden = visible(hull.held, hull.grid, cameras.centre_world)
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
    """(V, N) which points (N, 3) surely lie on the masks."""
    masks = silhouettes.probability[None, :, None]
    on = look_up(masks, silhouettes.cameras, points_world[None], silhouettes.views[None])
    return on[0, ..., 0] > SURE


def _normals(held: np.ndarray, on_surface: np.ndarray) -> np.ndarray:
    """(N, 3) outward normals of the surface's voxels: where the smoothed hull falls off."""
    around = ndimage.find_objects(held.astype(np.uint8))[0]
    ring = int(np.ceil(3 * _SMOOTH_VOXELS))
    soft = np.pad(held[around].astype(np.float32), ring)
    soft = ndimage.gaussian_filter(soft, _SMOOTH_VOXELS)
    at = tuple(index + ring for index in np.nonzero(on_surface[around]))
    slopes = np.stack([np.gradient(soft, axis=axis) for axis in range(3)], axis=-1)[at]
    return -slopes / np.maximum(np.linalg.norm(slopes, axis=-1, keepdims=True), 1e-9)
