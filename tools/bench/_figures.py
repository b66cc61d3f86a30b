"""Measured figures and the goals they are held against."""

from __future__ import annotations

import ctypes
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Figure:
    """A measured number; with a goal, it must reach or keep to that."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.at_least is None and self.at_most is None:
            return None
        low = -float("inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return low <= self.value <= high

    def line(self) -> str:
        """The figure, its goal and whether it is met, in columns."""
        goal = ""
        if self.is_met is not None:
            sign, bound = ("<=", self.at_most) if self.at_least is None else (">=", self.at_least)
            goal = f"{sign} {bound:g} {self.unit}".strip()
        verdict = {None: "", True: "ok", False: "MISS"}[self.is_met]
        return f"  {self.name:<58} {self.value:>11.4g} {self.unit:<5} {goal:<12} {verdict}".rstrip()

    def to_dict(self) -> dict[str, object]:
        """For JSON; figures without a goal leave it out."""
        return {k: v for k, v in asdict(self).items() if v is not None} | (
            {} if self.is_met is None else {"is_met": self.is_met}
        )


def shared_folder() -> Path:
    """The folder beside the checkout that holds parity/, bench/ and data/."""
    data = Path(os.environ.get("TRIANGULATE_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        raise SystemExit(f"no {data}: set TRIANGULATE_DATA to the data folder")
    return data.absolute().parent


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call, after one to warm up."""
    function()
    return statistics.median(elapsed(function) for _ in range(repeats))


def elapsed(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak_memory_mib(function: Callable[[], object]) -> float:
    """How far a call raises the process's memory at its highest; NaN where Linux is not under it.

    Tensors are invisible to `tracemalloc`, so the kernel is asked.
    """
    reset = Path("/proc/self/clear_refs")
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what is free but kept would not show
        reset.write_text("5")  # the high-water mark starts anew
        before = _status_kib("VmRSS")
        function()
        return (_status_kib("VmHWM") - before) / 1024
    except (OSError, AttributeError):
        return float("nan")


def _status_kib(field: str) -> int:
    lines: Iterator[str] = iter(Path("/proc/self/status").read_text().splitlines())
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
