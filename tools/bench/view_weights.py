"""Prints how learned view weights do beside estimators that learned nothing.

    python tools/bench/view_weights.py                          all parts
    python tools/bench/view_weights.py noise mvor               some of them
    python tools/bench/view_weights.py --weights runs/mine/best.safetensors
    python tools/bench/view_weights.py --methods dlt,learned --json

Parts: noise (made-up people under seven kinds of detector noise, distance to the truth), mvor (an
operating room, three cameras) and balancing (a person on a beam, four cameras), both with real
detections: distance in pixels, in a view that took no part, of the point that the other views give;
and mvor3, the distance of points from all three views to hand labels, which no method saw.

Methods: dlt, score and score^2 (weights), ransac (all pairs, an inlier within a twentieth of the
person's size), irls (Cauchy), robust (the program's default: one recording, or on `noise` single
moments), learned. Where one method has no point, the joint counts for none. Goals are the figures
of a study with a network of 18 thousand parameters where it has any, else those of the methods that
learned nothing (robust stands beside them).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.bench._weighing_methods import Estimator

PARTS = ("noise", "mvor", "mvor3", "balancing")
METHODS = ("dlt", "score", "score^2", "ransac", "irls", "robust", "learned")
GOALS_MM = {
    "base": 44.0,
    "clean": None,
    "noisy": 104.0,
    "uninformative_score": 51.0,
    "score_cubed": None,
    "precise": 11.6,
    "base_8views": 24.0,
}
BEATEN_ON_NOISE = ("dlt", "score", "score^2", "ransac", "irls")  # where the study has no figure
BEATEN_ON_RECORDED = ("dlt", "score", "ransac")

Row = dict[str, float]  # column -> figure


def main(arguments: list[str] | None = None) -> None:
    """Run the parts asked for; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}")
    parser.add_argument("--weights", default="learned", metavar="FILE", help="by default shipped")
    parser.add_argument("--methods", default=",".join(METHODS), metavar="A,B,...")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args(arguments)
    wanted, methods = options.parts or list(PARTS), options.methods.split(",")
    for name, known in [(part, PARTS) for part in wanted] + [(each, METHODS) for each in methods]:
        if name not in known:
            parser.error(f"no {name!r}; there are {', '.join(known)}")
    results = {part: measure(part, methods, options.weights) for part in wanted}
    missed = [goal for part, rows in results.items() for goal in missed_goals(part, rows)]
    if options.json:
        print(json.dumps({"parts": results, "missed": missed}, indent=2))
    else:
        for part, rows in results.items():
            print(f"{part}\n{table(rows)}\n", flush=True)
        print("\n".join(f"MISS {goal}" for goal in missed) or "all goals are met")
    if missed:
        sys.exit(1)


def measure(part: str, methods: list[str], weights: str) -> dict[str, Row]:
    """Figures by method."""
    import torch

    from tools.bench._figures import shared_folder
    from tools.bench._weighing_methods import estimators
    from triangulate.triangulation import load_view_weights

    torch.set_num_threads(1)
    chosen = {
        name: estimator
        for name, estimator in estimators(load_view_weights(weights)).items()
        if name in methods
    }
    folder = shared_folder()
    if part == "noise":
        return measure_noise(folder / "bench" / "networks" / "detector_noise.npz", chosen)
    return measure_recorded(part, folder / "data", chosen)


def measure_noise(path: Path, chosen: dict[str, Estimator]) -> dict[str, Row]:
    """Mean and median distance to the truth in mm."""
    from tools.bench._made_up_noise import errors_mm, load_noise

    rows: dict[str, Row] = {name: {} for name in chosen}
    for model in GOALS_MM:
        scenes = load_noise(path, model)
        for name, estimator in chosen.items():
            distance = errors_mm(estimator, scenes)
            rows[name] |= {model: float(distance.mean()), f"{model} p50": float(distance.median())}
    return rows


def measure_recorded(part: str, data: Path, chosen: dict[str, Estimator]) -> dict[str, Row]:
    """Mean, median and 95th percentile in pixels, over what every method gives."""
    import torch

    from tools.bench import _held_out_views as held_out

    if part == "balancing":
        recorded = held_out.load_balancing(data / "pose2sim_balancing")
    else:
        recorded = held_out.load_mvor(data / "mvor")
    distance_px = held_out.all_views_px if part == "mvor3" else held_out.held_out_px
    off = {name: distance_px(estimator, recorded) for name, estimator in chosen.items()}
    common = torch.stack([distance.isfinite() for distance in off.values()]).all(0)
    return {
        name: {
            "mean": float(distance[common].mean()),
            "p50": float(distance[common].median()),
            "p95": float(distance[common].quantile(0.95)),
            "points": float(common.sum()),
        }
        for name, distance in off.items()
    }


def missed_goals(part: str, rows: dict[str, Row]) -> list[str]:
    """What the learned weights do not reach, in words."""
    found = []
    if "learned" not in rows:
        return []
    learned = rows["learned"]
    beaten = BEATEN_ON_NOISE if part == "noise" else BEATEN_ON_RECORDED
    columns = GOALS_MM if part == "noise" else {"mean": None, "p95": None}
    for column, goal in columns.items():
        bounds = {name: rows[name][column] for name in beaten if name in rows}
        if goal is not None:
            bounds = {"the study": goal}
        found += [
            f"{part} {column}: {learned[column]:.4g} over {bound:.4g} of {name}"
            for name, bound in bounds.items()
            if learned[column] > bound
        ]
    return found


def table(rows: dict[str, Row]) -> str:
    """The rows in columns; medians in brackets behind their means."""
    names = [column for column in next(iter(rows.values())) if not column.endswith(" p50")]
    width = max(12, *(len(name) + 2 for name in names))
    lines = ["  " + f"{'':<10}" + "".join(f"{name:>{width}}" for name in names)]
    for method, row in rows.items():
        cells = []
        for name in names:
            median = f" ({row[f'{name} p50']:.0f})" if f"{name} p50" in row else ""
            cells.append(f"{row[name]:.4g}{median}")
        lines.append(f"  {method:<10}" + "".join(f"{cell:>{width}}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    # Run as a script, Python looks beside it and not in the root of the checkout.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
