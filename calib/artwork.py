"""What a target looks like, as exact shapes in metres, and as a picture of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib.detectors.layouts import layout_of, marker_bits
from calib.targets import AprilGrid, Charuco, Chessboard, CircleGrid, Target


@dataclass(frozen=True, eq=False)
class Artwork:
    """A print: dark shapes on a bright ground.

    Attributes:
        size_m: width and height.
        boxes_m: (K, 4) rectangles: left, top, right, bottom from the upper left of the print.
        discs_m: (K, 3) circles: x, y of the middle, radius.
        origin_m: (2,) where the target's frame has its origin, from the upper left of the print.
    """

    size_m: tuple[float, float]
    boxes_m: np.ndarray
    discs_m: np.ndarray
    origin_m: np.ndarray


def artwork_of(target: Target) -> Artwork:
    """The shapes of a target."""
    boxes, discs = np.zeros((0, 4)), np.zeros((0, 3))
    origin = np.zeros(2)
    match target:
        case Charuco():
            boxes = _charuco_boxes(target)
        case Chessboard():
            dark = np.indices((target.rows + 1, target.columns + 1)).sum(0) % 2 == 0
            boxes = _modules(dark, np.zeros(2), np.array(target.extent_m))
            origin += target.square_size_m
        case AprilGrid():
            gap_m = target.spacing * target.tag_size_m
            origin = np.array([gap_m, target.extent_m[1] - gap_m])
            boxes = _aprilgrid_boxes(target) + np.tile(origin, 2)
        case CircleGrid():
            origin += target.radius_m
            discs = np.insert(target.points_m[:, :2] + origin, 2, target.radius_m, axis=1)
    return Artwork(target.extent_m, boxes, discs, origin)


def draw(artwork: Artwork, pixels_per_m: float, margin_m: float) -> np.ndarray:
    """A picture of the print, each pixel as dark as the part of it that is covered.

    Args:
        artwork: the print.
        pixels_per_m: resolution.
        margin_m: bright paper around it.

    Returns:
        (H, W) uint8. The print's upper left corner lies at pixel margin_m pixels_per_m - 1/2.
    """
    width, height = (
        int(np.ceil((side + 2 * margin_m) * pixels_per_m - 1e-6)) for side in artwork.size_m
    )
    covered = np.zeros((height, width))
    for box in (artwork.boxes_m + margin_m) * pixels_per_m:
        _add_box(covered, box)
    for x, y, radius in (artwork.discs_m + np.array([margin_m, margin_m, 0])) * pixels_per_m:
        _add_disc(covered, x, y, radius)
    return np.rint(255 * (1 - covered.clip(0, 1))).astype(np.uint8)


def _charuco_boxes(target: Charuco) -> np.ndarray:
    corners = layout_of(target).marker_corners_m  # (M, 4, 2)
    side = target.square_size_m
    markers = [
        _modules(
            marker_bits(target.dictionary, number) == target.inverted,
            corner,
            target.marker_size_m,
        )
        for number, corner in enumerate(corners.min(1))
    ]
    holders = np.floor(corners.mean(1) / side).astype(int)
    if target.inverted:  # dark are the squares around the markers
        return np.concatenate([*markers, *(_frame(target, corner) for corner in holders * side)])
    dark = np.ones((target.rows, target.columns), dtype=bool)
    dark[holders[:, 1], holders[:, 0]] = False
    size = side * np.array([target.columns, target.rows])
    return np.concatenate([_modules(dark, np.zeros(2), size), *markers])


def _frame(target: Charuco, corner_m: np.ndarray) -> np.ndarray:
    """(4, 4) the square around a marker, without the marker."""
    side = target.square_size_m
    strip = (side - target.marker_size_m) / 2
    far = side - strip
    parts = [[0, 0, side, strip], [0, far, side, side], [0, strip, strip, far]]
    parts.append([far, strip, side, far])
    return np.array(parts) + np.tile(corner_m, 2)


def _aprilgrid_boxes(target: AprilGrid) -> np.ndarray:
    corners = layout_of(target).marker_corners_m
    gap_m = target.spacing * target.tag_size_m
    tags = [
        # They stand upside down in OpenCV's dictionary.
        _modules(
            ~np.rot90(marker_bits(target.dictionary, number, target.border_bits), 2),
            corner,
            target.tag_size_m,
        )
        for number, corner in enumerate(corners.min(1))
    ]
    pitch_m = (1 + target.spacing) * target.tag_size_m
    x = pitch_m * np.arange(target.columns + 1) - gap_m
    y = -pitch_m * np.arange(target.rows + 1)
    corner = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.concatenate([*tags, np.concatenate([corner, corner + gap_m], axis=1)])


def _modules(dark: np.ndarray, corner_m: np.ndarray, size_m: float | np.ndarray) -> np.ndarray:
    """(K, 4) boxes of the dark fields of a grid (rows, columns), runs of a row as one."""
    step = size_m / np.array(dark.shape[::-1])
    edges = np.diff(np.pad(dark.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    boxes = np.stack([start, row, stop, row + 1], axis=1)
    return boxes * np.tile(step, 2) + np.tile(corner_m, 2)


def _add_box(covered: np.ndarray, box: np.ndarray) -> None:
    """Add the part of each pixel that a box (left, top, right, bottom in pixels' edges) covers."""
    parts = []
    for low, high, count in (
        (box[0], box[2], covered.shape[1]),
        (box[1], box[3], covered.shape[0]),
    ):
        first, last = max(int(np.floor(low)), 0), min(int(np.ceil(high)), count)
        edges = np.arange(first, last + 1)
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        parts.append((slice(first, last), overlap.clip(0)))
    (columns, across), (rows, down) = parts
    covered[rows, columns] += np.outer(down, across)


def _add_disc(covered: np.ndarray, x: float, y: float, radius: float) -> None:
    """Add the part of each pixel that a disc covers, by the distance of its edge."""
    top, bottom = max(int(y - radius - 1), 0), min(int(y + radius + 2), covered.shape[0])
    left, right = max(int(x - radius - 1), 0), min(int(x + radius + 2), covered.shape[1])
    rows, columns = np.arange(top, bottom) + 0.5 - y, np.arange(left, right) + 0.5 - x
    distance = np.hypot(rows[:, None], columns)
    covered[top:bottom, left:right] += (radius - distance + 0.5).clip(0, 1)
