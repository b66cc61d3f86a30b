"""Which parameters are fixed and shared, and which lens a camera has, as a user puts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from calib.intrinsics import refined_by_default
from calib.unknowns import NUM_INTRINSICS
from triangulate.errors import InputError
from triangulate.geometry.lens import LENS_MODELS

LensChoice = str | Mapping[str, str]
Fix = str | Iterable[str] | Mapping[str, Iterable[str]]
Share = str | Sequence[Sequence[str]]

COEFFICIENT_NAMES = {
    "radtan": ("k1", "k2", "p1", "p2", "k3"),
    "rational": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "fisheye": ("k1", "k2", "k3", "k4"),
}
"""In the order of OpenCV, which is that of `Lens.coefficients`."""

_PLACES = {"focal": (0,), "aspect": (1,), "principal_point": (2, 3)}


def lens_of(lens: LensChoice | None, name: str, names: Sequence[str]) -> str | None:
    """The lens model that a camera was said to have, None where nothing was said."""
    if lens is None or isinstance(lens, str):
        chosen = lens
    else:
        _check_known("lens", lens, names)
        chosen = lens.get(name)
    if chosen is not None and chosen not in LENS_MODELS:
        raise InputError(f"no lens model {chosen!r}; there are {', '.join(LENS_MODELS)}")
    return chosen


def labels_of(
    names: tuple[str, ...],
    lens_model: Tensor,
    share: Share | None,
    fix: Fix | None,
    known: Tensor,
) -> Tensor:
    """(V, 12) labels: -1 fixed, equal where shared."""
    labels = refined_by_default(lens_model)
    if fix is None:
        labels[known] = -1
    else:
        for v, wanted in _fixed(fix, names).items():
            labels[v, _places(wanted, LENS_MODELS[int(lens_model[v])])] = -1
    for group in shared_groups(share, names):
        listed = ", ".join(names[v] for v in group)
        first = group[0]
        if any(lens_model[v] != lens_model[first] for v in group):
            raise InputError(f"share: {listed} have different lens models")
        if any(not torch.equal(labels[v] < 0, labels[first] < 0) for v in group):
            raise InputError(f"share: {listed} have one lens, so that fix must name all of them")
        labels[group] = labels[first].clone()
    return labels


def _fixed(fix: Fix, names: tuple[str, ...]) -> dict[int, list[str]]:
    if isinstance(fix, Mapping):
        _check_known("fix", fix, names)
        return {names.index(name): _words(words) for name, words in fix.items()}
    return dict.fromkeys(range(len(names)), _words(fix))


def _words(words: str | Iterable[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _places(words: Sequence[str], lens: str) -> list[int]:
    """The columns of the intrinsics that words name."""
    coefficients = {name: (4 + i,) for i, name in enumerate(COEFFICIENT_NAMES[lens])}
    every = {name: (4 + i,) for model in COEFFICIENT_NAMES.values() for i, name in enumerate(model)}
    groups = {
        "distortion": tuple(range(4, NUM_INTRINSICS)),
        "intrinsics": tuple(range(NUM_INTRINSICS)),
    }
    known = _PLACES | dict.fromkeys(every, ()) | coefficients | groups
    for word in words:
        if word not in known:
            raise InputError(f"fix: no parameter {word!r}; there are {', '.join(sorted(known))}")
    return [place for word in words for place in known[word]]


def shared_groups(share: Share | None, names: Sequence[str]) -> list[list[int]]:
    """The groups of cameras that share a lens and a sensor, by number; no camera is in two."""
    if share is None:
        return []
    if isinstance(share, str):
        groups = [list(names)] if share == "all" else None
    else:
        groups = None if any(isinstance(group, str) for group in share) else list(map(list, share))
    if groups is None:
        raise InputError(f"share must be 'all' or groups of camera names, not {share!r}")
    members = [name for group in groups for name in group]
    _check_known("share", members, names)
    doubled = sorted({name for name in members if members.count(name) > 1})
    if doubled:
        raise InputError(
            f"share: {', '.join(map(repr, doubled))} is named twice: name all that share its lens "
            "in one group"
        )
    return [[names.index(name) for name in group] for group in groups if len(group) > 1]


def _check_known(what: str, wanted: Iterable[str], names: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InputError(
            f"{what}: no camera {', '.join(map(repr, unknown))}; there are {', '.join(names)}"
        )


def solver_settings(
    *,
    lens: LensChoice | None,
    share: Share | None,
    fix: Fix | None,
    bow: bool,
    clocks: bool,
    seed: int,
) -> dict[str, Any]:
    """Arguments of `calib.solver.solve` as JSON holds them, to solve again in the same way."""
    if isinstance(fix, Mapping):
        fixed: Any = {name: _words(words) for name, words in fix.items()}
    else:
        fixed = None if fix is None else _words(fix)
    return {
        "lens": lens if lens is None or isinstance(lens, str) else dict(lens),
        "share": share if share is None or isinstance(share, str) else [list(g) for g in share],
        "fix": fixed,
        "bow": bow,
        "clocks": clocks,
        "seed": seed,
    }
