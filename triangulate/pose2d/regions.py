"""Regions: rotated squares of an image that hold one person, upright.

A pose network looks at a square crop. `Region` says where that square lies in the full image, and
`Region.image_from_crop` is the affine between the two, so that points found in the crop go back to
the image by one matrix product.

Pixel centres are integers in both images, as everywhere in this project: a crop of `n` pixels a
side covers -0.5 ... n - 0.5, and its middle is (n - 1) / 2. Angles turn from x to y, which is
clockwise on the screen; a person standing upright has angle 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

REGION_SCALE = 1.25
"""How much larger than the circle around the person a region is.

The margin the BlazePose landmark network was trained with (`RectTransformationCalculator` in
MediaPipe's `pose_detection_to_roi.pbtxt` and `pose_landmarks_to_roi.pbtxt`).
"""

BODY_RADIUS = 1.08
"""Radius of the circle around a person over the distance from the hips to the farthest joint.

The circle takes in the top of the head, which no joint marks. Measured: median of what the
landmark network says on four views of a balancing person, 5 to 95 % being 0.97 to 1.19.
"""


@dataclass(frozen=True)
class Region:
    """A rotated square in an image."""

    center_px: tuple[float, float]
    size_px: float
    angle_rad: float = 0.0

    def image_from_crop(self, crop_px: int) -> NDArray[np.float64]:
        """The affine from a crop of `crop_px` pixels a side to the image, as a (3, 3) matrix."""
        scale = self.size_px / crop_px
        cos, sin = scale * math.cos(self.angle_rad), scale * math.sin(self.angle_rad)
        middle = (crop_px - 1) / 2
        x, y = self.center_px
        return np.array(
            [
                [cos, -sin, x - (cos - sin) * middle],
                [sin, cos, y - (sin + cos) * middle],
                [0.0, 0.0, 1.0],
            ]
        )

    def corners_px(self) -> NDArray[np.float64]:
        """The four corners in the image, (4, 2): top left, then clockwise as the crop sees them."""
        unit = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
        return apply_affine(self.image_from_crop(1), unit)


def apply_affine(b_from_a: NDArray[np.float64], points_a: np.ndarray) -> NDArray[np.float64]:
    """Map points (*B, 2) by a (3, 3) affine; NaN stays NaN."""
    return points_a @ b_from_a[:2, :2].T + b_from_a[:2, 2]


# --- Where a person is ----------------------------------------------------------------------------


def region_from_axis(center_px: np.ndarray, top_px: np.ndarray) -> Region:
    """The region of a person given by two alignment points.

    BlazePose describes a person by the middle of the hips and a point on the circle around the
    whole person, in the direction from the hips to the shoulders (Bazarevsky et al. 2020). The
    region is centred on the first, has the second straight above, and is `REGION_SCALE` times the
    circle's diameter (MediaPipe's `AlignmentPointsRectsCalculator`, target angle 90 degrees).

    Args:
        center_px: (2,) middle of the hips.
        top_px: (2,) point on the circle.
    """
    dx, dy = float(top_px[0] - center_px[0]), float(top_px[1] - center_px[1])
    return Region(
        center_px=(float(center_px[0]), float(center_px[1])),
        size_px=2 * REGION_SCALE * math.hypot(dx, dy),
        angle_rad=math.atan2(dx, -dy),
    )


def region_from_body(
    points_px: np.ndarray, hips: tuple[int, int] = (23, 24), shoulders: tuple[int, int] = (11, 12)
) -> Region | None:
    """The region of a person whose joints are known, such as a 3D pose projected into a view.

    Args:
        points_px: (J, 2) joints, NaN where unknown. Without hips or shoulders the region is the
            upright one around all joints.
        hips: indices of the two hips; those of BlazePose's 33 landmarks by default.
        shoulders: indices of the two shoulders.

    Returns:
        The region, or None where fewer than two joints are known or all are at one place.
    """
    known = points_px[np.isfinite(points_px).all(-1)]
    if len(known) < 2:
        return None
    center = points_px[list(hips)].mean(0)
    up = points_px[list(shoulders)].mean(0) - center
    if not np.isfinite(up).all():
        center, up = (known.min(0) + known.max(0)) / 2, np.array([0.0, -1.0])
    radius = BODY_RADIUS * float(np.linalg.norm(known - center, axis=-1).max())
    length = float(np.linalg.norm(up))
    if radius == 0 or length == 0:
        return None
    return region_from_axis(center, center + up * (radius / length))


def overlap(first: Region, second: Region) -> float:
    """How much two regions are the same, in [0, 1]: intersection over union, as if both upright.

    The turn is left out: two regions of one person hardly differ in it, and those of two people
    side by side differ in place.
    """
    reach = (first.size_px + second.size_px) / 2
    small = min(first.size_px, second.size_px)
    width, height = (
        min(max(reach - abs(a - b), 0.0), small)
        for a, b in zip(first.center_px, second.center_px, strict=True)
    )
    shared = width * height
    return shared / (first.size_px**2 + second.size_px**2 - shared)


# --- Its pixels -----------------------------------------------------------------------------------


def cut_out(image: np.ndarray, region: Region, crop_px: int) -> np.ndarray:
    """The pixels of a region, as a square image; black outside the image.

    Where the region is larger than the crop, the image around it is halved first, by averaging
    2 x 2 pixels, until a crop pixel is nearly one of its pixels: linear interpolation alone would
    skip most of them. On jittered regions of a real recording that brought the joints found in
    disagreement by more than 12 crop pixels from 1.5 to 0.8 %.

    Args:
        image: (H, W, 3) uint8.
        region: what to cut out.
        crop_px: side of the result.

    Returns:
        (crop_px, crop_px, 3) uint8. `region.image_from_crop(crop_px)` leads back.
    """
    scale = region.size_px / crop_px
    halvings = max(0, math.ceil(math.log2(scale / 1.5))) if scale > 0 else 0
    image_from_crop = region.image_from_crop(crop_px)
    if halvings:
        image, image_from_small = _halved(image, region, halvings)
        image_from_crop = np.linalg.inv(image_from_small) @ image_from_crop
    return cv2.warpAffine(
        image,
        image_from_crop[:2],
        (crop_px, crop_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )


def _halved(
    image: np.ndarray, region: Region, halvings: int
) -> tuple[np.ndarray, NDArray[np.float64]]:
    """The part of an image around a region, halved so many times, and its place in the image."""
    step = 2**halvings
    height, width = image.shape[:2]
    corners = region.corners_px()
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - step, 0, [width, height])
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + step, 0, [width, height])
    x1, y1 = x1 - (x1 - x0) % step, y1 - (y1 - y0) % step
    small = image[y0:y1, x0:x1]
    if small.size == 0:  # the region lies outside the image
        return np.zeros((1, 1, image.shape[2]), image.dtype), np.diag([1.0, 1.0, 1.0])
    for _ in range(halvings):
        size = (small.shape[1] // 2, small.shape[0] // 2)
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    middle = (step - 1) / 2  # pixel 0 of the result is the mean of pixels 0 ... step - 1
    image_from_small = np.array([[step, 0, x0 + middle], [0, step, y0 + middle], [0, 0, 1.0]])
    return small, image_from_small
