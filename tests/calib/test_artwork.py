from __future__ import annotations

import cv2
import numpy as np
import pytest

from calib.artwork import artwork_of, draw
from calib.detectors.layouts import marker_dictionary
from calib.targets import AprilGrid, Charuco, Chessboard, CircleGrid


def test_charuco_looks_as_opencv_draws_it():
    target = Charuco(4, 5, 0.036, 0.024, "DICT_4X4_50")
    board = cv2.aruco.CharucoBoard((4, 5), 0.036, 0.024, marker_dictionary(target.dictionary))
    theirs = board.generateImage((4 * 72, 5 * 72), marginSize=0)
    ours = draw(artwork_of(target), 72 / 0.036, 0.0)
    assert ours.shape == theirs.shape
    assert (ours != theirs).mean() < 0.002


def test_an_inverted_charuco_is_the_negative_within_its_outline():
    sides = (4, 5, 0.036, 0.024, "DICT_4X4_50")
    plain = draw(artwork_of(Charuco(*sides)), 1000, 0.0)
    inverted = draw(artwork_of(Charuco(*sides, inverted=True)), 1000, 0.0)
    assert (plain.astype(int) + inverted).tolist() == np.full(plain.shape, 255).tolist()


def test_the_upper_left_square_of_a_chessboard_is_dark():
    artwork = artwork_of(Chessboard(3, 4, 0.01))
    assert artwork.size_m == pytest.approx((0.04, 0.05))
    grey = draw(artwork, 1000, 0.01)
    assert grey.shape == (70, 60)
    assert grey[11, 11] == 0 and grey[11, 25] == 255 and grey[25, 25] == 0
    assert (grey[:10] == 255).all() and (grey[:, :10] == 255).all()


def test_edges_between_pixels_are_grey_in_proportion():
    grey = draw(artwork_of(Chessboard(3, 3, 0.0125)), 100, 0.0)  # squares of 1.25 pixels
    assert grey.shape == (5, 5)
    # Pixel 1 holds a quarter of the first square and the bright one beside it.
    assert grey[0].tolist() == [0, pytest.approx(191, abs=1), *grey[0, 2:].tolist()]


def test_aprilgrid_has_a_square_at_every_corner_and_tag_0_below_left():
    target = AprilGrid(2, 3, 0.05, 0.2)
    artwork = artwork_of(target)
    assert artwork.size_m == pytest.approx((0.13, 0.19))
    grey = draw(artwork, 2000, 0.0)
    for x in (10, 130, 250):
        for y in (10, 130, 250, 370):
            assert grey[y, x] == 0
    assert grey[10, 60] == 255  # between two squares of the outer edge
    origin = artwork.origin_m * 2000
    assert origin == pytest.approx([20, 360])
    assert grey[int(origin[1]) - 2, int(origin[0]) + 2] == 0  # tag 0 begins right of and above


def test_circles_are_round_and_in_place():
    target = CircleGrid(2, 3, 0.02)
    artwork = artwork_of(target)
    grey = draw(artwork, 2000, 0.01)
    for x, y, radius in (artwork.discs_m + np.array([0.01, 0.01, 0])) * 2000:
        window = grey[int(y - 18) : int(y + 18), int(x - 18) : int(x + 18)]
        rows, columns = np.indices(window.shape)
        dark = 1 - window / 255
        assert dark.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
        assert (dark * columns).sum() / dark.sum() + int(x - 18) + 0.5 == pytest.approx(x, abs=0.02)
        assert (dark * rows).sum() / dark.sum() + int(y - 18) + 0.5 == pytest.approx(y, abs=0.02)
