from __future__ import annotations

import pytest

from calib.board_file import target_from
from calib.targets import AprilGrid, Charuco, load_target
from triangulate.errors import InputError

TEXT = "type: charuco\ncolumns: 4\nrows: 5\nsquare_size_mm: 54\nmarker_size_cm: 4.05\n"


def test_lengths_come_in_any_unit(tmp_path):
    path = tmp_path / "board.yaml"
    path.write_text(TEXT + "dictionary: 4x4_1000\n")
    assert load_target(path) == Charuco(4, 5, 0.054, 0.0405, "DICT_4X4_1000")


def test_what_is_left_out_has_its_default():
    values = {"type": "aprilgrid", "columns": 6, "rows": 6, "tag_size_m": 0.088}
    assert target_from(values) == AprilGrid(6, 6, 0.088, 0.3, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": None}, "'type' is missing"),
        ({"type": "chess"}, "did you mean 'chessboard'"),
        ({"colums": 4}, "unknown key 'colums': did you mean 'columns'"),
        ({"square_size_m": 0.054}, "are both given"),
        ({"columns": 4.5}, "columns should be a whole number, got 4.5"),
        ({"columns": True}, "columns should be a whole number"),
        ({"square_size_mm": "54 mm"}, "square_size_mm should be a number, got '54 mm'"),
        ({"rows": None}, "'rows' is missing"),
        ({"marker_size_cm": None}, r"'marker_size_m' is missing \(or in _cm, _mm\)"),
        ({"inverted": 1}, "inverted should be true or false"),
        ({"dictionary": "9x9_50"}, "DICT_9X9_50' is not known"),
        ({"marker_size_cm": 40.5}, "a marker lies inside a square"),
    ],
)
def test_what_is_wrong_is_named(change, said, tmp_path):
    values = {"type": "charuco", "columns": 4, "rows": 5, "square_size_mm": 54}
    values |= {"marker_size_cm": 4.05, "dictionary": "DICT_4X4_50"} | change
    text = "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None)
    path = tmp_path / "board.yaml"
    path.write_text(text.replace("True", "true"))
    with pytest.raises(InputError, match=said) as refused:
        load_target(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_files_that_hold_no_board(tmp_path):
    with pytest.raises(InputError, match="calib board"):
        load_target(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 3\n")
    with pytest.raises(InputError, match="expected 'key: value' lines"):
        load_target(tmp_path / "list.yaml")
    (tmp_path / "torn.yaml").write_text("type: [charuco\n")
    with pytest.raises(InputError, match="is no valid YAML"):
        load_target(tmp_path / "torn.yaml")
