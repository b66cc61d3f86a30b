"""How many of torch's threads work on small batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to the calling thread, as a `with` block or as a decorator.

    On batches of a few thousand points its threads gain nothing; where other threads or programs
    hold the cores they wait for each other, up to twenty times as long as the work takes.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
