"""Every camera's image: what was observed, and where the 3D pose projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from triangulate.drawing.bones import draw_bones, project
from triangulate.drawing.canvas import (
    BACKGROUND,
    DIM,
    DROPPED,
    MIDDLE,
    MISSING,
    PANEL,
    TEXT,
    USED,
    Box,
    Canvas,
    Colour,
    text_width,
)
from triangulate.geometry.camera import Camera
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig

GAP_PX = 10


@dataclass(frozen=True)
class Tiles:
    """Where the views go, and what part of each image they show.

    Attributes:
        boxes: V parts of the picture, all of one size.
        crops_px: (V, 4) corner and size (x, y, width, height) of the part of the image shown.
        cameras: the rig's cameras (V,) with the tiles as their images.
        tile_from_image: (V, 3, 3) pixels of the tile from those of the camera's image.
    """

    boxes: tuple[Box, ...]
    crops_px: np.ndarray
    cameras: Camera
    tile_from_image: np.ndarray


def lay_out(rig: Rig, sizes: np.ndarray, content_px: np.ndarray, box: Box) -> Tiles:
    """Tiles that fill a box, each showing what matters of its camera's image.

    Args:
        rig: V cameras.
        sizes: (V, 2) image sizes (width, height).
        content_px: (V, N, 2) points that matter, NaN where there is none.
        box: the part of the picture to fill.
    """
    shape, corners = cells(len(sizes), box)
    crops = np.stack([_crop(*view, shape) for view in zip(content_px, sizes, strict=True)])
    cameras = rig.cameras.cropped(torch.from_numpy(crops[:, :2]))
    cameras = cameras.resized(torch.from_numpy(shape / crops[:, 2:]))
    return Tiles(
        tuple(Box(x, y, *shape.tolist()) for x, y in corners.tolist()),
        crops,
        cameras,
        (cameras.K @ torch.linalg.inv(rig.cameras.K)).numpy(),
    )


def cells(count: int, box: Box, aspect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Equal cells that fill a box, in as many columns as let what they hold be the largest.

    Args:
        count: of the cells.
        box: the part of the picture to fill.
        aspect: width through height of what the cells hold.

    Returns:
        The cells' size (2,) and corners (count, 2).
    """

    def shape(columns: int) -> np.ndarray:
        gaps = GAP_PX * np.array([columns - 1, -(-count // columns) - 1])
        return (np.array([box.width, box.height]) - gaps) // [columns, -(-count // columns)]

    def height(columns: int) -> int:
        return int((shape(columns) / [aspect, 1]).min())

    columns = max(range(1, count + 1), key=height)
    place = np.stack(np.divmod(np.arange(count), columns)[::-1], axis=-1)
    return shape(columns), [box.x, box.y] + place * (shape(columns) + GAP_PX)


def _crop(content_px: np.ndarray, size: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """A part (x, y, width, height) of an image around points (N, 2), with the aspect of `shape`.

    It lies inside the image where it can; without points it holds the whole image.
    """
    inside = np.isfinite(content_px).all(-1)
    inside[inside] = ((content_px[inside] >= 0) & (content_px[inside] < size)).all(-1)
    points = content_px[inside] if inside.any() else np.array([[0, 0], size - 1])
    low, high = points.min(0), points.max(0)
    needed = (1.3 * (high - low)).clip(size / 8) if inside.any() else size
    extent = shape * (needed / shape).max()
    slack = size - extent
    corner = (low + high - extent) / 2
    corner = np.where(slack > 0, corner.clip(0, slack.clip(0)), slack / 2)
    return np.concatenate([corner, extent])


def draw_views(
    canvas: Canvas,
    tiles: Tiles,
    sizes: np.ndarray,
    poses: Poses3D,
    keypoints: Keypoints2D,
    rig: Rig,
    frame: int,
    images: Sequence[np.ndarray] | None = None,
) -> None:
    """Draw all views of a frame (an index into the poses and the keypoints alike)."""
    positions = poses.positions_m[frame]
    tile_px = project(tiles.cameras, positions)  # (V, P, J, 2)
    observed_px = keypoints.points_px[frame].astype(np.float64)  # (V, K, J, 2)
    used = used_observations(observed_px, project(rig.cameras, positions), poses, frame)
    flip = poses.skeleton.flip_permutation()
    turned = poses.sides_swapped[frame].T[..., None, None]  # (V, P, 1, 1)
    affine = tiles.tile_from_image[:, None]
    marks_px = observed_px @ affine[..., :2, :2].mT + affine[..., None, :2, 2]
    for v, box in enumerate(tiles.boxes):
        tile = canvas.part(box)
        tile.fill(PANEL)
        if images is not None:
            tile.warped(images[v], tiles.tile_from_image[v], brightness=0.6)
        for person in tile_px[v]:
            draw_bones(tile, person, poses.skeleton, 2.6)
        meant_px = np.where(turned[v], tile_px[v][:, flip], tile_px[v])
        _draw_marks(tile, marks_px[v], used[v], meant_px)
        taken = poses.views_used[frame, :, v]
        is_turned = bool(turned[v].any())
        draw_label(tile, rig.names[v], poses.reprojection_px[frame, :, v][taken], is_turned)
        _draw_inset(tile, sizes[v], tiles.crops_px[v], box)


def used_observations(
    observed_px: np.ndarray, projected_px: np.ndarray, poses: Poses3D, frame: int
) -> np.ndarray:
    """Which observations took part in a position, (V, K, J) bool.

    Views do not number people as the poses do, so an observation is known again by its distance to
    a projected joint, which is the reprojection error that the poses keep. Where left and right of
    a view were exchanged, its joints stand for those of the other side.

    Args:
        observed_px: (V, K, J, 2), NaN where there is none.
        projected_px: (V, P, J, 2) of the poses, NaN where there is none.
        poses: the poses.
        frame: an index into them.
    """
    flip = poses.skeleton.flip_permutation()
    turned = poses.sides_swapped[frame].T[:, None, :, None]  # (V, 1, P, 1)
    meant_px = np.where(turned[..., None], projected_px[:, None, :, flip], projected_px[:, None])
    apart_px = np.linalg.norm(observed_px[:, :, None] - meant_px, axis=-1)  # (V, K, P, J)
    stored_px = np.moveaxis(poses.reprojection_px[frame], 1, 0)[:, None]  # (V, 1, P, J)
    took_part = np.moveaxis(poses.views_used[frame], 1, 0)[:, None]
    stored_px = np.where(turned, stored_px[..., flip], stored_px)
    took_part = np.where(turned, took_part[..., flip], took_part)
    with np.errstate(invalid="ignore"):
        same = np.abs(apart_px - stored_px) < 0.1 + 0.01 * stored_px
    return (same & took_part).any(axis=2)


def _draw_marks(
    tile: Canvas, marks_px: np.ndarray, used: np.ndarray, joints_px: np.ndarray
) -> None:
    """Marks on the observations of one view.

    Args:
        tile: the view.
        marks_px: (K, J, 2) observations, in the tile's pixels.
        used: (K, J).
        joints_px: (P, J, 2) the projected joint that each observation stands for.
    """
    unseen = ~np.isfinite(marks_px).all(-1).any(axis=0)  # (J,)
    tile.dot(joints_px[:, unseen].reshape(-1, 2), MISSING, 3.6, ring_px=1.2)
    dropped = marks_px[~used]
    joints = np.broadcast_to(joints_px[:1], marks_px.shape)[~used]
    if len(joints_px) == 1:  # with more people nobody can tell whose joint was meant
        tile.segments(np.stack([dropped, joints], axis=1), DROPPED, 0.7)
    tile.dot(marks_px[used], BACKGROUND, 3.8)
    tile.dot(marks_px[used], USED, 3.0)
    tile.cross(dropped, DROPPED, 4.6, 1.6)


def draw_label(
    tile: Canvas,
    name: str,
    error_px: np.ndarray,
    is_turned: bool,
    unit_px: float = 1.0,
    rim: Colour | None = None,
) -> None:
    """The camera's name, and the median reprojection error over the views used.

    Args:
        tile: the view.
        name: of the camera.
        error_px: (N,) errors, NaN where the joint lies behind the camera.
        is_turned: whether left and right were exchanged first.
        unit_px: by which all sizes are multiplied.
        rim: what outlines the texts.
    """
    size_px = 14 * unit_px
    tile.text(name, (10 * unit_px, 20 * unit_px), TEXT, size_px, rim=rim)
    if np.isfinite(error_px).any():
        note = f"{np.nanmedian(error_px):.1f} px"
        x = tile.width - text_width(note, size_px) - 10 * unit_px
        tile.text(note, (x, 20 * unit_px), DIM if rim is None else TEXT, size_px, rim=rim)
    if is_turned:
        tile.text(
            "left and right exchanged", (10 * unit_px, 40 * unit_px), MIDDLE, size_px, rim=rim
        )


def _draw_inset(tile: Canvas, size: np.ndarray, crop_px: np.ndarray, box: Box) -> None:
    """The whole image in small, and in it the part that the tile shows."""
    scale = 0.2 * min(box.width, box.height) / float(size.max())
    corner = np.array([box.width, box.height]) - scale * size - 10
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    tile.line(corner + scale * size * square, DIM, 0.8)
    shown = (crop_px[:2] + crop_px[2:] * square).clip(0, size)
    tile.line(corner + scale * shown, TEXT, 1.2)
