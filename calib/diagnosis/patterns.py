"""Which chessboard, or grid of circles, pictures show, where it is not the one described."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from calib.detectors.chessboard import search_chessboard
from calib.detectors.circles import search_circles
from calib.detectors.corners import measure_corners
from calib.detectors.local_maps import predict_points
from calib.detectors.sighting import Sighting
from calib.targets import Chessboard, CircleGrid
from triangulate.errors import InputError

_REACH = 1.5  # squares: how far a corner tells of its neighbours
_MOST = 0.8
_SIDE_PX = 1280

Size = tuple[int, int]  # columns, rows


def explain_chessboard(pictures: Sequence[np.ndarray], board: Chessboard) -> str:
    """Why a chessboard is not found; what to do."""
    size = (board.columns, board.rows)
    tried = [one for one in _neighbours(size) if min(one) >= 3]
    seen = _first_seen(pictures, tried, search_chessboard)
    if seen is None:
        return (
            f"no chessboard of {size[0]} x {size[1]} inner corners, or of one more or less, is "
            "seen as a whole: is it all in view, flat, sharp and lit?"
        )
    says = f"a chessboard of {seen[0]} x {seen[1]} inner corners is seen, and board.yaml says "
    if seen == (size[0] - 1, size[1] - 1):
        return says + f"{size[0]} x {size[1]}: count inner corners, not squares"
    return says + f"{size[0]} x {size[1]}: correct columns and rows"


def refuse_larger_chessboard(
    pictures: Sequence[np.ndarray], sightings: Sequence[Sighting], board: Chessboard
) -> None:
    """Look whether a chessboard goes on where it should end: its corners could be numbered anyhow.

    Args:
        pictures: in which it was found.
        sightings: what was found there.
        board: the description.

    Raises:
        InputError: there are more corners.
    """
    votes = np.zeros(2)
    for grey, sighting in zip(pictures, sightings, strict=True):
        votes += _goes_on(grey, sighting, board)
    if (2 * votes > len(pictures)).any():
        columns, rows = np.array([board.columns, board.rows]) + (2 * votes > len(pictures))
        raise InputError(
            f"the board goes on beyond {board.columns} x {board.rows} inner corners, to at least "
            f"{columns} x {rows}: correct columns and rows"
        )


def _goes_on(grey: np.ndarray, sighting: Sighting, board: Chessboard) -> np.ndarray:
    """(2,) whether there are more columns, and more rows, in a picture."""
    units = board.points_m[:, :2] / board.square_size_m
    seen = np.isfinite(sighting.spread)
    across, down = np.arange(board.columns, dtype=float), np.arange(board.rows, dtype=float)
    goes_on = np.zeros(2, dtype=bool)
    for axis, beyond, along in (
        (0, (-1.0, float(board.columns)), down),
        (1, (-1.0, float(board.rows)), across),
    ):
        for place in beyond:
            line = np.full((len(along), 2), place)
            line[:, 1 - axis] = along
            points_px, axes_px = predict_points(
                line, units[seen], sighting.points_px[seen], np.ones(seen.sum()), _REACH
            )
            axes_px /= _REACH
            if (np.linalg.det(axes_px) <= 0).any():
                continue
            is_dark = line.sum(-1) % 2 == 0
            saddles, passed = measure_corners(grey, points_px, axes_px, None)
            agrees = (saddles.contrast < 0)[passed] == is_dark[passed]
            is_line = passed.mean() > _MOST and max(agrees.mean(), 1 - agrees.mean()) > _MOST
            goes_on[axis] |= bool(is_line)
    return goes_on


def explain_circles(pictures: Sequence[np.ndarray], board: CircleGrid) -> str:
    """Why a grid of circles is not found; what to do."""
    size = (board.columns, board.rows)
    swapped = size[::-1]
    tried = [one for one in (swapped, *_neighbours(size), *_neighbours(swapped)) if min(one) >= 2]
    seen = _first_seen(pictures, tried, search_circles)
    if seen is not None:
        says = f"a grid of {seen[0]} columns and {seen[1]} rows is seen"
        if seen == swapped:
            return f"{says}: did you swap columns and rows?"
        return f"{says}, and board.yaml says {size[0]} and {size[1]}: correct columns and rows"
    if _first_seen(pictures, [size, swapped], _search_even_grid):
        return "a grid whose rows are not shifted is seen; only asymmetric grids are known here"
    return (
        f"no grid of {size[0]} columns and {size[1]} rows of circles is seen as a whole: is it all "
        "in view, sharp and lit?"
    )


def _first_seen(
    pictures: Sequence[np.ndarray],
    sizes: Sequence[Size],
    search: Callable[[np.ndarray, int, int], np.ndarray | None],
) -> Size | None:
    """The size that is seen in most pictures, or the first that is seen in half of them."""
    best, most = None, 0
    for size in dict.fromkeys(sizes):
        count = sum(search(picture, *size) is not None for picture in pictures)
        if count > most:
            best, most = size, count
        if 2 * most >= len(pictures):
            break
    return best


def _neighbours(size: Size) -> list[Size]:
    """Sizes that differ by one, the larger ones first: a board may be seen in a larger one."""
    columns, rows = size
    steps = [(a, b) for a in (1, 0, -1) for b in (1, 0, -1) if (a, b) != (0, 0)]
    return [(columns + a, rows + b) for a, b in sorted(steps, key=sum, reverse=True)]


def reduced(grey: np.ndarray) -> np.ndarray:
    """The picture, smaller where it is large, so that many things can be tried."""
    scale = min(1.0, _SIDE_PX / max(grey.shape))
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _search_even_grid(grey: np.ndarray, columns: int, rows: int) -> np.ndarray | None:
    found, centres = cv2.findCirclesGrid(grey, (columns, rows), flags=cv2.CALIB_CB_SYMMETRIC_GRID)
    return centres if found else None
