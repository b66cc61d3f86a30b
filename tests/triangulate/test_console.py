from __future__ import annotations

import io
import json
import math
import re
import signal
import subprocess
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import typer

from triangulate.console import (
    SETTINGS,
    nested_pairs,
    print_json,
    print_notes,
    print_pairs,
    print_table,
    run_app,
    told_in_lines,
)

NAME = "a camera with a name much longer than anybody would think of, [red] and all"
TABLE = f"""
from triangulate.console import print_notes, print_pairs, print_table
row = ["{NAME}", "1.5 px", "recordings/" * 6]
print_table("Cameras", ["camera", "error", "file"], [row], texts=["file"])
print_pairs("Result", [("found", "these words are for a line of more than eighty columns " * 2)])
print_notes(["these words, too, are for a line that is longer than eighty columns; " * 2])
"""


# --- Output ---------------------------------------------------------------------------------------


def test_a_table_in_a_pipe_is_as_wide_as_it_needs_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 150
    print_table("Cameras", ["camera", "found"], [[name, "9 %"], ["[red]b[/red]", "100 %"]])
    printed = capsys.readouterr().out
    assert printed.splitlines() == [
        "Cameras",
        f"{'camera':<150}  found",
        f"{name}    9 %",
        f"{'[red]b[/red]':<150}  100 %",
        "",
    ]


def test_on_a_terminal_everything_fits_and_nothing_is_cut(on_terminal: Any) -> None:
    code, printed = on_terminal(TABLE)
    assert code == 0
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed and "..." not in printed
    letters = Counter("".join(printed.split()))
    wanted = Counter("cameras camera error file 1.5px" + NAME + "recordings/" * 6)
    del wanted[" "]
    assert not wanted - letters
    assert re.search(r"found  these words are for .*\n       \w+", printed)
    assert re.search(r"note: these words, too, .*\n  \w+", printed)


def test_in_a_pipe_there_are_no_control_sequences() -> None:
    done = subprocess.run([sys.executable, "-c", TABLE], capture_output=True, text=True)
    assert "\x1b" not in done.stdout + done.stderr
    assert "…" not in done.stdout
    assert len(done.stdout.splitlines()) == 6 and len(done.stderr.splitlines()) == 1


def test_pairs_and_notes(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs("Result", [("frames", "3"), ("rate", "50")])
    print_notes(["one", "two"])
    printed = capsys.readouterr()
    assert printed.out == "Result\nframes  3\nrate    50\n"
    assert printed.err == "note: one\nnote: two\n"


def test_what_is_nested_has_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    values = {
        "steps": 3,
        "data": {"kind": "synthetic", "size": [64, 48], "mix": {"walk": 0.5}, "subjects": {}},
        "groups": [{"prefix": "backbone.", "frozen": True}, {"prefix": "v2v.", "lr": None}],
    }
    print_pairs("Settings", nested_pairs(values))
    assert capsys.readouterr().out.splitlines() == [
        "Settings",
        "steps       3",
        "data",
        "  kind      synthetic",
        "  size      [64, 48]",
        "  mix",
        "    walk    0.5",
        "  subjects  {}",
        "groups",
        "  1",
        "    prefix  backbone.",
        "    frozen  true",
        "  2",
        "    prefix  v2v.",
        "    lr      null",
    ]


def test_json_holds_what_json_can_hold(capsys: pytest.CaptureFixture[str]) -> None:
    content = {"a": [1.5, math.nan, (math.inf, True, None)], "path": Path("é"), "n": 3}
    print_json(content)
    assert json.loads(capsys.readouterr().out) == {
        "a": [1.5, None, [None, True, None]],
        "path": "é",
        "n": 3,
    }


# --- Waiting --------------------------------------------------------------------------------------

PROGRESS = """
import time
from triangulate.console import progress_bar, waiting
with waiting("thinking"):
    pass
with progress_bar("detecting", "frames") as report:
    if report is not None:
        for done in range(480, 601, 20):
            report(done, 600)
            time.sleep(0.02)
with progress_bar("nothing to do", "frames") as report:
    pass
print("done")
"""


def test_a_bar_shows_what_is_left_on_a_terminal(on_terminal: Any) -> None:
    code, printed = on_terminal(PROGRESS)
    assert code == 0
    assert re.search(r"detecting ━+ +600 of 600 frames, 0:00:00 left", printed)
    assert re.split(r"[\r\n]+", printed.strip())[-1] == "done"
    assert max(map(len, re.split(r"[\r\n]", printed))) < 80


def test_short_work_leaves_a_pipe_in_quiet() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_long_work_says_in_a_pipe_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    told = told_in_lines("training", "steps", clock)
    for done in range(201, 401):  # went on after 200 steps; two seconds each
        told(done, 1000, f"loss {1 / done:.4f}")
        clock.now += 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "training: 231 of 1000 steps, loss 0.0043, 0:25:38 left",
        "training: 261 of 1000 steps, loss 0.0038, 0:24:38 left",
        "training: 291 of 1000 steps, loss 0.0034, 0:23:38 left",
        "training: 321 of 1000 steps, loss 0.0031, 0:22:38 left",
        "training: 351 of 1000 steps, loss 0.0028, 0:21:38 left",
        "training: 381 of 1000 steps, loss 0.0026, 0:20:38 left",
    ]


def test_the_time_left_is_not_told_before_it_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    told = told_in_lines("detecting", "frames", clock)
    clock.now += 90  # spent on the first one
    told(1, 40)
    clock.now += 60
    told(1, 40)
    clock.now += 3600
    told(2, 40)
    assert capsys.readouterr().err.splitlines() == [
        "detecting: 1 of 40 frames",
        "detecting: 1 of 40 frames",
        "detecting: 2 of 40 frames, 1 day, 14:38:00 left",
    ]


# --- How commands end -----------------------------------------------------------------------------

app = typer.Typer(**SETTINGS)  # type: ignore[arg-type]


class Mood(StrEnum):
    calm = "calm"
    cross = "cross"


@app.command()
def wait(seconds: float, sure: bool = False, how: list[Mood] = [Mood.calm]) -> None:  # noqa: B006
    """Wait."""
    if seconds > 100:
        typer.confirm("So long?")


@app.command()
def other() -> None:
    """Do something else."""


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["wait", "0"], 0, ""),
        (["wait"], 2, "error: Missing argument 'seconds' (see "),
        (["wait", "long"], 2, "wait --help)"),
        (["wait", "0", "--sur"], 2, "--sure"),
        (["wait", "0", "--how", "bad"], 2, "'--how': 'bad' is not one of 'calm', 'cross' (see "),
        (["wiat"], 2, "'wait'"),
        (["wait", "200"], 130, "stopped"),  # no answer
    ],
)
def test_every_end_is_one_line(
    monkeypatch: Any, capsys: Any, arguments: list[str], code: int, line: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit) as end:
        run_app(app)
    said = capsys.readouterr().err.strip().splitlines()
    assert int(end.value.code or 0) == code
    assert len(said) == (1 if line else 0)
    assert not line or line in said[0]


def test_no_arguments_show_the_help(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit) as end:
        run_app(app)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("Usage: ")


COMMAND = """
import time, typer
from triangulate.console import SETTINGS, run_app
app = typer.Typer(**SETTINGS)
@app.command()
def run(word: str):
    {body}
run_app(app)
"""


def start(body: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND.format(body=body), "word"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_ends_a_command() -> None:
    with start("print('ready', flush=True); time.sleep(30)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "stopped\n")


def test_a_reader_that_left_is_no_error() -> None:
    with start("[print('line') for _ in range(100_000)]") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_cannot_be_written_is_told() -> None:
    command = [sys.executable, "-c", COMMAND.format(body="print('line')"), "word"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: the disk is full; free some space and try again\n"
