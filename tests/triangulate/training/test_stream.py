"""What a step learns from follows from the seed and its number, whoever asks and from where."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

import pytest
import torch
from small_run import Spots

from triangulate.config.training import LoadingConfig
from triangulate.data.sample import Sample
from triangulate.errors import InputError
from triangulate.training.stream import (
    ReadyBatches,
    Share,
    Stream,
    fetch,
    generator_of,
    shuffled,
)

FEW = LoadingConfig(batch_size=4)
REPLAYED = LoadingConfig(batch_size=4, replay=3, reservoir=12)


def points_from(stream: Stream, step: int, count: int) -> list[torch.Tensor]:
    return [sample.points_world for sample in islice(stream.from_step(step), count)]


def test_each_epoch_is_a_shuffle_of_its_own() -> None:
    row = shuffled(range(30), 10, seed=1)
    epochs = [row[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert shuffled([25, 3], 10, seed=1) == [row[25], row[3]]
    assert shuffled(range(30), 10, seed=2) != row


def test_a_very_long_data_set_is_taken_in_its_own_order() -> None:
    length = 1 << 40
    assert shuffled([5, length + 7], length, seed=1) == [5, 7]


@pytest.mark.parametrize("loading", [FEW, REPLAYED])
def test_a_stream_that_starts_later_gives_the_same_batches(loading: LoadingConfig) -> None:
    whole = points_from(Stream(Spots(), loading, 0), 0, 25)
    for start in (1, 9, 17):
        later = points_from(Stream(Spots(), loading, 0), start, 25 - start)
        assert all(torch.equal(a, b) for a, b in zip(whole[start:], later, strict=True))


def test_worker_processes_change_nothing() -> None:
    alone = points_from(Stream(Spots(), FEW, 0), 3, 4)
    helped = FEW.model_copy(update={"workers": 1})
    state = torch.get_rng_state()
    others = points_from(Stream(Spots(), helped, 0), 3, 4)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(alone, others, strict=True))


class Holed(Spots):
    """Has no moments."""

    def __getitem__(self, index: int) -> Sample:
        raise InputError(f"img_{index}.jpg: is missing")


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_amiss_with_the_data_is_told_in_one_line(workers: int) -> None:
    stream = Stream(Holed(), FEW.model_copy(update={"workers": workers}), 0)
    with pytest.raises(InputError) as caught:
        next(stream.from_step(0))
    assert re.fullmatch(r"img_\d+\.jpg: is missing", str(caught.value))


def test_processes_share_each_batch() -> None:
    whole = points_from(Stream(Spots(), FEW, 0), 0, 5)
    parts = [points_from(Stream(Spots(), FEW, 0, Share(rank, 2)), 0, 5) for rank in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(batch, torch.cat([first, second]))


def test_a_reservoir_makes_a_third_and_uses_each_three_times() -> None:
    dataset = Spots(count=1000)
    stream = Stream(dataset, REPLAYED.model_copy(update={"reservoir": 40}), 0)
    steps = 300
    drawn = torch.cat(points_from(stream, 0, steps))
    used = Counter(float(points.sum()) for points in drawn)
    assert len(dataset.made) == 4 * steps // 3
    assert max(Counter(dataset.made).values()) == 1
    settled = [used[float(dataset[n].points_world.sum())] for n in dataset.made[40:320]]
    assert sum(settled) / len(settled) == pytest.approx(3, abs=0.4)


def test_ready_batches_are_split_by_row() -> None:
    class Ready:
        def __len__(self) -> int:
            return 6

        def __getitem__(self, number: int) -> torch.Tensor:
            return 10 * number + torch.arange(4)

    first = list(ReadyBatches(Ready(), FEW, Share(1, 2)).from_step(4))
    assert [batch.tolist() for batch in first] == [[42, 43], [52, 53]]


def test_moments_are_made_together_where_the_data_set_can() -> None:
    class Together(Spots):
        def __getitems__(self, numbers: list[int]) -> list[object]:
            self.asked = numbers
            return [self[number] for number in numbers]

    dataset = Together()
    batch = fetch(dataset, [3, 5])
    assert dataset.asked == [3, 5]
    assert torch.equal(batch.points_world[1], Spots()[5].points_world)


def test_generators_of_different_purposes_are_unrelated() -> None:
    draws = {float(torch.rand((), generator=generator_of(0, *n))) for n in [(1,), (1, 0), (10,)]}
    assert len(draws) == 3
    assert torch.equal(
        torch.rand(3, generator=generator_of(0, 1)), torch.rand(3, generator=generator_of(0, 1))
    )
