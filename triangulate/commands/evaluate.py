"""`triangulate evaluate`: what weights are worth on a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triangulate.console import (
    print_json,
    print_notes,
    print_table,
    progress_bar,
    uninterrupted,
    waiting,
)
from triangulate.options import JsonOption, parse_names

if TYPE_CHECKING:
    from triangulate.evaluation.run import Report
    from triangulate.metrics import Interval

_ONE_MOMENT = "an interval needs two moments or more: figures without one are of a single one"


def evaluate(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Settings as YAML; see configs/eval_*.")
    ],
    weights: Annotated[
        str,
        typer.Option("--weights", metavar="NAME", help="A file, or the name of shipped weights."),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NAMES",
            help="Other estimators on the same heatmaps, with commas between: plain, variance, "
            "window, ransac, logsum. Gains are over the first.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help="Where paths of data sets start: else $TRIANGULATE_DATA, else here.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a network on a data set, with intervals from resampling its moments."""
    with uninterrupted(), waiting("loading"):
        from triangulate.config.evaluation import EvaluateConfig
        from triangulate.config.parsing import load_config
        from triangulate.data.build import data_root
        from triangulate.evaluation import run

    settings = load_config(config, EvaluateConfig)
    with progress_bar("evaluating", "moments") as show:
        report = run.evaluate(
            settings,
            weights,
            against=parse_names(against) or [],
            data_root=data_root(data),
            report=show,
        )
    if as_json:
        print_json({"weights": weights, "config": config, **report.as_dict()})
    else:
        _print(report)


def _print(report: Report) -> None:
    within = report.thresholds
    columns = ["estimator", "MPJPE", "median", "relative", "PA"]
    columns += [f"PCK {within['pck_mm']:g} mm", f"PCKh {within['pckh_heads']:g} heads"]
    columns += [f"AUC 0-{within['auc_mm']:g} mm", "found"]
    rows = []
    for name, figures in report.figures.items():
        row = [name, _text(figures.absolute_mm), f"{figures.median_mm:.1f}"]
        row += [_text(figures.relative_mm), _text(figures.aligned_mm)]
        shares = (figures.pck, figures.pckh, figures.auc, figures.found)
        row += ["-" if share is None else f"{share:.1%}" for share in shares]
        gain = report.gains_mm.get(name)
        rows.append([*row, "" if gain is None else _text(gain)] if report.baseline else row)
    if report.baseline:
        columns.append(f"gain over {report.baseline}")
    moments = "one moment" if report.count == 1 else f"{report.count} moments"
    print_table(f"Errors in mm over {moments}", columns, rows)
    all_figures = report.figures
    _print_parts("joint", {name: each.by_joint_mm for name, each in all_figures.items()})
    _print_parts("group", {name: each.by_group_mm for name, each in all_figures.items()})
    _print_parts("views", {name: each.by_views_mm for name, each in all_figures.items()})
    if any(interval.count == 1 for each in all_figures.values() for interval in each.intervals):
        print_notes([_ONE_MOMENT])


def _print_parts(part: str, by_name: Mapping[str, Mapping[Any, Interval | float]]) -> None:
    """One line a joint, group or number of views; a column an estimator."""
    keys = list(next(iter(by_name.values())))
    if keys:
        rows = [[str(key), *(_text(values[key]) for values in by_name.values())] for key in keys]
        print_table(f"MPJPE in mm by {part}", [part, *by_name], rows)


def _text(value: Interval | float | None) -> str:
    figure = value if isinstance(value, float | None) else value.value
    if figure is None or math.isnan(figure):
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
