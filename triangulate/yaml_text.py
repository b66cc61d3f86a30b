"""YAML as people write it: plain values as in YAML 1.2, and no key twice."""

from __future__ import annotations

import re
from typing import Any

import yaml

from triangulate.errors import InputError


class _Loader(yaml.SafeLoader):
    """SafeLoader whose keys are names, as they are written (`01`, `no`), and differ."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"line {line}: a name is missing before the ':'")
            if key.value in lines:
                raise InputError(
                    f"{key.value!r} is given twice (lines {lines[key.value]} and {line}): "
                    "rename or remove one"
                )
            lines[key.value] = line
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


# Tag, what a value of it looks like, and the characters it can begin with. YAML 1.1, which PyYAML
# follows, reads `10:20` as 620, `no` as false and `1e-3` as text.
_PLAIN_VALUES = (
    ("null", r"(null|Null|NULL|~|)", ["n", "N", "~", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))", list("-+.")),
)
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _PLAIN_VALUES:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^{_pattern}$"), _first)


def parse_yaml(text: str) -> Any:
    """The content of a YAML text.

    Raises:
        InputError: it is no YAML, or holds a key twice. The message does not name the file.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except InputError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"is no valid YAML: {where}{error.problem}; is it cut off?") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: `!!int abc`
        reason = " ".join(str(error).split())
        raise InputError(f"is no valid YAML: {reason}; is it cut off?") from None
