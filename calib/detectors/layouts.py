"""Boards with markers as the detector needs them: where the markers are, and what their ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from calib.targets import AprilGrid, Charuco


@dataclass(frozen=True, eq=False)
class MarkerLayout:
    """A board of markers, and the corners between them that are measured.

    Attributes:
        dictionary: OpenCV's name.
        border_bits: width of a marker's black border.
        marker_corners_m: (M, 4, 2) of marker 0, 1, ..., as OpenCV orders the corners.
        points_m: (N, 2) the target's points.
        is_dark: (N,) whether the field right of and below a point is a dark one.
        field_m: side of the fields that meet at a point.
        pitch_m: distance of neighbouring points, the larger one.
        strip: how far from a point the fields are of one colour, as a part of `field_m`.
        is_touching: the markers' corners touch other dark fields.
    """

    dictionary: str
    border_bits: int
    marker_corners_m: np.ndarray
    points_m: np.ndarray
    is_dark: np.ndarray
    field_m: float
    pitch_m: float
    strip: float
    is_touching: bool = False

    @cached_property
    def modules_m(self) -> np.ndarray:
        """(M, B, 2) middles of the markers' modules, without their borders."""
        side = self.bits_a_side + 2 * self.border_bits
        steps = (np.arange(self.bits_a_side) + self.border_bits + 0.5) / side
        down, across = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
        first, right, _, below = np.moveaxis(self.marker_corners_m[:, :, None], 1, 0)
        return first + across[:, None] * (right - first) + down[:, None] * (below - first)

    @cached_property
    def bits(self) -> np.ndarray:
        """(M, B) 1 where a module is bright, 0 where it is dark."""
        edge = self.border_bits
        whole = [
            marker_bits(self.dictionary, number, edge)
            for number in range(len(self.marker_corners_m))
        ]
        return np.stack(whole)[:, edge:-edge, edge:-edge].reshape(len(whole), -1).astype(float)

    @property
    def bits_a_side(self) -> int:
        """Modules of a marker without its border."""
        return int(marker_dictionary(self.dictionary).markerSize)


@lru_cache(maxsize=64)  # targets are values
def layout_of(target: Charuco | AprilGrid) -> MarkerLayout:
    """The layout of a board with markers."""
    return _charuco_layout(target) if isinstance(target, Charuco) else _aprilgrid_layout(target)


def marker_dictionary(name: str) -> cv2.aruco.Dictionary:
    """OpenCV's dictionary of a name."""
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


def marker_bits(dictionary: str, number: int, border_bits: int = 1) -> np.ndarray:
    """(n, n) bool: which of a marker's modules are bright, its dark border included."""
    table = marker_dictionary(dictionary)
    side = table.markerSize + 2 * border_bits
    return cv2.aruco.generateImageMarker(table, number, side, borderBits=border_bits) > 0


def _charuco_layout(target: Charuco) -> MarkerLayout:
    row, column = np.indices((target.rows, target.columns)).reshape(2, -1)
    # Markers are in the bright squares, and the upper left square is dark; on old boards with an
    # even number of rows it is the lower left one.
    holds = (row + column) % 2 == (0 if target.legacy and target.rows % 2 == 0 else 1)
    middles = target.square_size_m * (np.stack([column, row], axis=-1)[holds] + 0.5)
    around = 0.5 * target.marker_size_m * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    points = target.points_m[:, :2]
    below_right = np.rint(points[:, 1] / target.square_size_m) * target.columns
    below_right += np.rint(points[:, 0] / target.square_size_m)
    return MarkerLayout(
        target.dictionary,
        1,
        middles[:, None] + around,
        points,
        ~holds[below_right.astype(int)],
        target.square_size_m,
        target.square_size_m,
        0.5 * (1 - target.marker_size_m / target.square_size_m),
    )


def _aprilgrid_layout(target: AprilGrid) -> MarkerLayout:
    grid = target.points_m[:, :2].reshape(target.rows, 2, target.columns, 2, 2)
    tags = grid.transpose(0, 2, 1, 3, 4).reshape(-1, 2, 2, 2)  # (M, upper?, right?, 2)
    # OpenCV's tags stand upside down on Kalibr's board: its first corner is the lower right one.
    corners = np.stack([tags[:, 0, 1], tags[:, 0, 0], tags[:, 1, 0], tags[:, 1, 1]], axis=1)
    upper, right = np.indices((target.rows, 2, target.columns, 2))[[1, 3]]
    gap_m = target.spacing * target.tag_size_m
    border_m = target.tag_size_m * target.border_bits / (6 + 2 * target.border_bits)
    return MarkerLayout(
        target.dictionary,
        target.border_bits,
        corners,
        target.points_m[:, :2],
        # Right of and below a point is a tag, or a small square, for two of a tag's corners.
        (upper != right).ravel(),
        gap_m,
        max(gap_m, target.tag_size_m),
        border_m / gap_m,
        is_touching=True,
    )
