"""Run estimators over a data set and gather what they say beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from triangulate.data.sample import PoseDataset, Sample, collate
from triangulate.geometry.tensors import TensorFields
from triangulate.models.prediction import Prediction

Estimator = Callable[[Sample], Prediction]


@dataclass(frozen=True)
class Measured(TensorFields):
    """Predictions for N moments and the truth, on the processor in float64.

    Attributes:
        points_world: (N, J, 3) metres.
        valid: (N, J) whether there is a prediction.
        truth_world: (N, J, 3) metres.
        known: (N, J) whether there is a truth.
        group: (N,) which of the data set's groups.
    """

    points_world: Tensor
    valid: Tensor
    truth_world: Tensor
    known: Tensor
    group: Tensor

    @classmethod
    def of(cls, prediction: Prediction, sample: Sample) -> Measured:
        """Of one batch."""
        parts = (
            prediction.points_world.detach(),
            prediction.valid,
            sample.points_world,
            sample.known,
            sample.group,
        )
        return cls(*parts).to(torch.float64, "cpu")

    @classmethod
    def joined(cls, parts: Sequence[Measured]) -> Measured:
        """All batches as one."""
        names = [field.name for field in fields(cls)]
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def batches(
    dataset: PoseDataset, count: int, batch_size: int, device: torch.device | str = "cpu"
) -> Iterator[Sample]:
    """The first `count` moments of a data set (or all, where it has fewer) in batches."""
    count = min(count, len(dataset))
    together = getattr(dataset, "__getitems__", None)
    for start in range(0, count, batch_size):
        numbers = range(start, min(count, start + batch_size))
        made = together(list(numbers)) if together else [dataset[number] for number in numbers]
        yield collate(made).to(device=device)


def measure(
    estimators: Mapping[str, Estimator],
    samples: Iterable[Sample],
    views: Sequence[int] = (),
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> dict[tuple[int, str], Measured]:
    """What each estimator makes of the same moments.

    Args:
        estimators: by name.
        samples: batches.
        views: numbers of views to try as well; each moment keeps its first ones in a random order.
        seed: of that order.
        report: told how many moments are done.

    Returns:
        By number of views (0: all) and name.
    """
    found: dict[tuple[int, str], list[Measured]] = {}
    generator, done = torch.Generator().manual_seed(seed), 0
    for sample in samples:
        order = torch.rand(sample.views.shape, generator=generator)
        for count in (0, *views):  # outside, as the estimators share what their backbone makes
            some = with_views(sample, order, count) if count else sample
            for name, estimate in estimators.items():
                measured = Measured.of(estimate(some), sample)
                found.setdefault((count, name), []).append(measured)
        done += len(sample.group)
        if report is not None:
            report(done)
    return {key: Measured.joined(parts) for key, parts in found.items()}


def with_views(sample: Sample, order: Tensor, count: int) -> Sample:
    """A batch with some views of each moment.

    Args:
        sample: (B, V).
        order: (B, V) any numbers: the views with the lowest stay.
        count: of views; fewer stay where a moment has not as many.
    """
    lots = torch.where(sample.views, order.to(sample.views.device), torch.inf)
    kept = sample.views & (lots.argsort(-1).argsort(-1) < count)
    return replace(sample, views=kept, visible=sample.visible & kept[..., None])
