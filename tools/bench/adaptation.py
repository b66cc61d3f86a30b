"""Prints ways from BlazePose's heatmaps to joints side by side, on a real recording.

    python tools/bench/adaptation.py                                adapt both students, compare
    python tools/bench/adaptation.py --weights adapted.safetensors  compare only
    python tools/bench/adaptation.py --settings my_adapt.yaml       adapt that student, compare

The recording is a person on a beam in four calibrated views (data/pose2sim_balancing). All ways get
the same maps. What is learned on the recording has seen its first half, without labels; all figures
are of the second half, with 95 % intervals from blocks of frames.

TRC: mean distance of shoulders, elbows, wrists, knees and ankles to another program's result on
another detector (OpenPose), as it is, and less each joint's own median offset, as the detectors
define joints differently. Bones: standard deviations of the limbs' lengths, over their lengths.
Held out: the distance in pixels of a camera's detections of the body's joints (nose, limbs, hips,
feet) from the joints that the other cameras give.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bench._adaptation_rows import Row

HEAD = ("TRC mm", "less offset mm", "bones %", "held out px", "median px", "p95 px")


def main(arguments: list[str] | None = None) -> None:
    """Compare; exit code 1 where no learned way is better than the linear one on all measures."""
    parser = argparse.ArgumentParser(prog="adaptation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--weights", type=Path, nargs="+", default=[], help="of students adapted already"
    )
    parser.add_argument("--settings", type=Path, help="of adapting, as configs/adapt.yaml")
    parser.add_argument("--view-weights", default="view_weights", help="name or file")
    parser.add_argument("--save", type=Path, help="a folder to keep the adapted students in")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    from tools.bench._adaptation_rows import compare_ways

    rows, notes = compare_ways(
        options.weights, options.settings, options.view_weights, options.save
    )
    if options.json:
        print(json.dumps({"rows": [row.as_dict() for row in rows], "notes": notes}, indent=2))
    else:
        print(table(rows))
        print("\n".join(notes))
    if not any(row.is_better for row in rows):
        sys.exit(1)


def table(rows: list[Row]) -> str:
    """The rows in columns; `*`: better than the linear way on all measures, beyond doubt."""
    lines = [f"{'':<26}" + "".join(f"{title:>25}" for title in HEAD)]
    for row in rows:
        cells = [str(value) for value in row.cells()]
        mark = "*" if row.is_better else ""
        lines.append(f"{row.name + mark:<26}" + "".join(f"{cell:>25}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS", "MKL"):  # read when they are imported
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # Run as a script, Python looks beside it and not in the root of the checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
