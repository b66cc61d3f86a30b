from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calib.observations import Observations
from triangulate.rig_formats import load_rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.boards import board_scene
from triangulate.synthetic.draws import seeded

Calib = Callable[..., tuple[int, str, str]]
BOARD = """type: chessboard
columns: 8
rows: 5
square_size_mm: 80
"""


@pytest.fixture
def calib_command(tmp_path: Path, monkeypatch, capsys) -> Calib:
    """The command line in this process: exit code, stdout, stderr."""
    from calib.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["calib", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a board's description and what four cameras saw of it."""
    from calib.targets import load_target

    (tmp_path / "board.yaml").write_text(BOARD)
    generator = seeded(0)
    rig = ring_rig(generator, 4, radius_m=2.5, height_m=1.8)
    near = ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4))
    target_m = load_target(tmp_path / "board.yaml").points_m
    scene = board_scene(generator, rig, target_m, 60, volume=near, max_tilt_deg=75)
    seen = Observations.from_arrays(scene.points_px, rig.names, rig.sizes, notes=["a note"])
    seen.save(tmp_path / "recordings" / "board" / "observations.npz")
    rig.save(tmp_path / "truth.yaml")
    return tmp_path


def test_a_folder_becomes_a_rig(project: Path, calib_command: Calib) -> None:
    code, printed, notes = calib_command("solve", "recordings/board")
    assert code == 0, notes
    assert "expected 3D error" in printed
    assert "note: a note" in notes
    rig = load_rig(project / "calibration")
    assert rig.names == ("cam1", "cam2", "cam3", "cam4")
    _, printed, _ = calib_command(
        "solve", "recordings/board", "--json", "--reference", "cam3", "--out", "other",
        "--intrinsics-from", "truth.yaml", "--cameras", "cam3,cam1,cam4",
    )  # fmt: skip
    told = json.loads(printed)
    assert [camera["name"] for camera in told["cameras"]] == ["cam3", "cam1", "cam4"]
    assert told["cameras"][0]["position_m"] == pytest.approx([0, 0, 0], abs=1e-9)
    assert 0 < told["expected_error_m"]["median"] < 0.01
    true = load_rig(project / "truth.yaml").select(["cam3", "cam1", "cam4"])
    np.testing.assert_allclose(load_rig(project / "other").cameras.K, true.cameras.K)


def test_mistakes_end_in_one_line_and_write_nothing(project: Path, calib_command: Calib) -> None:
    (project / "narrow.yaml").write_text(BOARD.replace("columns: 8", "columns: 7"))
    (project / "file").write_text("")
    for arguments, code, said in [
        (["recordings/none"], 1, "there is no such file or folder"),
        (["recordings/board", "--board", "none.yaml"], 1, "none.yaml: there is no such file"),
        (["recordings/board", "--board", "narrow.yaml"], 1, "the target has 35 points"),
        (["recordings/board", "--cameras", "cam1,left"], 1, "no observations of camera 'left'"),
        (["recordings/board", "--lens", "wide"], 2, "'wide' is none of radtan"),
        (["recordings/board", "--fix", "k9"], 1, "no parameter 'k9'"),
        (["recordings/board", "--seed", "99999999999999999999"], 2, "--seed"),
        (["recordings/board", "--share", "cam1"], 2, "neither 'all' nor names"),
        (["recordings/board", "--out", "file"], 2, "is a file; name a folder"),
        (["recordings/board", "--each-alone", "--clocks"], 2, "--each-alone finds lenses"),
        (["recordings/board", "--floor-frame", "3", "--up", "z"], 2, "are two worlds"),
    ]:
        ended, _, told = calib_command("solve", *arguments)
        assert ended == code, (arguments, told)
        last = told.strip().splitlines()[-1]
        assert last.startswith("error: ") and said in last, (arguments, told)
        assert not (project / "calibration").exists()
