from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from triangulate.demo import Stages, stages_table


def test_parts_are_told_of_and_timed() -> None:
    told: list[str] = []

    @contextmanager
    def tell(title: str) -> Iterator[None]:
        told.append(f"{title} ...")
        yield
        told.append(title)

    stages = Stages(tell)
    with stages.part("walking"):
        told.append("step")
    with stages.part("resting"):
        pass
    assert told == ["walking ...", "step", "walking", "resting ...", "resting"]
    assert list(stages.seconds) == ["walking", "resting"]
    assert all(0 <= taken < 1 for taken in stages.seconds.values())


def test_the_table_adds_up() -> None:
    table = stages_table({"walking": 1.25, "resting": 2.5})
    assert table == [("walking", "1.2 s"), ("resting", "2.5 s"), ("all of it", "3.8 s")]
