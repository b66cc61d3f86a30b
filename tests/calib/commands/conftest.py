"""A calibration to read, and a way to run `calib` as it ends in a terminal."""

from __future__ import annotations

import sys

import pytest

from calib.cli import app
from triangulate.console import run_app


@pytest.fixture
def anipose_file(tmp_path):
    """Without a unit, in mm."""
    table = (
        '[cam_{v}]\nname = "{name}"\nsize = [640, 480]\nmatrix = [[600.0, 0.0, 320.0], '
        "[0.0, 600.0, 240.0], [0.0, 0.0, 1.0]]\ndistortions = [-0.2, 0.0, 0.0, 0.0, 0.0]\n"
        "rotation = [0.0, 0.1, 0.0]\ntranslation = [{v}.5, 0.0, 0.0]\n"
    )
    path = tmp_path / "calibration.toml"
    path.write_text("".join(table.format(v=v, name=name) for v, name in enumerate("ab")))
    return path


@pytest.fixture
def refusal(anipose_file, capsys, monkeypatch):
    """A function that runs a command which must end with a code and one line on stderr."""

    def run(arguments, code):
        filled = [argument.format(anipose=anipose_file) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["calib", *filled])
        with pytest.raises(SystemExit) as end:
            run_app(app)
        printed = capsys.readouterr()
        assert end.value.code == code
        assert printed.out == ""
        assert printed.err.startswith("error: ") and len(printed.err.splitlines()) == 1
        return printed.err

    return run
