"""Settings files: YAML, read strictly, once, into a documented type.

`load_config(path, ReconstructConfig)` refuses what it does not know: a misspelt key, a key given
twice, text where a number belongs. The message names the file, the key and what is expected there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from triangulate.errors import InputError
from triangulate.keypoints import MIN_CONFIDENCE
from triangulate.yaml_text import parse_yaml


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

    match: Literal["auto", "number", "time"] = "auto"
    """Which frames of the cameras belong together.

    `number`: frame i of each; `time`: by their timestamps; `auto`: by number where all rates are
    constant and the same, by time where one varies.
    """

    fps: float | None = Field(default=None, gt=0.0)
    """Frames a second where the files do not tell: of image folders, and of 2D keypoints."""

    sync: str | None = None
    """The file of time offsets between the cameras, as `triangulate sync` writes it.

    None: `sync.yaml` in the recording's folder, where there is one; `none`: no offsets.
    """

    min_confidence: float = Field(default=MIN_CONFIDENCE, ge=0.0, le=1.0)
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
    location = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _describe_unknown(location, model)
    if detail["type"] == "missing":
        return f"'{_key_path(location)}' is missing"
    return f"'{_key_path(location)}' {_expected(detail)}"


def _expected(detail: ErrorDetails) -> str:
    """What is expected of a value, and what was found."""
    if detail["type"] == "too_short":
        expected = f"needs at least {detail['ctx']['min_length']} entries"
    else:
        expected = detail["msg"].removeprefix("Input ")
    return f"{expected}, got {_show(detail['input'])}"


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
