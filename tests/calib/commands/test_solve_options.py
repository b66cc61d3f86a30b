from __future__ import annotations

import pytest
import typer

from calib.commands.solve_options import parse_fixed, parse_groups, parse_lenses


def test_options_become_what_the_solver_takes() -> None:
    assert parse_lenses(None) is None
    assert parse_lenses(["fisheye"]) == "fisheye"
    assert parse_lenses(["a=fisheye", "b=rational"]) == {"a": "fisheye", "b": "rational"}
    assert parse_fixed(None) is None
    assert parse_fixed(["k3", "aspect"]) == ["k3", "aspect"]
    assert parse_fixed(["a=k3", "a=aspect", "b=focal"]) == {"a": ["k3", "aspect"], "b": ["focal"]}
    assert parse_groups(["all"]) == "all"
    assert parse_groups(["a,b", "c,d,e"]) == [["a", "b"], ["c", "d", "e"]]
    for parse, texts in [(parse_lenses, ["radtan", "a=radtan"]), (parse_fixed, ["k3", "a=k2"])]:
        with pytest.raises(typer.BadParameter, match="either"):
            parse(texts)
