from __future__ import annotations

from typing import Any, get_args

import pytest
import typer

from triangulate.commands.reconstruct import MethodName
from triangulate.config import ReconstructConfig
from triangulate.options import (
    Match,
    OnSizeMismatch,
    parse_bindings,
    parse_names,
    parse_picture_size,
    parse_sizes,
)
from triangulate.recording import MATCHES, ON_SIZE_MISMATCH


def test_sizes() -> None:
    assert parse_sizes(None) is None
    assert parse_sizes([]) is None
    assert parse_sizes(["1280x720"]) == (1280, 720)
    assert parse_sizes(["a=1280x720", "b c=9x7"]) == {"a": (1280, 720), "b c": (9, 7)}
    assert parse_sizes(["a=b=9x7"]) == {"a=b": (9, 7)}


def test_picture_sizes() -> None:
    assert parse_picture_size(None) is None
    assert parse_picture_size("1280x720") == (1280, 720)


def test_names() -> None:
    assert parse_names(None) is None
    assert parse_names("cam2") == ["cam2"]
    assert parse_names("cam2, top cam") == ["cam2", "top cam"]


def test_bindings() -> None:
    assert parse_bindings(None) == {}
    assert parse_bindings(["a.mp4=cam1", "x=1.mp4=cam2"]) == {"a.mp4": "cam1", "x=1.mp4": "cam2"}


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_sizes, ["1280"]),
        (parse_sizes, ["1280x720x3"]),
        (parse_sizes, ["9x7", "9x7"]),
        (parse_sizes, ["9x7", "a=9x7"]),
        (parse_sizes, ["a=9x7", "a=8x6"]),
        (parse_picture_size, "1280"),
        (parse_picture_size, "cam1=1280x720"),
        (parse_names, ""),
        (parse_names, "a,,b"),
        (parse_bindings, ["a.mp4"]),
        (parse_bindings, ["=cam1"]),
        (parse_bindings, ["a.mp4="]),
        (parse_bindings, ["a.mp4=cam1", "a.mp4=cam2"]),
    ],
)
def test_what_is_refused_as_usage(parse: Any, text: Any) -> None:
    with pytest.raises(typer.BadParameter):
        parse(text)


@pytest.mark.parametrize(
    ("setting", "choices"),
    [("method", MethodName), ("match", Match), ("on_size_mismatch", OnSizeMismatch)],
)
def test_choices_are_those_of_the_settings(setting: str, choices: Any) -> None:
    known = get_args(ReconstructConfig.model_fields[setting].annotation)
    assert tuple(choice.value for choice in choices) == known


def test_choices_are_those_of_the_recording() -> None:
    assert tuple(choice.value for choice in Match) == MATCHES
    assert tuple(choice.value for choice in OnSizeMismatch) == ON_SIZE_MISMATCH
