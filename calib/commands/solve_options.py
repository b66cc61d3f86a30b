"""How the options of `calib solve` that name cameras are read."""

from __future__ import annotations

from enum import StrEnum

import typer


class LensName(StrEnum):
    """Lens models."""

    radtan = "radtan"
    rational = "rational"
    fisheye = "fisheye"


def parse_lenses(texts: list[str] | None) -> str | dict[str, str] | None:
    """`fisheye`, or `cam1=fisheye ...`, as the solver takes them."""
    if not texts:
        return None
    by_name, for_all = _by_camera(texts)
    words = [*for_all, *(word for words in by_name.values() for word in words)]
    known = [name.value for name in LensName]
    if wrong := [word for word in words if word not in known]:
        raise typer.BadParameter(f"{wrong[0]!r} is none of {', '.join(known)}", param_hint="--lens")
    if len(for_all) > 1 or (for_all and by_name):
        raise typer.BadParameter("either one lens for all, or NAME=LENS", param_hint="--lens")
    return for_all[0] if for_all else {name: words[-1] for name, words in by_name.items()}


def parse_fixed(texts: list[str] | None) -> list[str] | dict[str, list[str]] | None:
    """`k3`, or `cam1=k3 ...`, as the solver takes them."""
    if not texts:
        return None
    by_name, for_all = _by_camera(texts)
    if by_name and for_all:
        raise typer.BadParameter("either for all cameras, or NAME=WORD", param_hint="--fix")
    return by_name or for_all


def parse_groups(texts: list[str] | None) -> str | list[list[str]] | None:
    """`all`, or groups of names with commas."""
    if not texts:
        return None
    if texts == ["all"]:
        return "all"
    groups = [[name.strip() for name in text.split(",")] for text in texts]
    if lonely := [text for text, group in zip(texts, groups, strict=True) if len(group) < 2]:
        raise typer.BadParameter(
            f"{lonely[0]!r} is neither 'all' nor names with commas, such as cam1,cam2",
            param_hint="--share",
        )
    return groups


def _by_camera(texts: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    by_name: dict[str, list[str]] = {}
    for_all: list[str] = []
    for text in texts:
        name, separator, word = text.rpartition("=")
        if separator:
            by_name.setdefault(name, []).append(word)
        else:
            for_all.append(word)
    return by_name, for_all
