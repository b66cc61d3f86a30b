"""Settings files: YAML, read strictly, once, into a documented type.

`load_config(path, ReconstructConfig)` refuses what it does not know: a misspelt key, a key given
twice, text where a number belongs. The message names the file, the key and what is expected there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from triangulate.errors import InputError
from triangulate.yaml_text import parse_yaml


class Config(BaseModel):
    """Base of all settings: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


AnyConfig = TypeVar("AnyConfig", bound=Config)

_MOST_PROBLEMS = 4  # more of them say that the file is for something else


def load_config(path: str | Path, model: type[AnyConfig]) -> AnyConfig:
    """Read a YAML settings file as `model`; an empty file gives the defaults.

    Raises:
        InputError: where the file cannot be read, is no YAML, or does not fit the model.
    """
    values = _read_mapping(Path(path))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors()
        problems = [_describe(detail, model) for detail in details[:_MOST_PROBLEMS]]
        if len(details) > len(problems):
            more = len(details) - len(problems)
            problems.append(f"and {more} more: is the file meant for another command?")
        raise InputError(f"{path}: {'; '.join(problems)}") from error


def with_options(config: AnyConfig, options: Mapping[str, Any]) -> AnyConfig:
    """A config with some settings replaced by command-line options, checked like a file's.

    Args:
        config: is not changed.
        options: values by the settings' names; None leaves a setting alone.

    Raises:
        InputError: a value does not fit; the message names the option.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return type(config).model_validate(config.model_dump() | given)
    except ValidationError as error:
        problems = [
            f"--{_key_path(detail['loc']).replace('_', '-')} {_expected(detail)}"
            for detail in error.errors()
        ]
        raise InputError("; ".join(problems)) from error


def first_problem(error: ValidationError) -> str:
    """The first of the problems that pydantic found in values which are of no settings file."""
    detail = error.errors()[0]
    path = _key_path(detail["loc"])
    return f"{path}: {_expected(detail)}" if path else _expected(detail)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8; expected YAML settings") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        values = parse_yaml(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected settings as 'key: value' lines, got {_show(values)}")
    return values


# --- Messages -------------------------------------------------------------------------------------


def _describe(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """One problem in words: the key's path, what is expected there and what was found."""
    location, holder = _without_tags(detail["loc"], model)
    path = _key_path(location)
    if detail["type"] == "extra_forbidden":
        return _describe_unknown(location, holder)
    if detail["type"] == "missing":
        return f"'{path}' is missing"
    if detail["type"] == "union_tag_not_found":
        return f"'{path}.{detail['ctx']['discriminator'].strip(chr(39))}' is missing"
    return f"'{path}' {_expected(detail)}" if path else _expected(detail)


def _expected(detail: ErrorDetails) -> str:
    """What is expected of a value, and what was found."""
    if detail["type"] == "value_error":  # raised by the model itself, with a sentence
        return str(detail["ctx"]["error"])
    if detail["type"] == "union_tag_invalid":
        context = detail["ctx"]
        name, tags = context["discriminator"].strip("'"), context["expected_tags"]
        return f"has an unknown {name} '{context['tag']}'; known: {tags}"
    if detail["type"] == "too_short":
        expected = f"needs at least {detail['ctx']['min_length']} entries"
    else:
        expected = detail["msg"].removeprefix("Input ")
    return f"{expected}, got {_show(detail['input'])}"


def _describe_unknown(location: Sequence[int | str], holder: type[BaseModel]) -> str:
    key = location[-1]
    known = sorted(holder.model_fields)
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    remedy = f"did you mean '{near[0]}'?" if near else f"the known keys are {', '.join(known)}"
    return f"unknown key '{_key_path(location)}': {remedy}"


def _without_tags(
    location: Sequence[int | str], model: type[BaseModel]
) -> tuple[list[int | str], type[BaseModel]]:
    """The keys as they stand in the file, and the model that holds the last of them.

    Where one of several models is chosen by its `kind`, pydantic's location names that too.
    """
    path: list[int | str] = []
    inside, holder = [model], model
    for part in location:
        chosen = [one for one in inside if part in _tags(one)] if len(inside) > 1 else []
        if chosen:
            inside = chosen
            continue
        path.append(part)
        if isinstance(part, int):
            continue
        holder = inside[0]
        if part in holder.model_fields:
            inside = _models_in(holder.model_fields[part].annotation) or inside
    return path, holder


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """What the `kind` of a model may be."""
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field is not None else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation such as `list[Section] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]


def _key_path(location: Sequence[int | str]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
