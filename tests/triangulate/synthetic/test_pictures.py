from __future__ import annotations

import numpy as np
import pytest

from triangulate.synthetic.draws import seeded
from triangulate.synthetic.pictures import developed, photograph

SIZE = (12, 8)


def print_with_an_edge():
    """Black left of its pixel edge 60, white right of it; ten pixels of the print to one seen."""
    printed = np.zeros((80, 120), dtype=np.uint8)
    printed[:, 60:] = 255
    return printed


def ten_to_one(points_px):
    return 10 * (points_px + 0.5) - 0.5


def test_a_pixel_is_the_mean_of_what_it_covers():
    picture = photograph(
        print_with_an_edge(),
        lambda p: ten_to_one(p + np.array([0.3, 0.0])),
        SIZE,
        supersample=10,
        levels=(0, 100),
    )
    assert picture.shape == (8, 12)
    # The edge lies at 6 - 0.3 - 0.5 from the middle of pixel 0: three tenths into pixel 5.
    assert picture[3, :7] == pytest.approx([0, 0, 0, 0, 0, 30, 100], abs=3)


def test_what_is_beside_the_print_is_neither_black_nor_white():
    picture = photograph(print_with_an_edge(), lambda p: ten_to_one(p - [4, 0]), SIZE)
    assert picture[4, 0] == pytest.approx(120)


def test_motion_smears_evenly_about_the_middle():
    still = photograph(print_with_an_edge(), ten_to_one, SIZE, levels=(0, 100))
    moving = photograph(
        print_with_an_edge(), ten_to_one, SIZE, motion_px=(4.0, 0.0), levels=(0, 100)
    )
    assert moving[4, 4:8] == pytest.approx([12.5, 37.5, 62.5, 87.5], abs=4)
    assert moving[4, 2:10].sum() == pytest.approx(still[4, 2:10].sum(), abs=1)


def test_defocus_keeps_the_edge_where_it_is():
    soft = photograph(print_with_an_edge(), ten_to_one, SIZE, defocus_px=1.0, levels=(0, 100))
    assert soft[4, 5] + soft[4, 6] == pytest.approx(100, abs=0.5)
    assert 20 < soft[4, 5] < 40


def test_noise_has_the_strength_asked_for():
    grey = developed(np.full((200, 300), 100.0), seeded(0), 3.0)
    assert grey.dtype == np.uint8
    assert grey.std() == pytest.approx(3.0, abs=0.1)
