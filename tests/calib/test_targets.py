from __future__ import annotations

import numpy as np
import pytest

from calib.targets import AprilGrid, Charuco, Chessboard, CircleGrid, load_target, save_target
from triangulate.errors import InputError

CHARUCO = Charuco(3, 4, 0.03, 0.02, "DICT_4X4_50")


def test_charuco_corners_lie_between_the_squares():
    assert CHARUCO.points_m.tolist() == [
        [0.03 * x, 0.03 * y, 0.0] for y in (1, 2, 3) for x in (1, 2)
    ]
    assert CHARUCO.points_m.dtype == np.float64
    assert CHARUCO.symmetries.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert CHARUCO.num_markers == 6


def test_chessboard_corners_begin_at_the_first():
    assert Chessboard(3, 4, 0.1).points_m[[0, 1, 3]] == pytest.approx(
        np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]])
    )


@pytest.mark.parametrize(
    ("columns", "rows", "turns"),
    [(4, 7, 1), (7, 4, 1), (6, 4, 2), (7, 5, 2), (5, 5, 2), (4, 4, 4)],
)
def test_a_chessboard_may_be_read_in_some_turns(columns, rows, turns):
    board = Chessboard(columns, rows, 0.02)
    colour = np.indices((rows + 1, columns + 1)).sum(0) % 2
    look_alike = sum(
        np.rot90(colour, k).shape == colour.shape and (np.rot90(colour, k) == colour).all()
        for k in range(4)
    )
    assert len(board.symmetries) == look_alike == turns
    assert board.symmetries[0].tolist() == list(range(columns * rows))
    # A turn is a rigid motion of the plane that keeps which way the print faces.
    middle = board.points_m.mean(0)
    for order in board.symmetries:
        before, after = board.points_m - middle, board.points_m[order] - middle
        turn = np.linalg.lstsq(before[:, :2], after[:, :2], rcond=None)[0]
        assert np.linalg.det(turn) == pytest.approx(1)


def test_aprilgrid_points_follow_kalibr_from_the_lower_left():
    grid = AprilGrid(2, 2, 0.1, 0.3)
    points = grid.points_m.reshape(4, 4, 3)
    assert points[0, :, 0] == pytest.approx([0, 0.1, 0.13, 0.23])
    assert points[:, 0, 1] == pytest.approx([0, -0.1, -0.13, -0.23])  # y points down
    assert len(grid.symmetries) == 1


def test_every_other_row_of_circles_is_shifted():
    points = CircleGrid(2, 3, 0.01).points_m
    assert points[:, :2] == pytest.approx(
        0.01 * np.array([[0, 0], [2, 0], [1, 1], [3, 1], [0, 2], [2, 2]])
    )


@pytest.mark.parametrize(("rows", "turns"), [(11, 1), (10, 2)])
def test_circles_may_be_read_upside_down(rows, turns):
    grid = CircleGrid(4, rows, 0.02)
    assert len(grid.symmetries) == turns
    turned = grid.points_m[:, :2].max(0) - grid.points_m[:, :2]
    same = {tuple(p) for p in turned.round(6)} == {tuple(p) for p in grid.points_m[:, :2].round(6)}
    assert same == (turns == 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Charuco(3, 4, 0.02, 0.03, "DICT_4X4_50"), "exchanged"),
        (lambda: Charuco(3, 4, 30, 20, "DICT_4X4_50"), "square_size_mm for millimetres"),
        (lambda: Charuco(3, 4, 0.03, 0.02, "DICT_4X4_5O"), "did you mean DICT_4X4_50"),
        (lambda: Charuco(20, 20, 0.03, 0.02, "DICT_4X4_50"), "need 200 markers"),
        (lambda: Chessboard(2, 7, 0.03), "columns is 2"),
        (lambda: AprilGrid(4, 4, 0.03, 3), "spacing"),
        (lambda: AprilGrid(30, 30, 0.03), "more than 36h11 has"),
        (lambda: CircleGrid(4, 11, 0.0), "spacing_m"),
    ],
)
def test_what_no_board_can_be_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize(
    "target",
    [
        CHARUCO,
        Charuco(8, 11, 0.024, 0.01875, "DICT_4X4_1000", legacy=True, inverted=True),
        Chessboard(9, 6, 0.0253),
        AprilGrid(6, 5, 0.0881, 0.25, border_bits=1),
        CircleGrid(4, 11, 1 / 70),
    ],
)
def test_a_written_board_is_read_the_same(target, tmp_path):
    save_target(target, tmp_path / "board.yaml")
    read = load_target(tmp_path / "board.yaml")
    assert read.points_m == pytest.approx(target.points_m, abs=1e-9)
    if not isinstance(target, CircleGrid):
        assert read == target
