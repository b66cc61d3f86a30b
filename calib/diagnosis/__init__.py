"""Why a board is not found, and whether one that is found is the one described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calib.detectors.looks import looks_at, prepared
from calib.diagnosis.markers import explain_markers, refuse_other_board
from calib.diagnosis.patterns import (
    explain_chessboard,
    explain_circles,
    reduced,
    refuse_larger_chessboard,
)
from calib.scanning import Found
from calib.targets import AprilGrid, Charuco, Chessboard, Target


def explain(pictures: Sequence[np.ndarray], board: Target) -> str:
    """Why the board is not found, as far as a few grey pictures tell; what to do."""
    grey = [reduced(picture) for picture in pictures]
    match board:
        case Charuco() | AprilGrid():
            ways = {look: [prepared(one, board, look) for one in grey] for look in looks_at(board)}
            return explain_markers(ways, board)
        case Chessboard():
            return explain_chessboard(grey, board)
        case _:
            return explain_circles(grey, board)


def check_board(
    pictures: Sequence[tuple[int, np.ndarray]], board: Target, found: Mapping[int, Found]
) -> None:
    """Refuse a description that the board does not fit.

    Args:
        pictures: frames in which it was found: their numbers, and grey pictures.
        board: the description.
        found: what was found, by frame.

    Raises:
        InputError: another board of the same markers, or sides that are not as described.
    """
    if isinstance(board, Charuco | AprilGrid):
        views = [prepared(grey, board, found[number].look) for number, grey in pictures]
        refuse_other_board(views, board)
    if isinstance(board, Chessboard):
        sightings = [found[number].sighting for number, _ in pictures]
        refuse_larger_chessboard([grey for _, grey in pictures], sightings, board)
