from __future__ import annotations

import pytest

from calib.detectors.looks import Look
from calib.diagnosis.markers import explain_markers, refuse_other_board
from calib.targets import AprilGrid, Charuco
from triangulate.errors import InputError

SIZE = (360, 300)


@pytest.fixture(scope="module")
def tags(shoot):
    shot = shoot(AprilGrid(4, 3, 0.04, 0.3), (0.1, 0.1, 0.1), 0.45, SIZE, focal_px=500)
    return [shot.developed()]


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (AprilGrid(3, 4, 0.04, 0.3), "did you swap columns and rows?"),
        (AprilGrid(4, 2, 0.04, 0.3), "ids reach 11: 4 x 2 tags hold 8 markers, 0 to 7"),
        (AprilGrid(4, 3, 0.04, 0.3, border_bits=1), "write border_bits: 2"),
        (AprilGrid(4, 3, 0.04, 0.3), "but the corners between them are not found"),
    ],
)
def test_how_tags_differ_from_their_description(tags, described, said):
    assert said in explain_markers({Look(): tags}, described)


def test_a_gap_that_is_not_as_described(tags):
    with pytest.raises(InputError, match=r"its tags are 0.3. of a tag apart.*says 0.5"):
        refuse_other_board(tags, AprilGrid(4, 3, 0.04, 0.5))
    refuse_other_board(tags, AprilGrid(4, 3, 0.04, 0.3))


def test_ids_that_are_too_high_with_columns_and_rows_swapped(shoot):
    shot = shoot(Charuco(7, 10, 0.02, 0.015, "DICT_4X4_50"), (0.1, 0, 0.1), 0.5)
    said = explain_markers({Look(): [shot.developed()]}, Charuco(4, 7, 0.02, 0.015, "DICT_4X4_50"))
    assert said == "the dictionary matches but ids reach 34: did you swap columns and rows?"
