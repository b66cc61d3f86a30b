from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from calib.cli import app


def calib(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "calib", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_command_that_there_is_not():
    result = CliRunner().invoke(app, ["paint"])
    assert result.exit_code == 2
    assert "No such command 'paint'" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["show", "-h"]])
def test_help_is_quick_and_shows_an_example(arguments):
    calib(*arguments)  # compiles
    before = os.times()
    helped = calib(*arguments)
    after = os.times()
    spent = after.children_user + after.children_system
    assert helped.returncode == 0
    assert "Example: calib " in helped.stdout
    assert spent - before.children_user - before.children_system < 0.5


def test_help_waits_for_no_heavy_import():
    code = "import sys, calib.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not {"torch", "numpy", "cv2", "scipy", "yaml"} & set(loaded.split())
