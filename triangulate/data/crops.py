"""Crops around people, and the cameras that belong to them.

    box       where a person is in an image: left, top, right, bottom
    window    the pixels to take, as whole numbers: left, top, width, height; of the crop's shape
    crop      the window, resized; black where it reaches beyond the image

`cut` makes the pixels and `crop_cameras` the camera of the same window, and the two agree to less
than a hundredth of a pixel: a point that `Camera.project` puts at (x, y) is what the crop shows
there.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from triangulate.data.sample import Sample
from triangulate.geometry.camera import Camera

Size = tuple[int, int]  # width, height

NO_WINDOW = (0, 0, 0, 0)
"""The window of a view that does not show the person."""

_SAME_PX = 0.5  # how far a projected pixel may come back from undistortion
_POINTS_AT_ONCE = 1 << 20


def windows_around(boxes_px: np.ndarray, size: Size, margin: float = 1.0) -> np.ndarray:
    """The windows around boxes, grown to the crop's shape.

    Args:
        boxes_px: (*B, 4) left, top, right, bottom; a box covers the pixels left ... right - 1. One
            without area gives a window without area.
        size: (width, height) of the crop.
        margin: how much larger than the box the window is.

    Returns:
        (*B, 4) int64 left, top, width, height. A box of whole numbers that has the crop's shape
        already is its own window.
    """
    low, high = boxes_px[..., :2], boxes_px[..., 2:]
    extent = margin * (high - low)
    has_area = np.min(extent, axis=-1, keepdims=True) > 0
    aspect = size[0] / size[1]
    width = np.maximum(extent[..., 0], extent[..., 1] * aspect)
    window = np.round(np.stack([width, width / aspect], axis=-1))
    corner = np.floor((low + high) / 2) - window // 2
    windows = np.concatenate([corner, window], axis=-1)
    return np.where(has_area, windows, NO_WINDOW).astype(np.int64)


def boxes_of(points_px: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The boxes of points.

    Args:
        points_px: (*B, N, 2).
        counts: (*B, N) which points count.

    Returns:
        (*B, 4) left, top, right, bottom; without area where no point counts.
    """
    low = np.where(counts[..., None], points_px, np.inf).min(-2)
    high = np.where(counts[..., None], points_px, -np.inf).max(-2)
    boxes = np.concatenate([np.floor(low), np.ceil(high) + 1], axis=-1)
    return np.where(np.any(counts, axis=-1, keepdims=True), boxes, 0.0)


def crop_cameras(cameras: Camera, windows: np.ndarray, size: Size) -> Camera:
    """The cameras of crops.

    Args:
        cameras: (*B,) of the images.
        windows: (*B, 4); one without area gives a camera that is finite, but means nothing.
        size: (width, height) of the crops.
    """
    corner, extent = torch.from_numpy(windows).double().split(2, dim=-1)
    scale = torch.tensor(size, dtype=torch.float64) / extent.clamp_min(1)
    return cameras.cropped(corner).resized(scale)


def cut(image_rgb: np.ndarray, window: Sequence[int], size: Size) -> np.ndarray:
    """The pixels of a crop.

    Shrinks by averaging over areas, enlarges linearly.

    Args:
        image_rgb: (H, W, 3) uint8.
        window: left, top, width, height, with area.
        size: (width, height) of the crop.

    Returns:
        (height, width, 3) uint8.
    """
    left, top, width, height = (int(value) for value in window)
    image_height, image_width = image_rgb.shape[:2]
    x0, x1 = np.clip([left, left + width], 0, image_width)
    y0, y1 = np.clip([top, top + height], 0, image_height)
    inside = image_rgb[y0:y1, x0:x1]
    if inside.shape[:2] != (height, width):
        padded = np.zeros((height, width, 3), np.uint8)
        padded[y0 - top : y1 - top, x0 - left : x1 - left] = inside
        inside = padded
    shrinks = width * height > size[0] * size[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(inside, size, interpolation=interpolation)


# --- What is seen ---------------------------------------------------------------------------------


def is_inside(points_px: Tensor, sizes: Tensor) -> Tensor:
    """Whether points lie in their images.

    Args:
        points_px: (*B, N, 2).
        sizes: (*B, 2), or (2,), widths and heights.
    """
    edge = sizes[..., None, :].to(points_px) - 0.5
    return ((points_px >= -0.5) & (points_px <= edge)).all(-1)


def shown_points(
    cameras: Camera, points_world: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where images show points, and whether they do.

    Args:
        cameras: (V,) of the images.
        points_world: (N, J, 3) metres, finite.
        sizes: (V, 2) widths and heights.

    Returns:
        (N, V, J, 2) pixels, finite, and (N, V, J) whether the point lies in front of the camera and
        in the image. Where a lens model folds over, a point far outside can be projected into the
        image; such ones do not count.
    """
    per_moment = max(len(sizes) * points_world.shape[1], 1)
    step = max(_POINTS_AT_ONCE // per_moment, 1)
    pieces = [
        _shown(cameras[None], torch.from_numpy(points_world[start : start + step]), sizes)
        for start in range(0, max(len(points_world), 1), step)
    ]
    pixels, shown = zip(*pieces, strict=True)
    return np.concatenate(pixels), np.concatenate(shown)


def _shown(
    cameras: Camera, points_world: Tensor, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    points = points_world[:, None].double()
    points_px, in_front = cameras.project(points)
    inside = is_inside(points_px, torch.from_numpy(sizes))
    projection = cameras.projection()
    straight = points @ projection[..., :3].mT + projection[..., None, :, 3]
    straight_px = straight[..., :2] / torch.where(in_front, straight[..., 2], 1.0)[..., None]
    undistorted_px, valid = cameras.undistort(torch.where(inside[..., None], points_px, 0.0))
    comes_back = (undistorted_px - straight_px).norm(dim=-1) < _SAME_PX
    shown = in_front & inside & valid & comes_back
    return points_px.numpy(), shown.numpy()


# --- Samples --------------------------------------------------------------------------------------


def sample_of(
    crops: Sequence[np.ndarray | None],
    cameras: Camera,
    size: Size,
    points_world: Tensor,
    known: Tensor,
    shown: Tensor,
    group: int,
) -> Sample:
    """The sample of one moment.

    Args:
        crops: V crops (H, W, 3) uint8 RGB; None: the view is missing.
        cameras: (V,) of the crops.
        size: (width, height) of the crops.
        points_world: (J, 3) metres; zero where not `known`.
        known: (J,).
        shown: (V, J) whether the whole image shows the joint.
        group: which group the moment belongs to.
    """
    black = np.zeros((size[1], size[0], 3), np.uint8)
    images = np.stack([black if crop is None else crop for crop in crops])
    views = torch.tensor([crop is not None for crop in crops])
    points_px, in_front = cameras.project(points_world)
    in_crop = in_front & is_inside(points_px, torch.tensor(size))
    return Sample(
        images=torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        cameras=cameras,
        views=views,
        points_world=points_world,
        known=known,
        visible=shown & in_crop & known & views[:, None],
        group=torch.tensor(group),
    )
