"""Offsets to about a frame, by trying all of them; with or without a calibration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from triangulate.geometry.camera import Camera
from triangulate.sync.epipolar import ShiftCosts, shift_costs
from triangulate.sync.resampling import usual_step_s

MAX_OFFSET_S = 5.0
"""How far apart clocks are looked for unless told otherwise."""

_CLEAR, _CLEAR_UNCALIBRATED = 0.4, 0.8
"""By so much of a logarithm the distances at the best shift must fall short of those at any rival:
the fit there is two thirds as far off, or half as far. By chance the best of some hundred shifts
gains 0.1; where the geometry is fitted to every shift, a few frames may happen to fit well."""

_USUAL = 0.75  # of the shifts, in growing order of their costs: what a wrong one usually costs
_BASIN_DROP, _BASIN_SHARE = 0.1, 0.3  # a fall by more than noise ends the surroundings of the best
_AGREE_STEPS = 1.5  # a pair whose shift is farther from the common solution has no part in it
_ROUNDS = 30


class Doubt(StrEnum):
    """Why a camera's offset cannot be told."""

    unseen = "it sees too little together with the others"
    still = "hardly anything moves"
    repeats = "the motion repeats itself, so that several offsets fit"
    beyond = "the offset lies at the limit of the search, or beyond"
    contradicts = "what it sees fits the others at no offset"
    loose = "the motion does not tell it to half a frame"


@dataclass(frozen=True, eq=False)
class CoarseOffsets:
    """Offsets to about a frame.

    Attributes:
        late_s: (V,) seconds, see `triangulate.sync`; 0 for the reference, and where there is a
            doubt.
        margin: (V,) how clear the best pair of each camera is: by how much of a logarithm the
            distances at its shift fall short of those at any other.
        doubts: of the V cameras; None where the offset is clear.
    """

    late_s: np.ndarray
    margin: np.ndarray
    doubts: tuple[Doubt | None, ...]


def coarse_offsets(
    points_px: np.ndarray,
    times_s: np.ndarray,
    camera: Camera | None = None,
    reference: int = 0,
    max_offset_s: float = MAX_OFFSET_S,
) -> CoarseOffsets:
    """Find offsets by trying all shifts of all pairs of views.

    Each pair's best shift counts by how clear it is; the offsets that fit all of them follow by
    least squares, with pairs that contradict the others weighed down (L1).

    Args:
        points_px: (T, V, N, 2) distorted pixels of points that move, NaN where not seen.
        times_s: (T,) growing; about even, with gaps.
        camera: with leading dim V; None where the cameras are not calibrated. They must stand
            still in both cases, and without a calibration a point must not keep to one plane.
        reference: the view whose clock is meant.
        max_offset_s: how far apart two clocks may be.
    """
    step_s = usual_step_s(times_s)
    grid_px = _on_grid(np.asarray(points_px), np.asarray(times_s), step_s)
    found = shift_costs(grid_px, camera, max(1, round(max_offset_s / step_s)))
    clear = _CLEAR_UNCALIBRATED if camera is None else _CLEAR
    shift, margin, doubts = _best_shifts(found, clear)
    num_views = np.shape(points_px)[1]
    weight = np.where([doubt is None for doubt in doubts], margin, 0.0)
    late, agrees = _consistent(found, shift, weight, num_views, reference)
    linked = _linked(found.first[agrees], found.second[agrees], num_views)[reference]
    named = tuple(
        None if linked[view] else _doubt(view, found, doubts, linked) for view in range(num_views)
    )
    best = np.zeros(num_views)
    for side in (found.first, found.second):
        np.maximum.at(best, side[agrees], margin[agrees])
    return CoarseOffsets(np.where(linked, late, 0.0) * step_s, best, named)


def _on_grid(points_px: np.ndarray, times_s: np.ndarray, step_s: float) -> np.ndarray:
    """The points at even steps of time, NaN where there is no frame."""
    index = np.rint((times_s - times_s[0]) / step_s).astype(np.int64)
    grid_px = np.full((index[-1] + 1, *points_px.shape[1:]), np.nan)
    grid_px[index] = points_px
    return grid_px


def _best_shifts(
    found: ShiftCosts, clear: float
) -> tuple[np.ndarray, np.ndarray, list[Doubt | None]]:
    """The best shift (P,) of each pair, how clear it is (P,), and what keeps it from counting."""
    known = np.isfinite(found.costs)
    last = known.shape[1] - 1
    costs = np.where(known.any(axis=1)[:, None], found.costs, 0.0)  # an unseen pair has no contrast
    best = np.where(np.isfinite(costs), costs, np.inf).argmin(axis=1)
    above = costs - np.take_along_axis(costs, best[:, None], axis=1)
    contrast = np.nanquantile(above, _USUAL, axis=1)
    rival = np.minimum(_rival(above, best), _rival(above[:, ::-1], last - best))
    margin = np.minimum(contrast, rival)
    at_limit = (best <= known.argmax(axis=1)) | (best >= last - known[:, ::-1].argmax(axis=1))
    code = np.select(
        [~known.any(axis=1), contrast < clear, at_limit, margin < clear], [1, 2, 3, 4], default=0
    )
    names = (None, Doubt.unseen, Doubt.still, Doubt.beyond, Doubt.repeats)
    return found.shifts[best], margin, [names[number] for number in code.tolist()]


def _rival(above: np.ndarray, best: np.ndarray) -> np.ndarray:
    """(P,) the least cost, above the best, of another low place at a greater shift.

    The costs rise around the best one; where they fall again, another low place begins.
    """
    num_shifts = above.shape[1]
    ahead = best[:, None] + np.arange(num_shifts)
    outwards = np.take_along_axis(above, np.minimum(ahead, num_shifts - 1), axis=1)
    outwards = np.where((ahead < num_shifts) & np.isfinite(outwards), outwards, np.nan)
    highest = np.fmax.accumulate(np.nan_to_num(outwards, nan=0.0), axis=1)
    falls = outwards < highest - np.maximum(_BASIN_DROP, _BASIN_SHARE * highest)
    elsewhere = np.logical_or.accumulate(falls, axis=1) & np.isfinite(outwards)
    return np.where(elsewhere, outwards, np.inf).min(axis=1)


def _consistent(
    found: ShiftCosts, shift: np.ndarray, weight: np.ndarray, num_views: int, reference: int
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (V,) in steps that fit the pairs' shifts, and which pairs (P,) agree with them.

    At a pair's right shift, late[first] = late[second] + shift.
    """
    pairs = np.arange(len(shift))
    design = np.zeros((len(shift), num_views))
    design[pairs, found.first], design[pairs, found.second] = 1.0, -1.0
    free = np.arange(num_views) != reference
    late = np.zeros(num_views)
    row_weight = weight
    for _ in range(_ROUNDS):
        normal = design[:, free].T @ (row_weight[:, None] * design[:, free])
        normal += 1e-9 * np.eye(len(normal))  # for views without any pair
        late[free] = np.linalg.solve(normal, design[:, free].T @ (row_weight * shift))
        row_weight = weight / np.maximum(np.abs(design @ late - shift), 0.5)
    return late, (weight > 0) & (np.abs(design @ late - shift) <= _AGREE_STEPS)


def _linked(first: np.ndarray, second: np.ndarray, num_views: int) -> np.ndarray:
    """(V, V) bool: which views are joined by pairs, over others too."""
    linked = np.eye(num_views, dtype=bool)
    linked[first, second] = linked[second, first] = True
    for _ in range(num_views):
        linked = linked @ linked
    return linked


def _doubt(view: int, found: ShiftCosts, doubts: list[Doubt | None], linked: np.ndarray) -> Doubt:
    """The doubt about a view that no pair joins to the reference, the most hopeful one first."""
    other = np.where(found.first == view, found.second, found.first)
    own = np.flatnonzero((found.first == view) | (found.second == view))
    told = {doubts[pair] for pair in own if linked[other[pair]]}
    if None in told:
        return Doubt.contradicts
    order = (Doubt.beyond, Doubt.repeats, Doubt.still, Doubt.unseen)
    return next((doubt for doubt in order if doubt in told), Doubt.unseen)
