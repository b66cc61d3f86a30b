from __future__ import annotations

import pytest
from typer.testing import CliRunner

from calib.cli import app
from calib.commands.board import DEFAULTS
from calib.sheets import fit_page
from calib.targets import AprilGrid, Charuco, Chessboard, load_target


def run(*arguments):
    return CliRunner().invoke(app, ["board", *map(str, arguments)])


def test_a_board_is_written_with_its_description(tmp_path):
    result = run("charuco", "--columns", 8, "--rows", 11, "--square", 24, "--out", tmp_path)
    assert result.exit_code == 0
    assert "ChArUco 8 x 11 squares of 24 mm, markers 18 mm" in result.stdout
    assert "note: the page is A3, 297 x 420 mm" in result.stderr
    assert load_target(tmp_path / "board.yaml") == Charuco(8, 11, 0.024, 0.018, "DICT_5X5_50")
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (("chessboard",), Chessboard(9, 6, 0.025)),
        (
            ("aprilgrid", "--tag", 20, "--gap", 0.25, "--border-bits", 1),
            AprilGrid(6, 6, 0.02, 0.25, 1),
        ),
        (
            ("charuco", "--dictionary", "4x4_100", "--legacy", "--inverted"),
            Charuco(5, 7, 0.035, 0.026, "DICT_4X4_100", legacy=True, inverted=True),
        ),
    ],
)
def test_kinds_and_their_options(arguments, target, tmp_path):
    assert run(*arguments, "--out", tmp_path).exit_code == 0
    assert load_target(tmp_path / "board.yaml") == target


@pytest.mark.parametrize("kind", list(DEFAULTS))
def test_what_is_printed_by_default_fits_on_a4(kind, tmp_path):
    assert run(kind.value, "--out", tmp_path).exit_code == 0
    assert fit_page(load_target(tmp_path / "board.yaml").extent_m).name == "A4"


def test_a_described_board_is_printed_again(tmp_path):
    path = tmp_path / "board.yaml"
    path.write_text("type: chessboard\ncolumns: 5\nrows: 4\nsquare_size_cm: 3\n")
    assert run(path, "--out", tmp_path / "again", "--page", "a3").exit_code == 0
    assert load_target(tmp_path / "again" / "board.yaml") == Chessboard(5, 4, 0.03)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["board", "chess"], 2, "'chess' is none of charuco, chessboard, aprilgrid, circles"),
        (["board", "circles", "--marker", "9"], 2, "--marker does not go with circles"),
        (["board", "{yaml}", "--rows", "9"], 2, "leave --rows out, or change the file"),
        (["board", "none.yaml"], 1, "none.yaml: there is no such file"),
        (["board", "charuco", "--square", "30", "--marker", "40"], 1, "are they exchanged?"),
        (["board", "charuco", "--dictionary", "4x4_5O"], 1, "did you mean DICT_4X4_50?"),
        (["board", "chessboard", "--square", "60", "--page", "A4"], 1, "take smaller or fewer"),
        (["board", "chessboard", "--page", "B9"], 1, "is one of A4, A3"),
        (["board", "chessboard", "--columns", "two"], 2, "valid integer"),
    ],
)
def test_mistakes_end_with_one_line(arguments, code, said, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yaml = tmp_path / "mine.yaml"
    yaml.write_text("type: chessboard\ncolumns: 5\nrows: 4\nsquare_size_mm: 30\n")
    before = set(tmp_path.iterdir())
    filled = [str(yaml) if argument == "{yaml}" else argument for argument in arguments]
    assert said in refusal(filled, code)
    assert set(tmp_path.iterdir()) == before


def test_another_board_is_replaced_only_by_force(refusal, tmp_path):
    out = ["--out", str(tmp_path)]
    assert run("chessboard", *out).exit_code == 0
    assert "--force" in refusal(["board", "charuco", *out], 1)
    assert load_target(tmp_path / "board.yaml").type == "chessboard"
    assert run("charuco", *out, "--force").exit_code == 0
    assert load_target(tmp_path / "board.yaml").type == "charuco"
