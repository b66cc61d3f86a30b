"""Whether poses can be used, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from triangulate.pages.verdicts import (
    CARE,
    GOOD,
    LEVELS,
    REFUSED,
    Reason,
    Verdict,
    in_mm,
    in_percent,
)
from triangulate.poses import Poses3D
from triangulate.poses import Reason as Gap
from triangulate.reporting.measures import JUMP, Measures
from triangulate.reporting.stretches import quantiles
from triangulate.summary import Summary, doubts

# Found out on made-up walks with truth and on a real recording, each also with cameras exchanged,
# moved or late. The first figure parts good from care, the second care from refused.
SIGMA = (0.01, 0.03)  # median, of a person's size
BONES = (0.04, 0.2)  # the median bone's spread, of its length
FOUND = (0.95, 0.3)  # of the joints of people who are there
_CONTRADICTED = 0.8  # of a camera's observations must be used
_JUMPS = 0.003  # of the positions
_TWO_VIEWS = 0.3  # of the positions
_SWAPPED = 0.1  # of the images
_RARE = 0.5  # of the frames
_LISTED = 6

Finding = tuple[Reason, str]
"""A reason, and what to do about it, where something can be done."""


def verdict(poses: Poses3D, summary: Summary, measures: Measures) -> Verdict:
    """Judge poses by their own numbers."""
    checks: tuple[Callable[[Poses3D, Measures], Iterator[Finding]], ...] = (
        _of_sigma,
        _of_bones,
        _of_gaps,
        _of_cameras,
        _of_two_views,
        _of_jumps,
        _of_sides,
    )
    findings = [finding for check in checks for finding in check(poses, measures)]
    findings += [(Reason(CARE, text), "") for text in doubts(summary)]
    gravest = sorted(findings, key=lambda found: LEVELS.index(found[0].level))
    advice = dict.fromkeys(todo for reason, todo in gravest if todo)
    return Verdict.of(_headline(poses, measures), [reason for reason, _ in findings], advice)


def _headline(poses: Poses3D, measures: Measures) -> str:
    median, most = (in_mm(float(v)) for v in quantiles(measures.sigma_m, (0.5, 0.95)))
    people = poses.positions_m.shape[1]
    whose = "" if people == 1 else f" of {people} people"
    return (
        f"{in_percent(found_share(poses, measures))} of the joints{whose} have a position. By what "
        f"the views say of each other these are off by {median} (median standard deviation) and by "
        f"less than {most} for 95 %; what all views have in common (a wrong calibration, a "
        "detector's habits) comes on top."
    )


def found_share(poses: Poses3D, measures: Measures) -> float:
    """The share of joints with a position, in the frames in which their person is there."""
    return float((poses.reason == Gap.ok)[measures.present].mean())


def _level(value: float, limits: tuple[float, float]) -> str:
    """By two limits, of which the second is the worse one."""
    good, bad = limits
    sign = 1 if bad > good else -1
    if not np.isfinite(value):
        return CARE
    return GOOD if sign * value <= sign * good else CARE if sign * value <= sign * bad else REFUSED


def _of_sigma(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    part = float(quantiles(measures.relative_sigma, (0.5,))[0])
    if not np.isfinite(part):
        return
    level = _level(part, SIGMA)
    word = {GOOD: "little", CARE: "more than it could be", REFUSED: "too much"}[level]
    sizes = measures.size_m[np.isfinite(measures.size_m)]
    size = f"a body of {sizes[0]:.2f} m" if len(sizes) == 1 else f"bodies of {sizes.min():.2f} to "
    size += "" if len(sizes) == 1 else f"{sizes.max():.2f} m"
    yield (
        Reason(
            level,
            f"For {size} the standard deviation is {word}: {in_percent(part)} of it.",
        ),
        ""
        if level == GOOD
        else "Calibrate again, or check with calib check that no camera was moved and that each "
        "video is that of its camera (--camera FILE=NAME).",
    )


def _of_bones(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    spread = measures.bone_spread
    if not np.isfinite(spread).any():
        return
    usual, worst = float(np.nanmedian(spread)), np.unravel_index(np.nanargmax(spread), spread.shape)
    level = _level(usual, BONES)
    name = bone_names(poses)[int(worst[1])]
    means = {
        GOOD: "as noise of the detections makes it",
        CARE: "more than noise of good detections makes it",
        REFUSED: "these are not the bones of a body",
    }[level]
    yield (
        Reason(
            level,
            f"The length of a bone varies by {in_percent(usual)} (median over the bones), at most "
            f"by {in_percent(spread[worst])} ({name}): {means}.",
        ),
        ""
        if level == GOOD
        else "Look at the bones that vary most, and at the pictures: joints that the detector "
        "confuses are told by --min-confidence, cameras that are not in step by triangulate sync.",
    )


def _of_gaps(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    share = found_share(poses, measures)
    level = _level(share, FOUND)
    gaps = poses.reason[measures.present]
    counts = {gap: int((gaps == gap).sum()) for gap in Gap if gap != Gap.ok}
    main = max(counts, key=lambda gap: counts[gap])
    why = f", most of the others because of {main.name}" if counts[main] else ""
    todo = {
        Gap.too_few_views: "Joints that fewer than two cameras see cannot be had: leave such a "
        "part out (--frames), or set up a camera that sees what is hidden.",
        Gap.low_confidence: "Many detections are unsure: --min-confidence takes weaker ones in.",
        Gap.high_error: "No two cameras agree where a joint is: check the calibration (calib "
        "check) and the synchronisation (triangulate sync).",
        Gap.narrow_rays: "Cameras that stand side by side do not tell the depth: set one up "
        "elsewhere.",
        Gap.behind_camera: "Points lie behind cameras that saw them: check the calibration.",
    }[main]
    yield (
        Reason(level, f"{in_percent(share)} of the joints were found{why}."),
        "" if level == GOOD else todo,
    )
    there = measures.present.any(1)
    found = (poses.reason[there] == Gap.ok).any(1).mean(0)  # (J,)
    rare = [
        f"{name} ({in_percent(part)})"
        for name, part in zip(poses.skeleton.joint_names, found, strict=True)
        if part < _RARE
    ]
    if rare:
        more = f" and {len(rare) - _LISTED} more" if len(rare) > _LISTED else ""
        yield (
            Reason(CARE, f"Seldom found: {', '.join(rare[:_LISTED])}{more}."),
            "Leave joints that are seldom found out of the analysis.",
        )


def _of_cameras(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    seen = np.isfinite(poses.reprojection_px)
    for v, name in enumerate(poses.names):
        if not seen[:, :, v].any():
            yield (
                Reason(CARE, f"{name} took part in nothing."),
                f"See why {name} finds nobody: is it the right video, is somebody in view?",
            )
            continue
        used = float(poses.views_used[:, :, v][seen[:, :, v]].mean())
        if used < _CONTRADICTED:
            yield (
                Reason(
                    CARE,
                    f"{in_percent(1 - used)} of what {name} saw is contradicted by the others.",
                ),
                f"Check whether {name} was moved (calib check), is late (triangulate sync), or is "
                "another camera than its name says.",
            )


def _of_two_views(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    used = poses.views_used.sum(2)[poses.reason == Gap.ok]
    two = float((used <= 2).mean())
    level = CARE if two > _TWO_VIEWS else GOOD
    text = f"{float(used.mean()):.1f} cameras saw the usual joint; {in_percent(two)} of the joints "
    text += "rest on two alone, where a wrong detection cannot be told"
    todo = "More cameras, or cameras that see each other's hidden sides, would make errors visible."
    yield Reason(level, f"{text}."), "" if level == GOOD else todo


def _of_jumps(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    known = np.isfinite(measures.leap_m)
    if not measures.is_dense or not known.any():
        return
    share = float(measures.jumps[known].mean())
    level = CARE if share > _JUMPS else GOOD
    worst = poses.skeleton.joint_names[int(measures.jumps.sum((0, 1)).argmax())]
    where = f", most often {worst}" if share > 0 else ""
    yield (
        Reason(
            level,
            f"{in_percent(share)} of the positions leap away by more than {in_percent(JUMP)} of "
            f"the body's size and back within a frame{where}.",
        ),
        "" if level == GOOD else "Take leaps out before speeds or angles are computed.",
    )


def _of_sides(poses: Poses3D, measures: Measures) -> Iterator[Finding]:
    share = float(poses.sides_swapped.mean())
    if share > _SWAPPED:
        yield (
            Reason(
                CARE,
                f"In {in_percent(share)} of the images left and right were exchanged, and put "
                "right by what the other views say.",
            ),
            "Look at the pictures whether left and right are as they should be.",
        )


def bone_names(poses: Poses3D) -> list[str]:
    """B names, as in `triangulate.summary`."""
    names = poses.skeleton.joint_names
    return [f"{names[a]}-{names[b]}" for a, b in poses.skeleton.edges]
