"""The networks' benchmark runs, and fast ways give what twins give; no test says how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "bench" / "networks.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        timeout=120,
    )


@pytest.mark.slow
def test_parts_run_and_agree(shared) -> None:
    done = bench(
        "unproject", "v2v", "end", "--size", "32", "--depth", "18", "--image", "64",
        "--runs", "1", "--json",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr  # small problems miss the goals
    parts = json.loads(done.stdout)
    differences = [
        figure for part in parts.values() for figure in part if "difference" in figure["name"]
    ]
    assert len(differences) == 5
    assert all(figure["is_met"] for figure in differences)
    assert {figure["unit"] for figure in parts["end"]} == {"ms", "x"}


def test_wrong_use_names_what_there_is() -> None:
    done = bench("speed")
    assert done.returncode == 2
    assert "no part 'speed'; there are dlt, unproject" in done.stderr
