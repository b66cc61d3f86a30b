from __future__ import annotations

import json
import sys

import pytest
from typer.testing import CliRunner

import calib
from calib.cli import app


@pytest.fixture
def folder(bumped, tmp_path):
    """What `calib solve` wrote, and the checks of an earlier report."""
    bumped.solution.save(tmp_path / "lab")
    calib.save_trust(bumped.trust, tmp_path / "lab")
    return tmp_path / "lab"


def run(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_verdict_is_printed_and_the_page_written(folder, bumped):
    before = (folder / "trust.json").stat().st_mtime_ns
    result = run(folder)
    assert result.exit_code == 0, result.output
    found = calib.verdict(bumped.solution, bumped.trust)
    assert result.stdout.startswith(f"{found.level}\n{found.headline}\n")
    assert "'cam2' looks" in result.stdout
    assert result.stdout.endswith(f"wrote {folder / 'report.html'}\n")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Calibration of lab" in page
    assert (folder / "trust.json").stat().st_mtime_ns == before  # nothing was solved again


def test_json_is_numbers_and_writes_no_page(folder):
    result = run(folder, "--json")
    numbers = json.loads(result.stdout)
    assert numbers["verdict"] == "do not use"
    assert not (folder / "report.html").exists()
    assert run(folder, "--json", "--out", folder / "x" / "page.html").exit_code == 0
    assert (folder / "x" / "page.html").exists()


def test_the_file_itself_will_do(folder):
    assert run(folder / "solution.npz", "--json").exit_code == 0


def test_another_solution_is_checked_anew(folder, faultless):
    faultless.solution.save(folder)
    result = run(folder, "--json")
    assert json.loads(result.stdout)["verdict"] == "good"
    assert calib.load_trust(folder).of == faultless.trust.of


def test_json_does_without_plotly(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.delitem(sys.modules, "plotly.graph_objects", raising=False)
    assert run(folder, "--json").exit_code == 0
    result = run(folder)
    assert 'pip install "triangulate[report]"' in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["report", "nowhere"], 1, 'give the folder that "calib solve" wrote'),
        (["report", "{anipose}"], 1, 'give the folder that "calib solve" wrote'),
        (["report", "nowhere", "--out", "/"], 2, "is a folder; name a file"),
        (["report"], 2, "FOLDER"),
    ],
)
def test_refusals(refusal, arguments, code, said):
    assert said in refusal(arguments, code)


def test_another_board_is_refused(refusal, folder, tmp_path):
    board = tmp_path / "board.yaml"
    board.write_text("type: chessboard\ncolumns: 8\nrows: 5\nsquare_size_mm: 30\n")
    said = refusal(["report", str(folder), "--board", str(board)], 1)
    assert "the target has 40 points and the observations 20" in said
    assert not (folder / "report.html").exists()
