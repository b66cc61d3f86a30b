"""Prints how fast the networks' parts are beside readable twins in the published manner.

    python tools/bench/networks.py                    all parts
    python tools/bench/networks.py unproject v2v      some of them
    python tools/bench/networks.py --json             for programs
    python tools/bench/networks.py end --depth 18     a smaller backbone

Parts: dlt, unproject, v2v, end (whole networks), gpu (where there is one). Times are those of the
process (CPU time) on one thread, and ratios of two such in one run. Memory is how far a call raises
the process's, its result included. Weights are random: what they find means nothing, how far two
ways to compute it are apart does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bench._figures import Figure

PARTS = ("dlt", "unproject", "v2v", "end", "gpu")


def main(arguments: list[str] | None = None) -> None:
    """Run the parts asked for; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="networks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--size", type=int, default=64, help="voxels along a side of the cube")
    parser.add_argument("--depth", type=int, default=152, help="of the backbone")
    parser.add_argument("--image", type=int, default=384, help="pixels along a side of the images")
    options = parser.parse_args(arguments)
    wanted = list(dict.fromkeys(options.parts)) or ["all"]
    if unknown := [part for part in wanted if part not in (*PARTS, "all")]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)} and all")
    results, everything = {}, []
    for part in PARTS if "all" in wanted else wanted:
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
    """Run one part."""
    import torch

    from tools.bench import _networks_parts as parts

    torch.set_num_threads(1)
    torch.manual_seed(0)
    match part:
        case "dlt":
            return parts.bench_dlt(options.runs)
        case "unproject":
            return parts.bench_unproject(options.size, options.runs)
        case "v2v":
            return parts.bench_v2v(options.size, options.runs)
        case "end":
            return parts.bench_whole(options.depth, options.image, options.size, options.runs)
    from tools.bench._networks_gpu import bench_gpu

    return bench_gpu(options.depth, options.image, options.size)


if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS", "MKL"):  # read when they are imported
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # Run as a script, Python looks beside it and not in the root of the checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
