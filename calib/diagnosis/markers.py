"""What markers in pictures say about the board that they are on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from calib.detectors.looks import Look
from calib.detectors.markers import detect_markers
from calib.targets import DICTIONARIES, AprilGrid, Charuco
from triangulate.errors import InputError

_WIDEST = 30  # columns tried
_LEAST_MARKERS = 6  # that must agree on a layout
_AGREEING = 0.7  # part of a picture's markers
_OFF_GRID = 0.4  # of a marker's side
_SIDE_TOLERANCE = 0.08

# The largest dictionary of each family: the smaller ones are its beginnings.
_FAMILIES = (
    "DICT_4X4_1000",
    "DICT_5X5_1000",
    "DICT_6X6_1000",
    "DICT_7X7_1000",
    "DICT_ARUCO_ORIGINAL",
    "DICT_ARUCO_MIP_36H12",
    "DICT_APRILTAG_16H5",
    "DICT_APRILTAG_25H9",
    "DICT_APRILTAG_36H10",
    "DICT_APRILTAG_36H11",
)


@dataclass(frozen=True)
class Layout:
    """How markers follow each other on a board.

    Attributes:
        columns: squares across, or tags.
        upper_left: a ChArUco board has a marker in its upper left square.
    """

    columns: int
    upper_left: bool = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """The markers of one picture that fit a board.

    Attributes:
        layout: the board that most fit.
        ids: of those that do.
        side: of a marker in the board's unit: squares, or the distance of tags.
    """

    layout: Layout
    ids: np.ndarray
    side: float


def explain_markers(ways: Mapping[Look, Sequence[np.ndarray]], board: Charuco | AprilGrid) -> str:
    """Why a board with markers is not found; what to do.

    Args:
        ways: the same pictures, looked at in several ways.
        board: what was looked for.
    """
    own = _family(board.dictionary)
    bits = board.border_bits if isinstance(board, AprilGrid) else 1
    others = [(own, 3 - bits)] if isinstance(board, AprilGrid) else []
    others += [(name, 1) for name in _FAMILIES if name != own]
    total = 0
    for dictionary, border_bits in ((own, bits), *others):
        for pictures in ways.values():
            evidence, count = _read(pictures, dictionary, border_bits, board)
            total += count if (dictionary, border_bits) == (own, bits) else 0
            if evidence:
                return _difference(evidence, dictionary, border_bits, board)
    if total >= _LEAST_MARKERS * len(next(iter(ways.values()))):
        return (
            f"markers of {board.dictionary} are seen, but they do not lie as on the board "
            "described: check type, columns and rows in board.yaml"
        )
    return (
        "no board with markers of any known dictionary is seen: is it in view, flat, sharp and "
        "lit, and is its type right in board.yaml?"
    )


def refuse_other_board(pictures: Sequence[np.ndarray], board: Charuco | AprilGrid) -> None:
    """Compare a board that was found with its description.

    Args:
        pictures: in which it was found, looked at in the right way.
        board: the description.

    Raises:
        InputError: the markers lie as on another board, or their side is not as described.
    """
    border_bits = board.border_bits if isinstance(board, AprilGrid) else 1
    evidence, _ = _read(pictures, board.dictionary, border_bits, board)
    if not evidence:
        return
    highest = int(max(item.ids.max() for item in evidence))
    if _common_layout(evidence) not in _layouts_of(board) or highest >= board.num_markers:
        difference = _difference(evidence, _family(board.dictionary), border_bits, board)
        raise InputError(f"the board is another one: {difference}")
    side = float(np.median([item.side for item in evidence]))
    if isinstance(board, Charuco):
        expected, keys = board.marker_size_m / board.square_size_m, "marker_size and square_size"
        what = f"its markers are {side:.2f} of a square, and board.yaml says {expected:.2f}"
    else:
        expected, keys = 1 / (1 + board.spacing), "spacing"
        what = (
            f"its tags are {1 / side - 1:.2f} of a tag apart, and board.yaml says {board.spacing:g}"
        )
    if abs(side / expected - 1) > _SIDE_TOLERANCE:
        raise InputError(f"the board is found, but {what}: measure the print and correct {keys}")


# --- Reading --------------------------------------------------------------------------------------


def _read(
    pictures: Sequence[np.ndarray], dictionary: str, border_bits: int, board: Charuco | AprilGrid
) -> tuple[list[Evidence], int]:
    """What the pictures tell, and how many markers there are in all."""
    evidence, total = [], 0
    for picture in pictures:
        scale = 2 if dictionary == AprilGrid.dictionary else 1  # tags that touch squares
        corners_px, ids = detect_markers(picture, dictionary, border_bits, scale)
        total += len(ids)
        if len(ids) >= _LEAST_MARKERS and (item := _fit(corners_px, ids, board)):
            evidence.append(item)
    return evidence, total


def _fit(corners_px: np.ndarray, ids: np.ndarray, board: Charuco | AprilGrid) -> Evidence | None:
    """The layout that most of a picture's markers agree on; if it can be, the one described."""
    centres_px = corners_px.mean(1)
    sides_px = np.linalg.norm(corners_px - np.roll(corners_px, 1, axis=1), axis=-1)
    limit_px = max(_OFF_GRID * float(np.median(sides_px)), 1.5)
    best: Evidence | None = None
    for layout in (*_layouts_of(board), *_all_layouts(board)):
        places = _places(layout, int(ids.max()) + 1, isinstance(board, Charuco))[ids]
        homography, inlier = cv2.findHomography(
            places.astype(np.float64), centres_px, cv2.RANSAC, limit_px
        )
        if homography is None:
            continue
        fits = inlier.ravel().astype(bool)
        if fits.sum() < max(_LEAST_MARKERS, _AGREEING * len(ids)):
            continue
        if best is None or fits.sum() > len(best.ids):
            best = Evidence(layout, ids[fits], _side(homography, corners_px[fits]))
    return best


def _side(homography: np.ndarray, corners_px: np.ndarray) -> float:
    """The side of markers in the board's unit."""
    back = cv2.perspectiveTransform(corners_px.reshape(1, -1, 2), np.linalg.inv(homography))
    corners = back.reshape(-1, 4, 2)
    return float(np.median(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)))


@lru_cache(maxsize=512)
def _places(layout: Layout, count: int, is_charuco: bool) -> np.ndarray:
    """(count, 2) middles of markers 0, 1, ... in squares, or in distances of tags."""
    number = np.arange(count)
    if not is_charuco:
        return np.stack([number % layout.columns, -(number // layout.columns)], axis=-1)
    rows = 2 * count // layout.columns + 3
    row, column = np.indices((rows, layout.columns)).reshape(2, -1)
    holds = (row + column) % 2 == (0 if layout.upper_left else 1)
    return np.stack([column[holds], row[holds]], axis=-1)[:count]


def _layouts_of(board: Charuco | AprilGrid) -> list[Layout]:
    """The layout of a board."""
    has_first = isinstance(board, Charuco) and board.legacy and board.rows % 2 == 0
    return [Layout(board.columns, has_first)]


def _all_layouts(board: Charuco | AprilGrid) -> Iterator[Layout]:
    firsts = (False, True) if isinstance(board, Charuco) else (False,)
    for columns, first in itertools.product(range(2, _WIDEST + 1), firsts):
        yield Layout(columns, first)


def _common_layout(evidence: Sequence[Evidence]) -> Layout:
    layouts = [item.layout for item in evidence]
    return max(layouts, key=layouts.count)


# --- Saying it ------------------------------------------------------------------------------------


def _difference(
    evidence: Sequence[Evidence], dictionary: str, border_bits: int, board: Charuco | AprilGrid
) -> str:
    """How the board that is seen differs from the one described."""
    layout = _common_layout(evidence)
    highest = int(max(item.ids.max() for item in evidence))
    if dictionary != _family(board.dictionary):
        return _other_dictionary(dictionary, highest, board)
    if isinstance(board, AprilGrid) and border_bits != board.border_bits:
        return (
            f"the tags' black border is {border_bits} bits wide, and board.yaml says "
            f"{board.border_bits}: write border_bits: {border_bits}"
        )
    if highest >= DICTIONARIES[board.dictionary]:
        return (
            f"the markers' ids reach {highest}, and {board.dictionary} has "
            f"{DICTIONARIES[board.dictionary]} markers: take a larger one of its family"
        )
    what = "squares" if isinstance(board, Charuco) else "tags"
    described = f"{board.columns} x {board.rows} {what}"
    too_high = highest >= board.num_markers
    reach = f"ids reach {highest}" if too_high else f"ids lie as in {layout.columns} columns"
    if layout.columns != board.columns:
        if layout.columns == board.rows:
            return f"the dictionary matches but {reach}: did you swap columns and rows?"
        return (
            f"the dictionary matches but {reach}: the board has {layout.columns} columns, and "
            f"board.yaml says {described}"
        )
    if too_high:
        return (
            f"the dictionary matches but ids reach {highest}: {described} hold "
            f"{board.num_markers} markers, 0 to {board.num_markers - 1}; the board has more rows"
        )
    if isinstance(board, Charuco) and layout != _layouts_of(board)[0]:
        return (
            "the markers lie in the other squares, as boards of OpenCV "
            f"{'since' if board.legacy else 'before'} 4.6 have it: write legacy: "
            f"{'false' if board.legacy else 'true'} in board.yaml"
        )
    return (
        f"markers are read and lie as on {described}, but the corners between them are not found: "
        "is the print blurred, or bent?"
    )


def _other_dictionary(dictionary: str, highest: int, board: Charuco | AprilGrid) -> str:
    if isinstance(board, AprilGrid):
        return f"the tags are of {dictionary}, and an AprilGrid has those of {board.dictionary}"
    family = [name for name in DICTIONARIES if _family(name) == dictionary]
    enough = [name for name in family if DICTIONARIES[name] > max(highest, board.num_markers - 1)]
    name = min(enough or family, key=lambda name: DICTIONARIES[name])
    return (
        f"the markers are of {name} or another of its family, not of {board.dictionary}: correct "
        "dictionary in board.yaml"
    )


def _family(dictionary: str) -> str:
    """The largest dictionary that begins with the same markers."""
    stem = dictionary.rpartition("_")[0]
    return f"{stem}_1000" if f"{stem}_1000" in DICTIONARIES else dictionary
