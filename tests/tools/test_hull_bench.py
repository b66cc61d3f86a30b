"""What the benchmark of hulls says of figures."""

from __future__ import annotations

from dataclasses import replace

from tools.bench.hull import Row, table

GOOD = Row(40, 0.13, 0.97, {"cam1": 0.9, "cam2": 0.8}, 5000, 0.2, 0.1)


def test_misses_are_named() -> None:
    assert GOOD.misses() == []
    bad = replace(GOOD, volume_m3=0.3, joints_inside=0.85, overlap={"cam1": float("nan")})
    assert bad.misses() == [
        "frame 40: 0.300 m3",
        "frame 40: 85.0% of the joints inside",
        "frame 40: cam1 nan",
    ]


def test_a_table_ends_with_the_columns_least_mean_and_most() -> None:
    lines = table([GOOD, replace(GOOD, frame=45, joints_inside=0.99)]).splitlines()
    assert [line.split()[0] for line in lines] == ["frame", "40", "45", "least", "mean", "most"]
    assert lines[-2].split()[2] == "0.980"
