"""Prints measured figures beside their goals.

    python tools/bench/run.py                 all parts
    python tools/bench/run.py dlt robust      some of them
    python tools/bench/run.py dlt --json      for programs

Ratios are of times in one process, on one thread where not said otherwise. What the parts need
(parity/, bench/ and data/) is looked for beside the checkout, or beside $TRIANGULATE_DATA.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bench._figures import Figure

PARTS = ("dlt", "robust", "recording")


def main(arguments: list[str] | None = None) -> None:
    """Run the parts asked for; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--samples", type=int, default=1024, help="samples of the linear problem")
    parser.add_argument("--frames", type=int, help="frames of the robust problem or recording")
    parser.add_argument("--runs", type=int, default=3, help="repetitions of the slow parts")
    options = parser.parse_args(arguments)
    wanted = list(dict.fromkeys(options.parts)) or ["all"]
    if unknown := [part for part in wanted if part not in (*PARTS, "all")]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)} and all")
    wanted = list(PARTS) if "all" in wanted else wanted
    results, everything = {}, []
    for part in wanted:
        figures = measure(part, options)
        everything += figures
        results[part] = [figure.to_dict() for figure in figures]
        if not options.json:
            print(f"{part}\n" + "\n".join(figure.line() for figure in figures), flush=True)
    if options.json:
        print(json.dumps(results, indent=2))
    if any(figure.is_met is False for figure in everything):
        sys.exit(1)


def measure(part: str, options: argparse.Namespace) -> list[Figure]:
    """Run one part; each imports what it needs alone."""
    if part == "dlt":
        from tools.bench._dlt import bench_dlt

        return bench_dlt(options.samples, min(64, options.samples))
    if part == "robust":
        from tools.bench._robust import GOAL_FRAMES, bench_robust

        return bench_robust(options.frames or GOAL_FRAMES, runs=options.runs)
    from tools.bench._recording import bench_recording

    return bench_recording(options.runs, options.frames)


if __name__ == "__main__":
    # Run as a script, Python looks beside it and not in the root of the checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
