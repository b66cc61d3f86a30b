"""Packs the image networks that ship: measures them beside others, writes them and their cards.

    python tools/weights/synthetic_people.py runs/algebraic runs/volumetric --data DATA

copies what training wrote (configs/synthetic_heatmaps.yaml, then synthetic_algebraic.yaml and
synthetic_volumetric.yaml) to triangulate/weights, each with a card that says what the network
reaches on configs/eval_synthetic_clean.yaml, eval_synthetic_occluded.yaml and
eval_synthetic_views.yaml.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triangulate.config import load_config
from triangulate.config.evaluation import EvaluateConfig
from triangulate.evaluation.estimators import NETWORK
from triangulate.evaluation.run import Report, evaluate
from triangulate.metrics import Interval
from triangulate.models.weights import Card, load, read_header, save

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "triangulate" / "weights"
STEPS = ("heatmaps", "algebraic", "volumetric")  # each begins where the one before it ended
AGAINST = ("plain", "variance", "window", "ransac", "logsum")
SCENES = ("clean", "occluded")
BY_VIEWS, VIEWS_AGAINST, MOST_VIEWS = "views", ("plain", "logsum"), 8

TITLES = {
    NETWORK: "this network",
    "plain": "plain DLT",
    "variance": "DLT, rows weighted by the heatmaps' variance",
    "window": "DLT of points from two cells around the highest",
    "ransac": "RANSAC",
    "logsum": "log-sum volume, nothing learned",
}


def pack(run: Path, out: Path, data: Path, samples: int) -> None:
    """Measure what a run wrote, and write it as shipped weights."""
    source = run / "last.safetensors"
    command = f"triangulate train ({how_trained(source)})"
    reports = {scene: _measured(scene, source, data, samples, AGAINST) for scene in SCENES}
    by_views = _measured(BY_VIEWS, source, data, samples, VIEWS_AGAINST)
    header = read_header(source)
    card = Card(
        summary=header.card.summary,
        data="people rendered on the fly (triangulate.synthetic), posed by 13 clips of the "
        "DeepMimic project's motion capture, by random joint angles and by made-up walks; cameras, "
        "lenses, clothes, light, background and occluders at random",
        command=command,
        metrics={scene: _figures(report) for scene, report in reports.items()}
        | {BY_VIEWS: _means_by_views(by_views, NETWORK)},
        limits=header.card.limits,
    )
    target = out / f"synthetic_{run.name}.safetensors"
    save(load(source), target, card, skeleton=header.skeleton, half=True)
    packed = read_header(target)
    reports[BY_VIEWS] = by_views
    text = text_of(target.stem, card, reports, packed.num_parameters, packed.num_bytes)
    target.with_suffix(".md").write_text(text, "utf-8")
    print(f"{target}: {json.dumps(card.metrics)}")


def how_trained(weights: Path) -> str:
    """How many steps were taken with what, those of the weights it started from first."""
    metrics = read_header(weights).card.metrics
    settings: Mapping[str, Any] = metrics["settings"]
    optimizer, loading = settings["optimizer"], settings["loading"]
    said = (
        f"{metrics['steps']} steps of {loading['batch_size']} moments, each moment used "
        f"{loading['replay']} times, lr {optimizer['lr']:g}"
    )
    start = settings["start"]
    return said if start is None else f"{how_trained(Path(start))}; from there {said}"


def text_of(
    name: str, card: Card, reports: Mapping[str, Report], num_parameters: int, num_bytes: int
) -> str:
    """The card for people."""
    return f"""# {name}

{card.summary} **Synthetic people only.** {card.limits}

**What it is.** {num_parameters:,} parameters, {num_bytes / 1e6:.1f} MB. Load it with
`triangulate.models.load("{name}")`; images are 128 px crops of one person, `normalise_images` of
uint8 RGB. The joints are those of `Skeleton.named("h36m17")`.

**Data.** {card.data[0].upper()}{card.data[1:]}.

**Command.**

{_commands(name.removeprefix("synthetic_"))}

These weights: {card.command}.

**Measured** on {reports["clean"].count} moments of people that training did not see, in poses of
two clips of the CMU motion capture database, also unseen, from 4 cameras: as they are, and with one
or two of the views heavily covered. Mean error in mm with its 95 % interval (median), and by how
much less than plain DLT on the same heatmaps (interval of the paired difference).

{_table(reports)}

Mean error in mm by the number of views, on {reports[BY_VIEWS].count} moments seen by up to eight
cameras, with a few things in the way:

{_by_views(reports[BY_VIEWS])}

**Limits.** {card.limits} One person a crop.
"""


def _commands(run: str) -> str:
    """What is run one after the other, up to the packing of `run`."""
    steps = STEPS[: STEPS.index(run) + 1]
    lines = [
        f"    triangulate train configs/synthetic_{step}.yaml --out runs/{step} --data DATA"
        for step in steps
    ]
    lines.append(f"    python tools/weights/synthetic_people.py runs/{run} --data DATA")
    return "\n".join(lines)


def _table(reports: Mapping[str, Report]) -> str:
    rows = ["| on the same heatmaps | clean | gain | occluded | gain |", "|---|---|---|---|---|"]
    for name in (*AGAINST, NETWORK):
        cells = []
        for scene in SCENES:
            report = reports[scene]
            figures = report.figures[name]
            cells.append(f"{_interval(figures.absolute_mm)} ({figures.median_mm:.1f})")
            gain = report.gains_mm.get(name)
            cells.append("" if gain is None else _interval(gain))
        title = f"**{TITLES[name]}**" if name == NETWORK else TITLES[name]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _by_views(report: Report) -> str:
    means = {name: _means_by_views(report, name) for name in (*VIEWS_AGAINST, NETWORK)}
    counts = list(means[NETWORK])
    rows = ["| views | " + " | ".join(counts) + " |", "|---" * (len(counts) + 1) + "|"]
    for name, by_count in means.items():
        cells = " | ".join(f"{by_count[count]:.1f}" for count in counts)
        rows.append(f"| {TITLES[name]} | {cells} |")
    return "\n".join(rows)


def _means_by_views(report: Report, name: str) -> dict[str, float]:
    """Number of views -> mean error in mm."""
    figures = report.figures[name]
    found = {count: interval.value for count, interval in sorted(figures.by_views_mm.items())}
    found[MOST_VIEWS] = figures.absolute_mm.value
    return {str(count): round(mean, 1) for count, mean in found.items()}


def _interval(interval: Interval) -> str:
    return f"{interval.value:.1f} [{interval.low:.1f}, {interval.high:.1f}]"


def _measured(
    scene: str, weights: Path, data: Path, samples: int, against: tuple[str, ...]
) -> Report:
    config = load_config(ROOT / "configs" / f"eval_synthetic_{scene}.yaml", EvaluateConfig)
    config = config.model_copy(update={"samples": min(samples, config.samples)})
    return evaluate(config, weights, against=against, data_root=data)


def _figures(report: Report) -> dict[str, float]:
    figures = report.figures[NETWORK]
    plain = report.figures["plain"]
    return {
        "mean_mm": round(figures.absolute_mm.value, 1),
        "median_mm": round(figures.median_mm, 1),
        "plain_dlt_mean_mm": round(plain.absolute_mm.value, 1),
    }


def main(arguments: list[str] | None = None) -> None:
    """Pack each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="the folders that training wrote")
    parser.add_argument("--data", type=Path, required=True, help="holds cmu_mocap")
    parser.add_argument("--samples", type=int, default=1000, help="moments to measure on")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    for run in options.runs:
        pack(run, options.out, options.data, options.samples)


if __name__ == "__main__":
    main()
