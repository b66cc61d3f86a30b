from __future__ import annotations

import cv2
import numpy as np
import pytest

from calib.detectors.layouts import layout_of, marker_bits, marker_dictionary
from calib.targets import AprilGrid, Charuco


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("columns", "rows"), [(4, 5), (5, 4), (6, 6), (3, 7), (2, 2)])
def test_charuco_boards_are_those_of_opencv(columns, rows, legacy):
    target = Charuco(columns, rows, 0.03, 0.02, "DICT_4X4_50", legacy=legacy)
    board = cv2.aruco.CharucoBoard(
        (columns, rows), 0.03, 0.02, marker_dictionary(target.dictionary)
    )
    board.setLegacyPattern(legacy)
    layout = layout_of(target)
    assert np.stack(board.getObjPoints())[..., :2] == pytest.approx(
        layout.marker_corners_m, abs=1e-7
    )
    assert board.getIds().ravel().tolist() == list(range(target.num_markers))
    assert board.getChessboardCorners() == pytest.approx(target.points_m, abs=1e-7)
    picture = board.generateImage((60 * columns, 60 * rows), marginSize=0)
    around = 60 * target.points_m[:, :2] / 0.03 + 2  # right of and below the corners
    dark = picture[around[:, 1].astype(int), around[:, 0].astype(int)] < 128
    assert dark.tolist() == layout.is_dark.tolist()


def test_tags_stand_on_the_grid_as_kalibr_has_them():
    layout = layout_of(AprilGrid(3, 2, 0.1, 0.3))
    # Upside down: OpenCV's first corner, its upper left, is the lower right one of the print.
    assert layout.marker_corners_m[0] == pytest.approx(
        np.array([[0.1, 0], [0, 0], [0, -0.1], [0.1, -0.1]])
    )
    assert layout.marker_corners_m[4, 0] == pytest.approx([0.23, -0.13])


def test_the_first_tag_is_kalibrs():
    bits = np.rot90(marker_bits("DICT_APRILTAG_36H11", 0), 2)[1:-1, 1:-1]
    code = int("".join("1" if bit else "0" for bit in bits.ravel()), 2)
    assert code == 0xD5D628584
