"""The verdict in words: whether a rig can be used, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from calib.advice import advice, moved_camera
from calib.assessment import CHANCE, Trust
from calib.halves import root_mean_square
from triangulate.pages.verdicts import CARE, GOOD, REFUSED, Reason, in_mm, sentence
from triangulate.pages.verdicts import Verdict as Verdict

if TYPE_CHECKING:
    from calib.solution import Solution

# Parts of the volume's diagonal. Keypoints of people are right to about 0.5 % of it.
_SMALL = 0.003
_LARGE = 0.01
_BROKEN = 6.0  # times noise: no real recording without a fault has come near it
_HELD_OUT = 1.3
_SHAPE = 1.5
_LATE_S = 0.01
_MATTERS = 0.3  # of the error
_UNSEEN = 0.2  # of the volume


def verdict(solution: Solution, trust: Trust) -> Verdict:
    """Judge a solution by what is known of its errors."""
    reasons = [
        *_of_size(trust),
        *_of_halves(solution, trust),
        *_of_held_out(trust),
        *_of_findings(solution, trust),
        *_of_gaps(trust),
    ]
    return Verdict.of(_headline(trust), reasons, advice(solution, trust))


def _headline(trust: Trust) -> str:
    median, most = (in_mm(trust.quantile_m(part)) for part in (0.5, 0.95))
    at = ", ".join(f"{x:.2f}" for x in trust.volume.points_world[trust.worst] + 0.0)
    worst = in_mm(float(np.nanmax(trust.error_m)))
    return (
        f"Points reconstructed with this rig are expected to be off by {median} (median) and by "
        f"less than {most} in 95 % of the capture volume because of the calibration; at worst, "
        f"near ({at}) m, by {worst}."
    )


def _of_size(trust: Trust) -> Iterator[Reason]:
    extent = trust.volume.extent_m
    size = float(np.linalg.norm(extent))
    part = trust.quantile_m(0.95) / size
    level = GOOD if part <= _SMALL else CARE if part <= _LARGE else REFUSED
    box = " x ".join(f"{length:.2f}" for length in extent)
    judged = {GOOD: "little", CARE: "more than it could be", REFUSED: "too much"}[level]
    yield Reason(
        level,
        f"For a volume of {box} m that is {judged}: {100 * part:.2g} % of its diagonal. Detections "
        f"that are one pixel off add {in_mm(float(np.nanmedian(trust.detection_m)))}.",
    )
    unseen = float(np.isnan(trust.predicted_m).mean())
    if unseen > _UNSEEN:
        yield Reason(
            CARE, f"In {100 * unseen:.0f} % of the volume fewer than two cameras see a point."
        )


def _of_halves(solution: Solution, trust: Trust) -> Iterator[Reason]:
    if not trust.splits:
        return
    observed = in_mm(float(root_mean_square(np.array([s.observed_m for s in trust.splits]))))
    differ = (
        f"Rigs from two halves of the recording differ by {observed}, which is "
        f"{trust.space_misfit:.1f} times what noise explains ({trust.pixel_misfit:.1f} times in "
        "the images)"
    )
    if trust.misfit <= CHANCE:
        yield Reason(GOOD, f"{differ}: the figures can be believed.")
        return
    raised = (
        f" The error above is raised by {trust.factor:.1f} because of it."
        if trust.factor > 1
        else " The error above takes it into account."
    )
    yield Reason(
        CARE if trust.misfit < _BROKEN else REFUSED,
        f"{differ}: the lens model, the synchronisation or the board is not what it is taken for."
        + raised,
    )
    moved = moved_camera(solution, trust)
    if moved is not None:
        split = trust.splits[0]
        yield Reason(
            REFUSED,
            f"Camera {solution.rig.names[moved]!r} looks {split.observed_px[moved]:.1f} px "
            "elsewhere in the second half of the recording than in the first (noise explains "
            f"{split.noise_px[moved]:.1f} px): it was probably moved.",
        )


def _of_held_out(trust: Trust) -> Iterator[Reason]:
    found = trust.held_out
    if found is None:
        return
    worse = found.held_out_px / found.fit_px
    text = (
        f"In {found.frames} frames that it was not fitted to, points lie {found.held_out_px:.2f} "
        f"px from where the rig has them ({found.fit_px:.2f} px in the others)"
    )
    off = 1.0
    if found.pairs:
        off = found.distance_m / found.expected_distance_m
        text += (
            f", and distances between corners of the board are right to {in_mm(found.distance_m)} "
            f"({in_mm(found.expected_distance_m)} are expected)"
        )
    if worse > _HELD_OUT:
        text += (
            ": it fits its own frames better than others; film more"
            if trust.misfit <= CHANCE
            else ": the frames do not agree with each other"
        )
    elif off > CHANCE:
        text += ": is the board as described?"
    yield Reason(GOOD if worse <= _HELD_OUT and off <= CHANCE else CARE, text + ".")
    bent_m, ratio = board_departure(trust)
    if ratio > _SHAPE:
        matters = bent_m > trust.quantile_m(0.5)
        yield Reason(
            CARE if matters else GOOD,
            f"The board as the cameras measure it departs by up to {in_mm(bent_m)} from its "
            f"description, {ratio:.1f} times what noise explains.",
        )


def board_departure(trust: Trust) -> tuple[float, float]:
    """How far the measured board leaves the described one at most, and the ratio to noise."""
    found = trust.held_out
    if found is None or not np.isfinite(found.shape_m).any():
        return float("nan"), float("nan")
    ratio = root_mean_square(found.shape_m.ravel()) / root_mean_square(found.shape_sigma_m.ravel())
    return float(np.nanmax(np.linalg.norm(found.shape_m, axis=-1))), float(ratio)


def _of_gaps(trust: Trust) -> Iterator[Reason]:
    """What could not be checked; it counts where there is no other evidence of the kind."""
    level = GOOD if trust.splits and trust.held_out else CARE
    for note in trust.notes:
        yield Reason(level, sentence(f"not checked: {note}"))


def _of_findings(solution: Solution, trust: Trust) -> Iterator[Reason]:
    remedies = {remedy.code: remedy for remedy in trust.remedies}
    for finding in solution.findings:
        text = sentence(finding.text)
        remedy = remedies.get(finding.code)
        if remedy is None:
            yield Reason(CARE, text)
            continue
        moved_m = float(np.nanmedian(remedy.moved_m))
        text = f"{text} That moves points by {in_mm(moved_m)} (median)"
        if finding.code == "clock":
            late_s = float(np.abs(remedy.late_s).max())
            off = in_mm(late_s)
            text += f", and what itself moves at 1 m/s is seen up to {off} elsewhere"
            yield Reason(CARE if late_s <= _LATE_S else REFUSED, f"{text}.")
        else:
            matters = moved_m > _MATTERS * trust.quantile_m(0.5)
            yield Reason(CARE if matters else GOOD, f"{text}.")
