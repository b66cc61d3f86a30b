"""The README's Python runs, and its command lines name commands and options that exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
SHELLS = {"console", "sh", "bash", "shell"}
COMMANDS = {"triangulate", "calib"}


def blocks(text: str, languages: set[str]) -> list[str]:
    """The contents of the fenced blocks in one of these languages."""
    fence = re.compile(r"^([ ]*)```(\w+)[^\n]*\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
    return [
        textwrap.dedent(match[3]) for match in fence.finditer(text) if match[2].lower() in languages
    ]


def command_lines(text: str) -> list[list[str]]:
    """The words of each `triangulate ...` and `calib ...` in the shell blocks."""
    lines: list[list[str]] = []
    for block in blocks(text, SHELLS):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            ends = [i for i, word in enumerate(words) if set(word) <= set("|&;<>()")]
            words = words[: min(ends, default=len(words))]
            if words and Path(words[0]).name in COMMANDS:
                lines.append([Path(words[0]).name, *words[1:]])
    return lines


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # The checkout's packages, also where the working folder is another.
    paths = os.pathsep.join(filter(None, [str(README.parent), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run_help(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The line with `--help` behind it, which still refuses unknown commands and options."""
    code = f"import sys; from {words[0]}.cli import main; sys.argv[0] = '{words[0]}'; main()"
    return run(["-c", code, *words[1:], "--help"], folder)


TEXT = README.read_text(encoding="utf-8") if README.exists() else ""
PYTHON_BLOCKS = blocks(TEXT, {"python"})
COMMAND_LINES = command_lines(TEXT)


def test_there_is_something_to_run() -> None:
    assert PYTHON_BLOCKS, "README.md shows no Python example"
    assert COMMAND_LINES, "README.md shows no command line"


@pytest.mark.parametrize("number", range(len(PYTHON_BLOCKS)))
def test_python_block_runs(number: int, tmp_path: Path) -> None:
    done = run(["-c", PYTHON_BLOCKS[number]], tmp_path)
    assert done.returncode == 0, f"{PYTHON_BLOCKS[number]}\n{done.stderr}"


@pytest.mark.parametrize("line", [shlex.join(words) for words in COMMAND_LINES])
def test_command_line_exists(line: str, tmp_path: Path) -> None:
    done = run_help(shlex.split(line), tmp_path)
    assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("words", [["no-such-command"], ["demo", "--no-such-option"]])
def test_a_wrong_command_line_would_be_seen(words: list[str], tmp_path: Path) -> None:
    assert run_help(["triangulate", *words], tmp_path).returncode == 2


def test_blocks_and_lines_are_found() -> None:
    text = textwrap.dedent(
        """
        ```python
        import one
        ```
        1. In a list:
           ```console
           $ triangulate demo --out "my folder"  # a comment
           make test && calib show rig.yaml
           calib convert in.toml \\
               out.yaml | less
           .venv/bin/calib show rig.yaml > table.txt
           ```
        ```yaml
        triangulate: no
        ```
        """
    )
    assert blocks(text, {"python"}) == ["import one\n"]
    assert command_lines(text) == [
        ["triangulate", "demo", "--out", "my folder"],
        ["calib", "convert", "in.toml", "out.yaml"],
        ["calib", "show", "rig.yaml"],
    ]
