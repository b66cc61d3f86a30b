"""What to film or to mend so that a rig gets better."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from calib.assessment import Trust
from calib.halves import WAYS
from calib.overlap import PARTS, empty_parts, image_coverage, shared_frames, weakest_edge

if TYPE_CHECKING:
    from calib.solution import Solution

_MOVED = 4.0  # times noise, between the first and the second half
_STANDS_OUT = 2.0  # times any other camera
_WEAK_FRAMES = 10
_MOST_GAPS = 3  # images with gaps that are named, alike ones together


def advice(solution: Solution, trust: Trust) -> Iterator[str]:
    """Sentences, the most useful first."""
    names = solution.rig.names
    moved = moved_camera(solution, trust)
    if moved is not None:
        yield (
            f"Fasten {names[moved]!r} and film the board again, or solve without it and name the "
            "other cameras with --cameras."
        )
    edge = weakest_edge(shared_frames(solution))
    if edge is not None and edge.frames < _WEAK_FRAMES:
        yield (
            f"Film the board where {names[edge.first]!r} and {names[edge.second]!r} both see it: "
            f"the rig hangs on the {edge.frames} frames that they share."
        )
    yield from itertools.islice(_coverage_advice(solution), _MOST_GAPS)
    worst = trust.worst
    if trust.error_m[worst] > 2 * trust.quantile_m(0.5):
        at = ", ".join(f"{x:.2f}" for x in trust.volume.points_world[worst] + 0.0)
        yield (
            f"Film the board near ({at}) m, where the error is largest and "
            f"{trust.cameras[worst]} cameras look."
        )
    yield (
        "Measure the board's squares with a ruler: a print that is 1 % too large makes every "
        "length 1 % too short, and no check here can see it."
    )


def _coverage_advice(solution: Solution) -> Iterator[str]:
    """Where to film the board, cameras with the same gaps together."""
    gaps: dict[tuple[str, ...], list[str]] = {}
    for name, counts in zip(solution.rig.names, image_coverage(solution), strict=True):
        gaps.setdefault(tuple(empty_parts(counts)), []).append(repr(name))
    for empty, names in sorted(gaps.items(), key=lambda gap: -len(gap[0])):
        whose = f"the image{'s' if len(names) > 1 else ''} of {_and(names)}"
        if len(empty) > len(PARTS) // 2:
            full = [part for part in PARTS if part not in empty]
            yield f"Film the board all over {whose}: so far it was only {_places(full)}."
        elif len(empty) > 2:
            yield f"Film the board {_places(empty)} of {whose} as well."


def _places(parts: Sequence[str]) -> str:
    """Places in an image, as they stand in a sentence."""
    at = [part for part in parts if part != "middle"]
    middle = ["in the middle"] if "middle" in parts else []
    return _and(middle + ([f"at the {_and(at)}"] if at else []))


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def moved_camera(solution: Solution, trust: Trust) -> int | None:
    """The camera that looks elsewhere in the recording's second half, if one stands out.

    It does where its image has moved more than the others', for its noise, and where the rest of
    the rig agrees better without it. A late camera looks much the same, and comes first.
    """
    if any(finding.code == "clock" for finding in solution.findings):
        return None
    first = next((split for split in trust.splits if split.way == next(iter(WAYS))), None)
    if first is None or len(first.observed_px) < 3:
        return None
    moved = first.observed_px / np.maximum(first.noise_px, 1e-12)
    agreement = first.observed_m / np.maximum(first.without_m, 1e-12)
    score = np.nan_to_num(moved * np.nan_to_num(agreement, nan=1.0))
    most = int(score.argmax())
    stands_out = score[most] > _STANDS_OUT * np.delete(score, most).max()
    return most if score[most] > _MOVED and stands_out else None
