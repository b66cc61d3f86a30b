"""Calibration targets as values: what is printed, where its points are, how it can be mistaken.

Points are in metres in the board's frame: x along the columns as one reads the print, y downwards
along the rows, z away from who reads it. The origin is where OpenCV has it: at the outer corner of
a ChArUco board, at the first point of the others.

>>> target = load_target("board.yaml")
>>> target.points_m        # (N, 3)
>>> target.symmetries      # (S, N) numberings under which the print looks the same
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from triangulate.errors import InputError

MIN_SIZE_M, MAX_SIZE_M = 0.0005, 5.0  # of a square or tag: outside, the unit is mistaken

DICTIONARIES = {
    **{
        f"DICT_{bits}X{bits}_{count}": count
        for bits in (4, 5, 6, 7)
        for count in (50, 100, 250, 1000)
    },
    "DICT_ARUCO_ORIGINAL": 1024,
    "DICT_ARUCO_MIP_36H12": 250,
    "DICT_APRILTAG_16H5": 30,
    "DICT_APRILTAG_25H9": 35,
    "DICT_APRILTAG_36H10": 2320,
    "DICT_APRILTAG_36H11": 587,
}
"""OpenCV's dictionaries of markers, and how many each has."""


@dataclass(frozen=True)
class Charuco:
    """A chessboard with ArUco markers in its white squares, as OpenCV's `CharucoBoard`.

    Attributes:
        columns: squares across.
        rows: squares down.
        square_size_m: side of a square.
        marker_size_m: side of a marker, its black border included.
        dictionary: OpenCV's name of the markers' dictionary, such as DICT_4X4_250.
        legacy: the layout of OpenCV before 4.6, which differs where `rows` is even.
        inverted: printed white on black.
    """

    type: ClassVar[str] = "charuco"

    columns: int
    rows: int
    square_size_m: float
    marker_size_m: float
    dictionary: str
    legacy: bool = False
    inverted: bool = False

    def __post_init__(self) -> None:
        """Refuse what no board can be."""
        _check_counts(self.columns, self.rows, least=2, what="squares")
        _check_length("square_size_m", self.square_size_m)
        _check_length("marker_size_m", self.marker_size_m)
        if self.marker_size_m >= self.square_size_m:
            raise InputError(
                f"marker_size_m is {self.marker_size_m:g} and square_size_m {self.square_size_m:g}:"
                " a marker lies inside a square, so it is smaller; are they exchanged?"
            )
        if self.dictionary not in DICTIONARIES:
            near = difflib.get_close_matches(self.dictionary, DICTIONARIES, n=1, cutoff=0.6)
            known = f"did you mean {near[0]}?" if near else f"there are {', '.join(DICTIONARIES)}"
            raise InputError(f"dictionary {self.dictionary!r} is not known: {known}")
        if self.num_markers > DICTIONARIES[self.dictionary]:
            raise InputError(
                f"{self.columns} x {self.rows} squares need {self.num_markers} markers, and "
                f"{self.dictionary} has {DICTIONARIES[self.dictionary]}: choose a larger one"
            )

    @property
    def num_markers(self) -> int:
        """How many squares hold a marker."""
        return self.columns * self.rows // 2

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) inner corners, row by row."""
        return self.square_size_m * (
            _grid(self.columns - 1, self.rows - 1) + np.array([1.0, 1.0, 0.0])
        )

    @property
    def symmetries(self) -> np.ndarray:
        """(1, N): the markers tell every corner apart."""
        return _identity((self.columns - 1) * (self.rows - 1))

    @property
    def extent_m(self) -> tuple[float, float]:
        """Width and height of the print."""
        return self.columns * self.square_size_m, self.rows * self.square_size_m

    def __str__(self) -> str:
        """In words, for a printed line."""
        words = [
            f"ChArUco {self.columns} x {self.rows} squares of {_mm(self.square_size_m)}",
            f"markers {_mm(self.marker_size_m)}",
            self.dictionary,
        ]
        words += ["legacy layout"] if self.legacy else []
        words += ["inverted"] if self.inverted else []
        return ", ".join(words)


@dataclass(frozen=True)
class Chessboard:
    """A plain chessboard. Its upper left square is dark.

    Attributes:
        columns: inner corners across (squares less one).
        rows: inner corners down.
        square_size_m: side of a square.
    """

    type: ClassVar[str] = "chessboard"

    columns: int
    rows: int
    square_size_m: float

    def __post_init__(self) -> None:
        """Refuse what no board can be."""
        _check_counts(self.columns, self.rows, least=3, what="inner corners")
        _check_length("square_size_m", self.square_size_m)

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) inner corners, row by row."""
        return self.square_size_m * _grid(self.columns, self.rows)

    @property
    def symmetries(self) -> np.ndarray:
        """(S, N) numberings that look the same, squares' colours included.

        Half a turn exchanges the colours where one of the two counts is odd, and a quarter turn of
        a square board where both are.
        """
        numbers = np.arange(self.columns * self.rows).reshape(self.rows, self.columns)
        turns = [0]
        if (self.columns + self.rows) % 2 == 0:
            turns = [0, 1, 2, 3] if self.columns == self.rows and self.rows % 2 == 0 else [0, 2]
        return np.stack([np.rot90(numbers, turn).ravel() for turn in turns])

    @property
    def extent_m(self) -> tuple[float, float]:
        """Width and height of the print."""
        return (self.columns + 1) * self.square_size_m, (self.rows + 1) * self.square_size_m

    def __str__(self) -> str:
        """In words, for a printed line."""
        return (
            f"chessboard {self.columns} x {self.rows} inner corners "
            f"({self.columns + 1} x {self.rows + 1} squares of {_mm(self.square_size_m)})"
        )


@dataclass(frozen=True)
class AprilGrid:
    """A grid of AprilTags 36h11 as Kalibr prints it: tag 0 at the lower left, squares between tags.

    Points are the tags' outer corners in Kalibr's order: from the lower left, along the rows, each
    row of tags giving two rows of points. In the frame of all boards, y points down: the rows
    above the first have a negative y.

    Attributes:
        columns: tags across.
        rows: tags up.
        tag_size_m: side of a tag, its black border included.
        spacing: gap between tags as a part of `tag_size_m`.
        border_bits: how wide a tag's black border is; Kalibr's own prints have 2, OpenCV's 1.
    """

    type: ClassVar[str] = "aprilgrid"
    dictionary: ClassVar[str] = "DICT_APRILTAG_36H11"

    columns: int
    rows: int
    tag_size_m: float
    spacing: float = 0.3
    border_bits: int = 2

    def __post_init__(self) -> None:
        """Refuse what no board can be."""
        _check_counts(self.columns, self.rows, least=1, what="tags")
        _check_length("tag_size_m", self.tag_size_m)
        if not 0.05 <= self.spacing <= 2:
            raise InputError(
                f"spacing {self.spacing:g}: is the gap between tags divided by a tag's side, such "
                "as 0.3"
            )
        if self.border_bits not in (1, 2):
            raise InputError(f"border_bits {self.border_bits}: must be 1 or 2")
        if self.num_markers > DICTIONARIES[self.dictionary]:
            raise InputError(
                f"{self.columns} x {self.rows} tags are more than 36h11 has: "
                f"{DICTIONARIES[self.dictionary]}"
            )

    @property
    def num_markers(self) -> int:
        """How many tags there are."""
        return self.columns * self.rows

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) the tags' corners on a grid of 2 columns x 2 rows, from the lower left."""
        x, y = (
            self.tag_size_m * ((1 + self.spacing) * (index // 2) + index % 2)
            for index in (np.arange(2 * self.columns), np.arange(2 * self.rows))
        )
        points = np.zeros((2 * self.rows, 2 * self.columns, 3))
        points[..., 0], points[..., 1] = x, -y[:, None]
        return points.reshape(-1, 3) + 0.0  # no -0.0

    @property
    def symmetries(self) -> np.ndarray:
        """(1, N): the tags tell every corner apart."""
        return _identity(4 * self.columns * self.rows)

    @property
    def extent_m(self) -> tuple[float, float]:
        """Width and height of the print, the small outer squares included."""
        pitch, gap = (1 + self.spacing) * self.tag_size_m, self.spacing * self.tag_size_m
        return self.columns * pitch + gap, self.rows * pitch + gap

    def __str__(self) -> str:
        """In words, for a printed line."""
        return (
            f"AprilGrid {self.columns} x {self.rows} tags 36h11 of {_mm(self.tag_size_m)}, "
            f"spacing {self.spacing:g}, border of {self.border_bits} bits"
        )


@dataclass(frozen=True)
class CircleGrid:
    """OpenCV's asymmetric grid of dark circles: every other row is shifted.

    Attributes:
        columns: circles in a row.
        rows: rows of circles.
        spacing_m: between neighbouring rows; circles of a row are twice as far apart.
    """

    type: ClassVar[str] = "circles"

    columns: int
    rows: int
    spacing_m: float

    def __post_init__(self) -> None:
        """Refuse what no board can be."""
        _check_counts(self.columns, self.rows, least=2, what="circles")
        _check_length("spacing_m", self.spacing_m)

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) the circles' centres, row by row."""
        points = _grid(self.columns, self.rows).reshape(self.rows, self.columns, 3)
        points[..., 0] = 2 * points[..., 0] + (np.arange(self.rows) % 2)[:, None]
        return self.spacing_m * points.reshape(-1, 3)

    @property
    def symmetries(self) -> np.ndarray:
        """(S, N): half a turn looks the same where the number of rows is even."""
        numbers = np.arange(self.columns * self.rows)
        return np.stack([numbers] if self.rows % 2 else [numbers, numbers[::-1]])

    @property
    def radius_m(self) -> float:
        """Of a printed circle; detection does not depend on it."""
        return 0.4 * self.spacing_m

    @property
    def extent_m(self) -> tuple[float, float]:
        """Width and height of the print."""
        width = (2 * self.columns - 1) * self.spacing_m + 2 * self.radius_m
        return width, (self.rows - 1) * self.spacing_m + 2 * self.radius_m

    def __str__(self) -> str:
        """In words, for a printed line."""
        return (
            f"asymmetric circles {self.columns} x {self.rows}, rows {_mm(self.spacing_m)} apart "
            f"(circles of a row {_mm(2 * self.spacing_m)})"
        )


Target = Charuco | Chessboard | AprilGrid | CircleGrid


def load_target(path: str | Path) -> Target:
    """Read a `board.yaml` (layout: `calib.board_file`)."""
    from calib.board_file import read_board

    return read_board(Path(path))


def save_target(target: Target, path: str | Path) -> None:
    """Write a `board.yaml`."""
    from calib.board_file import write_board

    write_board(target, Path(path))


def _grid(columns: int, rows: int) -> np.ndarray:
    """(columns * rows, 3) integers (column, row, 0), row by row."""
    row, column = np.divmod(np.arange(columns * rows), columns)
    return np.stack([column, row, np.zeros_like(row)], axis=-1).astype(np.float64)


def _identity(count: int) -> np.ndarray:
    return np.arange(count)[None]


def _check_counts(columns: int, rows: int, *, least: int, what: str) -> None:
    for name, count in (("columns", columns), ("rows", rows)):
        if not least <= count <= 200:
            raise InputError(f"{name} is {count}: a board has {least} to 200 {what} a side")


def _check_length(name: str, length_m: float) -> None:
    if not MIN_SIZE_M <= length_m <= MAX_SIZE_M:
        raise InputError(
            f"{name} is {length_m:g} m, {1000 * length_m:g} mm, which no board has: check its unit "
            f"({name} for metres, {name}m for millimetres)"
        )


def _mm(length_m: float) -> str:
    return f"{1000 * length_m:.6g} mm"
