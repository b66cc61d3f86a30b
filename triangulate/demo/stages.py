"""The parts of the demo, one after the other: each is told of while it runs, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

Tell = Callable[[str], AbstractContextManager[object]]


class Stages:
    """How long every part took.

    Attributes:
        seconds: by the parts' titles, in their order.
    """

    def __init__(self, tell: Tell = nullcontext) -> None:
        """Nothing is done yet.

        Args:
            tell: is entered with a part's title while it runs, such as `console.waiting`.
        """
        self._tell = tell
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """A part of the demo, as a `with` block."""
        began = time.perf_counter()
        with self._tell(title):
            yield
        self.seconds[title] = time.perf_counter() - began


def stages_table(seconds: dict[str, float]) -> list[tuple[str, str]]:
    """What the command prints: how long every part took, and all of them."""
    parts = [(title, f"{taken:.1f} s") for title, taken in seconds.items()]
    return [*parts, ("all of it", f"{sum(seconds.values()):.1f} s")]
