"""Which moments a step learns from.

Everything follows from the seed and the number of the step, so a run that goes on from a checkpoint
sees what an undisturbed one would have seen.

Data that are slow to make can be used several times: each new batch goes into a reservoir, from
which batches are drawn until the next one is made. What the reservoir holds follows from the step
too; after a resume it is made again.
"""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from triangulate.data.sample import PoseDataset, Sample, collate
from triangulate.errors import InputError

if TYPE_CHECKING:
    from triangulate.config.training import LoadingConfig

_LONGEST_SHUFFLE = 1 << 20
_PREFETCH = 2


def generator_of(seed: int, *numbers: int) -> torch.Generator:
    """A generator for one purpose: the same numbers give the same draws, others unrelated ones."""
    text = ",".join(map(str, (seed, *numbers)))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


@dataclass(frozen=True)
class Share:
    """The part of each batch that is this process's.

    Attributes:
        rank: of the process.
        count: of processes.
    """

    rank: int = 0
    count: int = 1

    def of(self, batch_size: int) -> range:
        """Its rows of a batch."""
        size = batch_size // self.count
        return range(self.rank * size, (self.rank + 1) * size)


ALONE = Share()


def shuffled(positions: Sequence[int], length: int, seed: int) -> list[int]:
    """The moments at positions of an endless row of shuffles of a data set of some length.

    A data set of over a million moments is taken in its own order.
    """
    if length > _LONGEST_SHUFFLE:
        return [position % length for position in positions]
    places = [divmod(position, length) for position in positions]
    return [int(_order(length, seed, epoch)[place]) for epoch, place in places]


@functools.lru_cache(maxsize=2)
def _order(length: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(length, generator=generator_of(seed, 0, epoch))


class Batches(Protocol):
    """What the loop takes its batches from."""

    def from_step(self, step: int) -> Iterator[Any]:
        """This process's part of the batch of `step`, of the next one, and so on."""
        ...


class Stream:
    """Batches by step."""

    def __init__(
        self, dataset: PoseDataset, loading: LoadingConfig, seed: int, share: Share = ALONE
    ) -> None:
        """Prepare; nothing is made yet.

        Args:
            dataset: where moments come from.
            loading: how.
            seed: of their order.
            share: which rows of each batch are made. With `replay`, a process has a reservoir of
                its own, so the batches then depend on the number of processes.
        """
        self.dataset = dataset
        self.loading = loading
        self.seed = seed
        self.share = share
        self._rows = self.share.of(loading.batch_size)

    def from_step(self, step: int) -> Iterator[Sample]:
        """This process's part of the batch of `step`, of the next one, and so on without end."""
        if self.loading.replay == 1:
            yield from self._made(step)
        else:
            yield from self._drawn(step)

    def numbers(self, batch: int) -> list[int]:
        """Which moments make up this process's part of the batch made as number `batch`."""
        first = batch * self.loading.batch_size
        positions = [first + row for row in self._rows]
        return shuffled(positions, len(self.dataset), self.seed)

    def _made(self, first: int) -> Iterator[Sample]:
        numbers = _Numbers(self, first)
        if self.loading.workers == 0:
            for chunk in numbers:
                yield fetch(self.dataset, chunk)
            return
        loader: DataLoader[Sample | InputError] = DataLoader(
            _Fetching(self.dataset),  # type: ignore[arg-type]
            batch_sampler=numbers,
            num_workers=self.loading.workers,
            prefetch_factor=_PREFETCH,
            collate_fn=_as_it_is,
            generator=generator_of(self.seed, 3),  # else it draws from the global one
        )
        for batch in loader:
            if isinstance(batch, InputError):
                raise batch
            yield batch

    def _drawn(self, step: int) -> Iterator[Sample]:
        """Batches out of a reservoir that gets a new batch every `replay` steps."""
        size = len(self._rows)
        capacity = max(1, self.loading.reservoir // self.loading.batch_size)
        newest = step // self.loading.replay
        oldest = max(0, newest - capacity + 1)
        made = self._made(oldest)
        reservoir: deque[Sample] = deque(maxlen=capacity)
        for _ in range(oldest, newest):
            reservoir.append(next(made))
        reached = newest - 1
        while True:
            if step // self.loading.replay > reached:
                reservoir.append(next(made))
                reached += 1
            generator = generator_of(self.seed, 1, step, self.share.rank)
            lots = torch.randperm(len(reservoir) * size, generator=generator)[:size].tolist()
            yield collate([reservoir[lot // size][lot % size] for lot in lots])
            step += 1


@dataclass(frozen=True)
class _Numbers:
    """The moments to make, batch by batch without end: what a loader calls a batch sampler."""

    stream: Stream
    first: int

    def __iter__(self) -> Iterator[list[int]]:
        batch = self.first
        while True:
            yield self.stream.numbers(batch)
            batch += 1


@dataclass(frozen=True)
class _Fetching:
    """Batches of a data set for a loader's processes.

    These would wrap an `InputError` in pages of their own, so it comes back as a value.
    """

    dataset: PoseDataset

    def __getitems__(self, numbers: Sequence[int]) -> Sample | InputError:
        try:
            return fetch(self.dataset, numbers)
        except InputError as error:
            return error


def _as_it_is(batch: Any) -> Any:
    return batch


class ReadyBatches:
    """Batches that a data set makes as a whole: number n for step n."""

    def __init__(self, dataset: Any, loading: LoadingConfig, share: Share = ALONE) -> None:
        """Prepare; nothing is made yet.

        Args:
            dataset: gives batches of `loading.batch_size` rows by number.
            loading: how many processes make them ahead.
            share: which rows of each batch are this process's.
        """
        self.dataset, self.loading, self.share = dataset, loading, share

    def from_step(self, step: int) -> Iterator[Any]:
        """See `Batches`."""
        rows = self.share.of(self.loading.batch_size)
        workers = self.loading.workers
        loader: DataLoader[Any] = DataLoader(
            self.dataset,
            batch_size=None,
            sampler=range(step, len(self.dataset)),
            num_workers=workers,
            prefetch_factor=_PREFETCH if workers else None,
            generator=torch.Generator(),
        )
        for batch in loader:
            yield batch[rows.start : rows.stop]


def fetch(dataset: PoseDataset, numbers: Sequence[int]) -> Sample:
    """Moments as a batch, made together where the data set can."""
    together = getattr(dataset, "__getitems__", None)
    return collate(together(numbers) if together else [dataset[number] for number in numbers])
