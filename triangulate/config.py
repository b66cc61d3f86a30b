"""Settings files: YAML, read strictly, once, into a documented type.

`load_config(path, ReconstructConfig)` refuses what it does not know: a misspelt key, a key given
twice, text where a number belongs. The message names the file, the key and what is expected there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from triangulate.errors import InputError


class Config(BaseModel):
    """Base of all settings: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ReconstructConfig(Config):
    """Settings of `triangulate reconstruct`."""

    detector: Literal["blazepose"] = "blazepose"
    """What finds the joints in the images."""

    method: Literal["robust", "dlt"] = "robust"
    """How views are joined: `robust` reweights views that disagree, `dlt` weighs by confidence."""

    frames: str | None = None
    """Which frames, as `start:stop`, the stop not included, either left out at will; None: all."""

    every: int = Field(default=1, ge=1)
    """Take every n-th frame of those."""

    cameras: list[str] | None = Field(default=None, min_length=2)
    """Names of the cameras to use, at least two; all where None."""

    on_size_mismatch: Literal["crop", "scale", "error"] = "crop"
    """What to do where a video is within 2 % of the calibrated size but not equal to it.

    `crop` takes its edge as cut off or padded, `scale` its picture as resized, `error` stops.
    """

    min_confidence: float = Field(default=0.1, ge=0.0, le=1.0)
    """A 2D joint below this confidence is not used."""


AnyConfig = TypeVar("AnyConfig", bound=Config)


def load_config(path: str | Path, model: type[AnyConfig]) -> AnyConfig:
    """Read a YAML settings file as `model`; an empty file gives the defaults.

    Raises:
        InputError: where the file cannot be read, is no YAML, or does not fit the model.
    """
    values = _read_mapping(Path(path))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_describe(detail, model) for detail in error.errors())
        raise InputError(f"{path}: {problems}") from error


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8; expected YAML settings") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        values = yaml.load(text, Loader=_StrictLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a tag such as `!!int abc`
        raise InputError(f"{path}: not valid YAML: {_one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected settings as 'key: value' lines, got {_show(values)}")
    return values


# --- YAML -----------------------------------------------------------------------------------------


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader, with the plain values of YAML 1.2 and no key twice.

    YAML 1.1, which PyYAML follows, reads `10:20` as 620, `no` as false and `1e-3` as text.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "expected a name as key", key.start_mark
                )
            if key.value in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key.value}' is given twice", key.start_mark
                )
            keys.add(key.value)
        return super().construct_mapping(node, deep=deep)


# Tag, what a value of it looks like, and the characters it can begin with.
_PLAIN_VALUES = (
    ("null", r"(null|Null|NULL|~|)", ["n", "N", "~", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))", list("-+.")),
)
_StrictLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _PLAIN_VALUES:
    _StrictLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^{_pattern}$"), _first
    )


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


# --- Messages -------------------------------------------------------------------------------------


def _describe(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """One problem in words: the key's path, what is expected there and what was found."""
    location = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _describe_unknown(location, model)
    if detail["type"] == "missing":
        return f"'{_key_path(location)}' is missing"
    if detail["type"] == "too_short":
        expected = f"needs at least {detail['ctx']['min_length']} entries"
    else:
        expected = detail["msg"].removeprefix("Input ")
    return f"'{_key_path(location)}' {expected}, got {_show(detail['input'])}"


def _describe_unknown(location: Sequence[int | str], model: type[BaseModel]) -> str:
    *above, key = location
    known = sorted(_model_at(above, model).model_fields)
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    remedy = f"did you mean '{near[0]}'?" if near else f"the known keys are {', '.join(known)}"
    return f"unknown key '{_key_path(location)}': {remedy}"


def _model_at(location: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel]:
    """The model that holds the settings at `location`."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model inside an annotation such as `list[Section] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _key_path(location: Sequence[int | str]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
