"""`triangulate view` where there is no window to be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def view(folder: Path, display: str | None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    variables.pop("DISPLAY", None)
    return subprocess.run(
        [sys.executable, "-m", "triangulate", "view", str(folder)],
        env=variables | ({} if display is None else {"DISPLAY": display}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others need no DISPLAY")
@pytest.mark.parametrize(
    ("display", "said"),
    [(None, "DISPLAY is not set"), ("", "DISPLAY is not set"), (":5999", ":5999 (DISPLAY)")],
)
def test_without_a_display_a_line_says_what_to_do(
    tmp_path: Path, display: str | None, said: str
) -> None:
    done = view(tmp_path, display)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr and "`triangulate render`" in done.stderr
