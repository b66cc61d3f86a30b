from __future__ import annotations

import numpy as np

from triangulate.export.gaps import gap_notes, interpolated, listed


def test_lines_lead_through_gaps_in_time_and_ends_are_held() -> None:
    points = np.full((6, 2, 3), np.nan)
    points[1, 0], points[4, 0] = [1, 2, 3], [7, 2, -3]
    filled = interpolated(points, np.array([0, 1, 2, 4, 7, 8]))
    assert filled[:, 0, 0].tolist() == [1, 1, 2, 4, 7, 7]
    assert filled[:, 0, 2].tolist() == [3, 3, 2, 0, -3, -3]
    assert np.isnan(filled[:, 1]).all()  # never there
    assert np.isnan(points[0]).all()  # what was given stays as it was


def test_gaps_are_told() -> None:
    points = np.zeros((6, 3, 3))
    assert gap_notes("bvh", points) == []
    points[[1, 2, 3, 5], 0], points[:, 2] = np.nan, np.nan
    assert gap_notes("bvh", points) == [
        "bvh: 4 of 12 positions are missing and interpolated, the longest gap over 3 frames"
    ]
    points[1:4, 0] = 0
    assert gap_notes("bvh", points)[0].endswith("the longest gap over 1 frame")


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
