from __future__ import annotations

import numpy as np
import pytest

from calib.detectors import Sighting
from calib.diagnosis.patterns import explain_circles, refuse_larger_chessboard
from calib.targets import Chessboard, CircleGrid
from triangulate.errors import InputError

SIZE = (360, 300)


@pytest.mark.parametrize(
    ("columns", "rows", "taken"),
    [(5, 4, np.s_[:, :5]), (5, 4, np.s_[:, 1:]), (6, 3, np.s_[1:, :]), (5, 3, np.s_[1:, :5])],
)
def test_a_chessboard_that_goes_on_is_refused(shoot, columns, rows, taken):
    shot = shoot(Chessboard(6, 4, 0.03), (0.3, 0.2, 0.1), 0.45, SIZE, focal_px=500)
    part_px = shot.truth_px.reshape(4, 6, 2)[taken].reshape(-1, 2)
    sighting = Sighting(part_px, np.ones(len(part_px)))
    said = "to at least 6 x 4" if (columns, rows) == (5, 3) else "goes on beyond"
    with pytest.raises(InputError, match=said):
        refuse_larger_chessboard([shot.developed()], [sighting], Chessboard(columns, rows, 0.03))


def test_a_whole_chessboard_ends_where_it_should(shoot):
    board = Chessboard(6, 4, 0.03)
    shot = shoot(board, (0.3, 0.2, 0.1), 0.45, SIZE, focal_px=500)
    refuse_larger_chessboard([shot.developed()], [Sighting(shot.truth_px, np.ones(24))], board)


def test_circles_that_were_miscounted(shoot):
    shot = shoot(CircleGrid(3, 7, 0.02), (0.2, 0.2, 0.1), 0.4, SIZE, focal_px=500)
    pictures = [shot.developed()]
    assert "did you swap columns and rows?" in explain_circles(pictures, CircleGrid(7, 3, 0.02))
    assert "3 columns and 7 rows is seen" in explain_circles(pictures, CircleGrid(4, 7, 0.02))
    blank = [np.full((60, 80), 99, dtype=np.uint8)]
    assert explain_circles(blank, CircleGrid(3, 7, 0.02)).startswith("no grid of 3 columns and 7")
