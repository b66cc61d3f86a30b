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


def lens_of(lens: LensChoice, name: str, names: Sequence[str]) -> str:
    """The lens model of a camera."""
    if isinstance(lens, str):
        chosen = lens
    else:
        unknown = [key for key in lens if key not in names]
        if unknown:
            raise InputError(
                f"lens: no camera {', '.join(map(repr, unknown))}; there are {', '.join(names)}"
            )
        chosen = lens.get(name, "radtan")
    if chosen not in LENS_MODELS:
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
    for group in _shared(share, names):
        first = group[0]
        if any(lens_model[v] != lens_model[first] for v in group):
            listed = ", ".join(names[v] for v in group)
            raise InputError(f"share: {listed} have different lens models")
        for v in group[1:]:
            labels[v] = torch.where(labels[v] >= 0, labels[first], -1)
    return labels


def _fixed(fix: Fix, names: tuple[str, ...]) -> dict[int, list[str]]:
    if isinstance(fix, Mapping):
        unknown = [name for name in fix if name not in names]
        if unknown:
            raise InputError(
                f"fix: no camera {', '.join(map(repr, unknown))}; there are {', '.join(names)}"
            )
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
        "extrinsics": (),
    }
    known = _PLACES | dict.fromkeys(every, ()) | coefficients | groups
    for word in words:
        if word not in known:
            raise InputError(f"fix: no parameter {word!r}; there are {', '.join(sorted(known))}")
    return [place for word in words for place in known[word]]


def _shared(share: Share | None, names: tuple[str, ...]) -> list[list[int]]:
    if share is None:
        return []
    if isinstance(share, str):
        if share != "all":
            raise InputError(f"share must be 'all' or groups of camera names, not {share!r}")
        return [list(range(len(names)))]
    groups = [list(group) for group in share]
    unknown = [name for group in groups for name in group if name not in names]
    if unknown:
        raise InputError(
            f"share: no camera {', '.join(map(repr, unknown))}; there are {', '.join(names)}"
        )
    return [[names.index(name) for name in group] for group in groups if len(group) > 1]


def solver_settings(
    *,
    lens: LensChoice,
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
        "lens": lens if isinstance(lens, str) else dict(lens),
        "share": share if share is None or isinstance(share, str) else [list(g) for g in share],
        "fix": fixed,
        "bow": bow,
        "clocks": clocks,
        "seed": seed,
    }
