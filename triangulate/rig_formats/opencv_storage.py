"""OpenCV's FileStorage: YAML, XML or JSON with matrices in it; matrices are written as YAML.

A matrix is `rows`, `cols` (or `sizes`), `dt` (a letter, after the number of channels) and `data`.
Read here rather than by OpenCV, whose own reader can crash on damaged files.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import yaml

from triangulate.errors import InputError

HEAD = "%YAML:1.0\n---\n"
BROKEN = "is no valid OpenCV file; is it cut off?"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SafeLoader that knows OpenCV's matrices."""


def _construct_matrix(loader: Any, node: yaml.Node) -> np.ndarray:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(BROKEN)
    return _matrix(loader.construct_mapping(node, deep=True))


for _tag in ("opencv-matrix", "opencv-nd-matrix"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct_matrix)


def parse_yaml(text: str) -> dict[str, Any]:
    """The top level of a file: arrays, numbers, texts and lists."""
    try:
        # The first line is `%YAML:1.0`, which is no YAML.
        return _mapping(yaml.load(re.sub(r"\A\s*%YAML.*", "", text), Loader=_Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise error if isinstance(error, InputError) else InputError(BROKEN) from None


def from_json(content: Any) -> dict[str, Any]:
    """The same, of parsed JSON."""
    return {key: _from_json(value) for key, value in _mapping(content).items()}


def from_xml(root: ElementTree.Element) -> dict[str, Any]:
    """The same, of parsed XML; what is no matrix stays a text."""
    found: dict[str, Any] = {}
    for element in root:
        text = (element.text or "").strip()
        found[element.tag] = text.strip('"')
        if element.get("type_id", "").startswith("opencv-"):
            parts = {part.tag: (part.text or "").split() for part in element}
            found[element.tag] = _matrix(
                {
                    "rows": "".join(parts.get("rows", [])),
                    "cols": "".join(parts.get("cols", [])),
                    "sizes": parts.get("sizes"),
                    "dt": "".join(parts.get("dt", [])).strip('"'),
                    "data": parts.get("data"),
                }
            )
    return found


def matrix_text(key: str, values: np.ndarray) -> str:
    """A matrix as OpenCV's YAML has it, in whole numbers or with all digits of float64."""
    is_whole = np.issubdtype(values.dtype, np.integer)
    if values.ndim == 2:
        kind, sides = "matrix", f"   rows: {values.shape[0]}\n   cols: {values.shape[1]}\n"
    else:
        kind, sides = "nd-matrix", f"   sizes: [ {', '.join(map(str, values.shape))} ]\n"
    data = ", ".join(map(repr, values.ravel().tolist()))
    lines = textwrap.fill(data, 90, subsequent_indent="       ", break_long_words=False)
    letter = "i" if is_whole else "d"
    return f"{key}: !!opencv-{kind}\n{sides}   dt: {letter}\n   data: [ {lines} ]\n"


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping) and str(value.get("type_id")).startswith("opencv-"):
        return _matrix(value)
    return value


def _matrix(parts: Mapping[str, Any]) -> np.ndarray:
    """(rows, cols, channels), without the last where it is 1."""
    found = re.fullmatch(r"(\d*)[a-z]", str(parts.get("dt")))
    if found is None:
        raise InputError(BROKEN)
    channels = [int(found[1])] if found[1] else []
    sides = parts.get("sizes") or [parts.get("rows"), parts.get("cols")]
    try:
        data = np.array(parts["data"], dtype=np.float64)
        return data.reshape([int(side) for side in [*sides, *channels]])
    except (KeyError, TypeError, ValueError):
        raise InputError(BROKEN) from None


def _mapping(content: Any) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise InputError(BROKEN)
    return {str(key): value for key, value in content.items()}
