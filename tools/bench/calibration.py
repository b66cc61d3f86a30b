"""Prints how this project calibrates made-up rigs with known truth, beside other programs.

    python tools/bench/calibration.py                          all parts
    python tools/bench/calibration.py seeds clean              some of them
    python tools/bench/calibration.py peers --python multical=/path/to/its/python
    python tools/bench/calibration.py seeds --json             for programs

Parts: seeds (estimated intrinsics), known (true intrinsics), simple (plain lenses), clean (no noise
at all), outliers (0, 10 and 20 %), many (32 cameras), names (12 cameras keep their order), peers
(other programs, where they are installed), bundle (bundle adjustment against SciPy's).

"floor" is the same adjuster started at the truth, without the true outliers: nobody gets closer
with these corners. CPU time is that of the process, without imports, and on one thread for
everybody: idle threads that spin would count as work.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bench._calibration_parts import Bench
    from tools.bench._calibration_problems import Score

PARTS = (
    "seeds",
    "known",
    "simple",
    "clean",
    "outliers",
    "many",
    "names",
    "peers",
    "bundle",
)
TOOLS = ("opencv", "multical", "aniposelib", "caliscope")


def table(rows: Sequence[tuple[str, Score]]) -> str:
    """The rows in columns."""
    head = ("centre mm", "rot deg", "3D rms mm", "max mm", "outliers", "false", "lost %", "CPU s")
    lines = [f"  {'':<42}" + "".join(f"{title:>11}" for title in head)]
    for label, row in rows:
        found = "" if row.found != row.found else f"{100 * row.found:.1f} %"
        false, lost = ("" if row.false != row.false else f"{row.false:.0f}"), row.lost
        cells = [f"{value:.4g}" for value in (row.centre_mm, row.rotation_deg)]
        cells += [f"{value:.4g}" for value in (row.held_out_mm, row.held_out_max_mm)]
        cells += [found, false, "" if lost != lost else f"{lost:.3g}", f"{row.cpu_s:.1f}"]
        lines.append(f"  {label:<42}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the parts asked for; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="calibration", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--seeds", default="0,1,2", help="of the problems, with commas")
    parser.add_argument("--frames", type=int, default=200, help="of each problem")
    parser.add_argument("--tools", default=",".join(TOOLS), help="other programs, with commas")
    parser.add_argument(
        "--python", action="append", default=[], metavar="TOOL=PATH", help="interpreter of a tool"
    )
    options = parser.parse_args(arguments)
    wanted = list(dict.fromkeys(options.parts)) or ["all"]
    peers = [name for name in options.tools.split(",") if name]
    pythons = dict(text.partition("=")[::2] for text in options.python)
    for what, given, known in (
        ("part", wanted, (*PARTS, "all")),
        ("tool", [*peers, *pythons], TOOLS),
    ):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"no {what} {unknown[0]!r}; there are {', '.join(known)}")
    if not all(seed.isdecimal() for seed in options.seeds.split(",")):
        parser.error(f"--seeds must be numbers with commas between, not {options.seeds!r}")
    seeds = [int(seed) for seed in options.seeds.split(",")]
    from tools.bench._calibration_parts import Bench

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seeds, options.frames, peers, pythons)
        for part in PARTS if "all" in wanted else wanted:
            _run_part(bench, part, quiet=options.json)
    if options.json:
        print(_as_json(bench))
    if any(figure.is_met is False for figure in bench.figures):
        sys.exit(1)


def _run_part(bench: Bench, part: str, *, quiet: bool) -> None:
    from tools.bench._calibration_parts import RUN

    before = len(bench.rows), len(bench.figures), len(bench.remarks)
    RUN[part](bench)
    if quiet:
        return
    print(part)
    if rows := bench.rows[before[0] :]:
        print(table(rows))
    lines = [figure.line() for figure in bench.figures[before[1] :]]
    print(
        "\n".join([*lines, *(f"  {remark}" for remark in bench.remarks[before[2] :])]), flush=True
    )


def _as_json(bench: Bench) -> str:
    rows = [
        {"name": label} | {key: value for key, value in asdict(row).items() if value == value}
        for label, row in bench.rows
    ]
    figures = [figure.to_dict() for figure in bench.figures]
    return json.dumps({"rows": rows, "figures": figures, "remarks": bench.remarks}, indent=2)


if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS", "MKL"):  # read when they are imported, here and in children
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # Run as a script, Python looks beside it and not in the root of the checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
