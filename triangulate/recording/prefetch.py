"""Several iterators advanced side by side, ahead of who consumes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _End:
    """What follows the last item."""


@dataclass(frozen=True)
class _Failure:
    error: BaseException


@dataclass(frozen=True)
class _Value(Generic[Item]):
    item: Item


def read_ahead(
    sources: Sequence[Iterator[Item]], *, threads: int = 2, depth: int = 2
) -> Generator[list[Item]]:
    """Like `zip(*sources)`, with each source advanced in a thread of its own.

    At most `threads` of them work at the same time, and each is at most `depth` items ahead, so
    that memory stays constant. An error in a source is raised here. When the generator ends or is
    closed, all threads have ended too.
    """
    working = threading.Semaphore(threads)
    stop = threading.Event()
    queues: list[queue.Queue[_Value[Item] | _Failure | _End]] = [
        queue.Queue(maxsize=depth) for _ in sources
    ]

    def pump(source: Iterator[Item], out: queue.Queue[_Value[Item] | _Failure | _End]) -> None:
        try:
            while not stop.is_set():
                with working:
                    item = next(source)
                out.put(_Value(item))
                del item
        except StopIteration:
            out.put(_End())
        except BaseException as error:
            out.put(_Failure(error))
        finally:
            if hasattr(source, "close"):
                source.close()

    workers = [
        threading.Thread(target=pump, args=pair, name=f"read-ahead-{n}", daemon=True)
        for n, pair in enumerate(zip(sources, queues, strict=True))
    ]
    try:
        for worker in workers:
            worker.start()
        while True:
            items = []
            for out in queues:
                got = out.get()
                if isinstance(got, _Failure):
                    raise got.error
                if isinstance(got, _End):
                    return
                items.append(got.item)
            yield items
    finally:
        stop.set()
        for worker, out in zip(workers, queues, strict=True):
            _end(worker, out)


def _end(worker: threading.Thread, out: queue.Queue) -> None:
    """Wait for a thread that may be waiting for room in its queue."""
    while worker.is_alive():
        while not out.empty():
            out.get_nowait()
        worker.join(timeout=0.01)
