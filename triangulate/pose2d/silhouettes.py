"""Silhouettes of a recording's person: BlazePose's mask of a crop, brought back into the image.

The network says of each pixel of the person's crop whether it shows the person. Here that becomes a
small map of the whole image, with the camera that belongs to it, so that what lies beside the crop
counts as beside the person, and what lies beside the image as not seen. Pixels of the mask are
pixels of the crop: on mirrored crops of a recording of four views the outlines differ by 0.01 of a
pixel in the middle, so by half of that the one or the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.pose2d.blazepose import BlazePose, Landmarks, sigmoid
from triangulate.pose2d.heatmaps import MIN_POSE_FLAG
from triangulate.pose2d.regions import Region, region_from_body
from triangulate.skeleton import Skeleton, joint_places

MAP_PX = 512
"""Longer side of a map: of a crop in which a person fills half the image, about the mask's own."""

MIN_ON_MASK = 0.6
"""Share of the projected joints that a mask must hold, or it fails and its view is left out. On a
recording of four views of a balancing person it is 0.8 to 1."""


@dataclass(frozen=True)
class Silhouettes:
    """What V images show of one person.

    Attributes:
        probability: (V, h, w) float32 that the cell shows the person.
        shown: (V, h, w) bool, where the map is of the image; smaller images are padded.
        cameras: (V,) of the maps.
        views: (V,) bool, False where there is no image, nobody in it, or the mask fails.
        on_mask: (V,) share of the joints in the image that lie on the mask, NaN without a mask.
    """

    probability: Tensor
    shown: Tensor
    cameras: Camera
    views: Tensor
    on_mask: Tensor

    @property
    def masks(self) -> Tensor:
        """(V, h, w) bool, which cells show the person; none of a missing view."""
        return (self.probability > 0.5) & self.shown & self.views[:, None, None]


def map_sizes(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The maps' sizes (width, height) for images of `sizes`."""
    scales = [MAP_PX / max(size) for size in sizes]
    return [
        (max(round(scale * width), 1), max(round(scale * height), 1))
        for scale, (width, height) in zip(scales, sizes, strict=True)
    ]


def map_cameras(cameras: Camera, sizes: Sequence[tuple[int, int]]) -> Camera:
    """The maps' cameras (V,), from the images' ones."""
    scale = torch.tensor(map_sizes(sizes), dtype=torch.float64) / torch.tensor(sizes)
    return cameras.resized(scale)


def find_silhouettes(
    images: Sequence[np.ndarray | None],
    person_px: np.ndarray,
    skeleton: Skeleton,
    cameras: Camera,
    network: BlazePose,
) -> Silhouettes:
    """Look at a person in every view of a moment.

    Args:
        images: V pictures (H, W, 3) uint8 RGB, None where there is none.
        person_px: (V, J, 2) where the person's joints are in them, NaN where unknown.
        skeleton: the J joints.
        cameras: (V,) of the images.
        network: BlazePose, loaded.
    """
    sizes = [(2, 2) if image is None else image.shape[1::-1] for image in images]
    of_maps = map_cameras(cameras, sizes)
    map_from_image = (of_maps.K @ cameras.K.inverse()).numpy()
    small = map_sizes(sizes)
    width, height = (max(side) for side in zip(*small, strict=True))
    shape = (len(images), height, width)
    probability, shown = np.zeros(shape, np.float32), np.zeros(shape, bool)
    views, on_mask = np.zeros(len(images), bool), np.full(len(images), np.nan)
    for v, image in enumerate(images):
        region = region_of(person_px[v], skeleton)
        if image is None or region is None:
            continue
        landmarks = network.landmarks(image, region, mask=True)
        if landmarks.pose_flag < MIN_POSE_FLAG:
            continue
        w, h = small[v]
        probability[v, :h, :w] = _warped(landmarks, map_from_image[v], (w, h))
        shown[v, :h, :w] = True
        on_mask[v] = _share_on(probability[v], person_px[v], map_from_image[v], (w, h))
        views[v] = on_mask[v] >= MIN_ON_MASK  # False for NaN: no joint is in the image
    return Silhouettes(
        torch.from_numpy(probability),
        torch.from_numpy(shown),
        of_maps,
        torch.from_numpy(views),
        torch.from_numpy(on_mask),
    )


def region_of(points_px: np.ndarray, skeleton: Skeleton) -> Region | None:
    """The region of a person (J, 2) of any skeleton, see `region_from_body`."""

    def pair(joint: str) -> tuple[int, int]:
        left, right = joint_places([f"left_{joint}", f"right_{joint}"], skeleton.joint_names)
        return int(left), int(right)  # -1, where there is none, is the unknown point

    with_unknown = np.concatenate([points_px, np.full((1, 2), np.nan)])
    return region_from_body(with_unknown, pair("hip"), pair("shoulder"))


def _warped(landmarks: Landmarks, map_from_image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask in the map of its image; zero beside the crop."""
    if landmarks.mask_logits is None:
        raise ValueError("landmarks must have a mask: ask for it with mask=True")
    map_from_crop = map_from_image @ landmarks.image_from_crop
    mask = sigmoid(landmarks.mask_logits).astype(np.float32)
    return cv2.warpAffine(mask, map_from_crop[:2], size, flags=cv2.INTER_LINEAR)


def _share_on(
    probability: np.ndarray,
    points_px: np.ndarray,
    map_from_image: np.ndarray,
    size: tuple[int, int],
) -> float:
    known = points_px[np.isfinite(points_px).all(-1)]
    column, row = np.rint(known @ map_from_image[:2, :2].T + map_from_image[:2, 2]).T
    inside = (column >= 0) & (column < size[0]) & (row >= 0) & (row < size[1])
    if not inside.any():
        return float("nan")
    at = probability[row[inside].astype(int), column[inside].astype(int)]
    return float((at > 0.5).mean())
