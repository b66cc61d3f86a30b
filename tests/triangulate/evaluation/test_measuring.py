"""Gathering predictions, and choosing views."""

from __future__ import annotations

import torch
from spots import Spots, exactly

from triangulate.data.sample import Sample
from triangulate.evaluation.measuring import batches, measure, with_views
from triangulate.models.prediction import Prediction


def test_batches_cover_the_first_moments() -> None:
    sizes = [len(batch.group) for batch in batches(Spots(20), 10, 4)]
    assert sizes == [4, 4, 2]
    assert sum(len(batch.group) for batch in batches(Spots(5), 100, 4)) == 5


def test_every_estimator_sees_the_same_moments() -> None:
    told: list[int] = []
    ways = {"exact": exactly(), "off": exactly(0.1)}
    found = measure(ways, batches(Spots(), 6, 4), views=[2], seed=1, report=told.append)
    assert set(found) == {(0, "exact"), (0, "off"), (2, "exact"), (2, "off")}
    assert told == [4, 6]
    first, off = found[0, "exact"], found[0, "off"]
    assert first.points_world.dtype == torch.float64
    assert first.group.tolist() == [0, 1, 0, 1, 0, 1]
    assert torch.equal(first.points_world, first.truth_world)
    torch.testing.assert_close(
        off.points_world[..., 0] - first.points_world[..., 0], torch.full((6, 3), 0.1).double()
    )


def test_fewer_views_are_nested_and_random() -> None:
    seen: list[torch.Tensor] = []

    def note(sample: Sample) -> Prediction:
        seen.append(sample.views)
        assert not bool((sample.visible & ~sample.views[..., None]).any())
        return exactly()(sample)

    measure({"": note}, batches(Spots(), 8, 8), views=[1, 2])
    every, one, two = seen
    assert bool(every.all())
    assert one.sum(-1).tolist() == [1] * 8
    assert two.sum(-1).tolist() == [2] * 8
    assert not bool((one & ~two).any())
    assert len({tuple(row.tolist()) for row in one}) > 1


def test_missing_views_stay_missing() -> None:
    sample = next(iter(batches(Spots(), 1, 1)))
    sample = Sample(**{**vars(sample), "views": torch.tensor([[True, False, True]])})
    order = torch.tensor([[0.9, 0.0, 0.5]])
    assert with_views(sample, order, 1).views.tolist() == [[False, False, True]]
    assert with_views(sample, order, 3).views.tolist() == [[True, False, True]]
