from __future__ import annotations

import math

import pytest
import yaml

from triangulate.errors import InputError
from triangulate.yaml_text import parse_yaml


def test_plain_values_are_those_of_yaml_1_2() -> None:
    text = "[10:20, no, yes, on, 1e-3, .5, 1., -3, +4, ~, null, true, '1', 2020-01-01, 0x1f]"
    assert parse_yaml(text) == [
        *("10:20", "no", "yes", "on", 1e-3, 0.5, 1.0, -3, 4, None, None, True, "1"),
        *("2020-01-01", "0x1f"),
    ]
    assert parse_yaml("[.inf, -.inf]") == [math.inf, -math.inf]
    assert math.isnan(parse_yaml(".nan"))
    assert parse_yaml("") is None


def test_keys_are_names_as_they_are_written() -> None:
    document = parse_yaml("cameras: {01: a, 1: b, no: c, 10:20: d, ~: {1.0: e}}")
    assert list(document["cameras"]) == ["01", "1", "no", "10:20", "~"]
    assert document["cameras"]["~"] == {"1.0": "e"}


def test_what_pyyaml_writes_comes_back() -> None:
    document = {"no": [1e-5, -2.5e300, 0.1], "a: b": {"1e5": "~", "é": None, "x": "true"}}
    assert parse_yaml(yaml.safe_dump(document, allow_unicode=True)) == document
    assert parse_yaml(yaml.safe_dump(document, default_flow_style=True)) == document


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "'a' is given twice (lines 1 and 3): rename or remove one"),
        ("x:\n  {1: a, 1: b}", "'1' is given twice (lines 2 and 2)"),
        ("? [a]\n: 1", "line 1: a name is missing before the ':'"),
        ("a: [1, 2", "is no valid YAML: line 1, column 9: "),
        ("a: !!python/name:os.system", "is no valid YAML: line 1, column 4: "),
        ("a: !!int b", "is no valid YAML: "),
        ("a: \x00", "is no valid YAML: "),
        ("[" * 5000, "is no valid YAML: "),
    ],
)
def test_refusals_say_where(text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_yaml(text)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
