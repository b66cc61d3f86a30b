"""The command line as a whole; each command has its tests in tests/triangulate/commands."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from triangulate.cli import app

COMMANDS = ["demo", "check", "sync", "detect", "reconstruct", "models", "models fetch"]
COMMANDS += ["models import", "models list", "models show", "render", "report"]


def triangulate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_an_example(command: str) -> None:
    helped = triangulate(*command.split(), "--help")
    assert helped.exit_code == 0
    assert f"Example: triangulate {command}".rstrip() in helped.stdout
    usage, *lines = helped.stdout.splitlines()
    assert usage.startswith("Usage: ")
    assert not [line for line in lines if line.endswith("...")]  # no sentence is cut off
    assert max(map(len, lines)) <= 80


def test_help_is_quick() -> None:
    words = [sys.executable, "-m", "triangulate", "reconstruct", "--help"]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)  # compiles
    before = os.times()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    spent_s = after.children_user + after.children_system
    assert spent_s - before.children_user - before.children_system < 0.5


def test_version() -> None:
    version = importlib.metadata.version("triangulate")
    assert triangulate("--version").stdout == f"triangulate {version}\n"


def test_the_demo_for_programs(tmp_path: Path) -> None:
    told = json.loads(
        triangulate("demo", "--out", tmp_path / "demo", "--network", "none", "--json").stdout
    )
    assert told["median_mm"] < 20
    assert Path(told["picture"]).is_file()
