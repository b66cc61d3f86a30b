"""An evaluation from its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from triangulate.config.models import (
    AlgebraicConfig,
    HeatmapVolumeConfig,
    RansacConfig,
    ViewWeightsConfig,
)
from triangulate.data.build import build_dataset
from triangulate.data.sample import PoseDataset
from triangulate.errors import InputError
from triangulate.evaluation.estimators import NETWORK, check_names, estimators
from triangulate.evaluation.figures import Figures, absolute_mm, figures_of, gain_mm
from triangulate.evaluation.measuring import Measured, batches, measure
from triangulate.evaluation.passing import Passing, check_size, choose_device
from triangulate.metrics import PCKH_HEADS, Interval
from triangulate.models.weights import load, read_header
from triangulate.skeleton import joint_places

if TYPE_CHECKING:
    from triangulate.config.evaluation import EvaluateConfig


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        count: moments.
        figures: of each estimator, by name.
        gains_mm: how much smaller each estimator's errors are than the baseline's; the interval
            is of the paired differences.
        baseline: the estimator that the gains are over; "" where there is only one.
        thresholds: within what a joint is correct: `pck_mm`, `pckh_heads`, and `auc_mm`, the
            largest of those that the area is under.
    """

    count: int
    figures: dict[str, Figures]
    gains_mm: dict[str, Interval]
    baseline: str
    thresholds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def evaluate(
    config: EvaluateConfig,
    weights: str | Path,
    *,
    against: Sequence[str] = (),
    data_root: Path = Path("."),
    report: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure a network, and other estimators on its heatmaps, on a data set.

    Args:
        config: the settings.
        weights: a file, or the name of shipped ones.
        against: names among `estimators.OTHERS`.
        data_root: where relative paths of data sets start.
        report: told the moments done and all of them.

    Raises:
        InputError: what keeps it from running, with what to do.
    """
    check_names(against)
    passing = Passing(choose_device(config.device), config.precision, config.channels_last)
    network = load(weights)
    dataset = build_dataset(config.data, data_root, device=passing.device)
    _check_weights(weights, dataset)
    _check_root(config, dataset)
    check_size(network, config.data.size, "data.size")
    count = min(config.samples, len(dataset))
    ways = estimators(network, against, passing, _source(config, weights))
    found = measure(
        ways,
        batches(dataset, count, config.batch_size, passing.device),
        config.views,
        config.seed,
        None if report is None else lambda done: report(done, count),
    )
    return _report(found, dataset, config, list(ways))


def _source(config: EvaluateConfig, weights: str | Path) -> nn.Module | None:
    """The network that says where the cube stands, where one is named."""
    settings = read_header(weights).settings
    if config.centre_from is None:
        if settings.kind == "volumetric" and not settings.finds_centre:
            raise InputError(
                f"{weights}: its own heatmaps do not show where the body is: name the weights of "
                "an algebraic network that does, as centre_from in the settings"
            )
        return None
    source = read_header(config.centre_from).settings
    if settings.kind != "volumetric" or not isinstance(source, AlgebraicConfig | RansacConfig):
        raise InputError(
            f"centre_from: is for a volumetric network, and names an algebraic one; got "
            f"{settings.kind} and {source.kind}"
        )
    if (source.sampling, source.joints) != (settings.sampling, settings.joints):
        raise InputError(
            f"centre_from: {config.centre_from}: takes other images or finds other joints than "
            f"{weights}"
        )
    check_size(network := load(config.centre_from), config.data.size, "data.size")
    return network


def _report(
    found: dict[tuple[int, str], Measured],
    dataset: PoseDataset,
    config: EvaluateConfig,
    names: list[str],
) -> Report:
    figures = {}
    for name in names:
        whole = figures_of(found[0, name], dataset.skeleton, dataset.groups, config)
        by_views = {n: absolute_mm(found[n, name], config.seed) for n in config.views}
        figures[name] = replace(whole, by_views_mm=by_views)
    baseline = next((name for name in names if name != NETWORK), "")
    gains = {
        name: gain_mm(found[0, baseline], found[0, name], config.seed)
        for name in names
        if baseline and name != baseline
    }
    thresholds = {
        "pck_mm": config.threshold_mm,
        "pckh_heads": PCKH_HEADS,
        "auc_mm": config.threshold_mm,
    }
    return Report(len(found[0, NETWORK].group), figures, gains, baseline, thresholds)


def _check_weights(weights: str | Path, dataset: PoseDataset) -> None:
    """Refuse networks that do not take images, and joints other than the data set's."""
    header = read_header(weights)
    settings = header.settings
    if isinstance(settings, ViewWeightsConfig | HeatmapVolumeConfig):
        raise InputError(
            f"{weights}: a network of kind {settings.kind} does not begin with images; it "
            "is measured with a detector, by triangulate reconstruct"
        )
    joints, skeleton = settings.joints, header.skeleton
    if joints != len(dataset.skeleton.joint_names):
        raise InputError(
            f"{weights}: finds {joints} joints, and the data set has "
            f"{len(dataset.skeleton.joint_names)} ({dataset.skeleton.name or 'of its own'})"
        )
    if skeleton is not None and not skeleton.has_joints_of(dataset.skeleton):
        raise InputError(
            f"{weights}: finds the joints of {skeleton.name or 'a skeleton of its own'}, and the "
            f"data set has those of {dataset.skeleton.name or 'another'}"
        )


def _check_root(config: EvaluateConfig, dataset: PoseDataset) -> None:
    """Refuse a root joint that the data set lacks, before the work rather than after it."""
    names = dataset.skeleton.joint_names
    if config.root is not None and joint_places([config.root], names)[0] < 0:
        raise InputError(
            f"root: the data set has no joint {config.root!r}: set it to null, or to one of "
            f"{', '.join(names)}"
        )
