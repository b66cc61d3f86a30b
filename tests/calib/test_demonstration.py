"""The demo's board; what is found from its videos is tested with the demo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from calib.demonstration import BOARD, BoardCalibration
from calib.sheets import fit_page
from calib.targets import load_target


def test_the_board_is_described_and_printed_to_scale(tmp_path: Path) -> None:
    calibration = BoardCalibration()
    sheet = calibration.print_board(tmp_path / "project" / "board.yaml")
    assert load_target(tmp_path / "project" / "board.yaml") == BOARD
    assert fit_page(BOARD.extent_m).name == "A0"
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, BOARD.dictionary))
    size = (BOARD.columns, BOARD.rows)
    opencv = cv2.aruco.CharucoBoard(size, BOARD.square_size_m, BOARD.marker_size_m, dictionary)
    found_px, ids, _, _ = cv2.aruco.CharucoDetector(opencv).detectBoard(sheet.grey)
    assert len(found_px) == len(calibration.points_m)
    points_m = calibration.points_m[np.ravel(ids), :2] + sheet.origin_m
    error_px = np.reshape(found_px, (-1, 2)) + 0.5 - sheet.pixels_per_m * points_m
    assert np.abs(error_px).max() < 0.3
    low, high = sheet.corners_m.min(0), sheet.corners_m.max(0)
    np.testing.assert_allclose(low[:2], -sheet.origin_m)
    np.testing.assert_allclose(high[:2], np.array(BOARD.extent_m) + sheet.origin_m, atol=2e-3)
