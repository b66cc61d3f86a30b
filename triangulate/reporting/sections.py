"""The sections of the report's page, each as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from triangulate.pages import page as pages
from triangulate.pages.page import dot, figure_html
from triangulate.pages.tables import table
from triangulate.pages.verdicts import in_mm, in_percent
from triangulate.poses import Poses3D, Reason
from triangulate.reporting import curves, over_time, quantities
from triangulate.reporting.findings import Found
from triangulate.reporting.player import make_scene, player_html
from triangulate.reporting.verdict import found_share
from triangulate.rig import Rig

if TYPE_CHECKING:
    from triangulate.reporting.pictures import Moment

_LISTED_GAPS = 12


def verdict_section(found: Found) -> str:
    """The verdict, what it rests on, and four numbers."""
    spread = found.measures.bone_spread
    usual = float(np.nanmedian(spread)) if np.isfinite(spread).any() else float("nan")
    big = (
        (in_percent(found_share(found.poses, found.measures)), "of the joints found"),
        (in_mm(found.summary.median_sigma_m), "standard deviation, median"),
        (f"{found.summary.median_px:.1f} px", "reprojection error, median"),
        (in_percent(usual), "variation of a bone's length, median"),
    )
    return pages.verdict_section(found.verdict, big, "What would make it better")


def skeleton_section(poses: Poses3D, rig: Rig | None) -> Iterator[str]:
    """The people, to be turned and played."""
    scene = make_scene(poses, rig)
    yield "<h2>The skeleton</h2>"
    thinned = ""
    if scene.every > 1:
        thinned = f" One frame in {scene.every} is in this page"
        step = None if poses.fps is None else scene.every / poses.fps
        thinned += f", {step:.3g} s apart, played ten a second." if step and step > 0.15 else "."
    up = "" if scene.has_up else " The poses do not say what is up: it is a guess."
    yield (
        "<p>Turn it with the mouse; after a click, the wheel zooms, the arrow keys step and the "
        f"space bar plays.{thinned}{up}</p>"
    )
    yield player_html(scene)


def picture_section(
    poses: Poses3D, moments: Sequence[Moment], why_no_pictures: str
) -> Iterator[str]:
    """Moments of the videos with the poses drawn on them."""
    yield "<h2>On the pictures</h2>"
    if not moments:
        yield f'<p class="note">No pictures: {escape(why_no_pictures)}.</p>'
        return
    yield (
        "<p>Moments by their mean reprojection error. The pose is projected through the lens; a "
        "cross marks a joint that the camera saw and that was not used, because others contradict "
        "it. Click on a picture to enlarge it.</p>"
    )
    for moment in moments:
        at = "" if poses.fps is None else f" at {moment.frame / poses.fps:.2f} s"
        error = "nothing was used" if np.isnan(moment.error_px) else f"{moment.error_px:.1f} px"
        yield f"<h3>{moment.label}: frame {moment.frame}{at}, {error}</h3>"
        images = "".join(
            f'<img src="{uri}" alt="{escape(name)}, frame {moment.frame}" '
            "onclick=\"this.classList.toggle('large')\">"
            for name, uri in moment.pictures.items()
        )
        yield f'<div class="moments">{images}</div>'


def error_section(found: Found, numbers: Mapping[str, Any]) -> Iterator[str]:
    """Reprojection errors by camera, and over time."""
    yield "<h2>Reprojection error</h2>"
    yield (
        "<p>How far what a camera saw lies from the point that all cameras make of it, used or "
        "not. A box holds the middle half of the errors, a whisker 90 % of them.</p>"
    )
    yield table(
        ["camera", "frames used", "observations used", "median (px)", "95 % (px)"],
        [
            [
                escape(camera["name"]),
                in_percent(camera["frames_used"]),
                f"{'!' if camera['observations_used'] < 0.8 else ''}"
                f"{in_percent(camera['observations_used'])}",
                _figure(camera["reprojection_px"]["median"]),
                _figure(camera["reprojection_px"]["95%"]),
            ]
            for camera in numbers["cameras"]
        ],
    )
    yield figure_html(quantities.errors_by_camera(found.poses))
    yield "<h3>By joint</h3>"
    yield figure_html(quantities.errors_by_joint(found.poses))
    yield f"<h3>Over time</h3><p>{_stretches(found, over_time.MOST_POINTS)}</p>"
    yield figure_html(over_time.errors_over_time(found.poses, found.measures))


def view_section(found: Found) -> Iterator[str]:
    """What part each camera took."""
    yield "<h2>Views used</h2>"
    yield "<p>In what part of the joints that were found each camera took part.</p>"
    yield figure_html(over_time.views_over_time(found.poses, found.measures))
    yield "<h3>By joint</h3>"
    yield figure_html(quantities.views_by_joint(found.poses))


def gap_section(found: Found, numbers: Mapping[str, Any]) -> Iterator[str]:
    """What is missing, when and why."""
    poses, measures = found.poses, found.measures
    yield "<h2>Gaps</h2>"
    shares = found.summary.missing
    if not shares:
        yield "<p>There is none: every joint was found in every frame.</p>"
        return
    legend = ", ".join(
        f"{dot(over_time.REASONS[reason])} {_WORDS[reason]} ({in_percent(shares[reason.name])})"
        for reason in over_time.REASONS
        if reason.name in shares
    )
    is_whole = len(measures.clock) <= curves.columns_of(len(poses.skeleton.joint_names))
    pale = "" if is_whole else " Pale: a part of the frames that share a column."
    yield f"<p>When each joint is missing, and why: {legend} of all points.{pale}</p>"
    for p, heading in _people(found):
        yield heading
        yield figure_html(over_time.gaps_over_time(poses, measures, p))
    longest = numbers["longest_gaps"][:_LISTED_GAPS]
    if longest:
        yield "<h3>The longest</h3>"
        several = poses.positions_m.shape[1] > 1
        yield table(
            ["joint", *(["person"] if several else []), "frames", "how many", "reason"],
            [
                [
                    escape(gap["joint"]),
                    *([str(gap["person"])] if several else []),
                    f"{gap['first_frame']} to {gap['last_frame']}"
                    if gap["frames"] > 1
                    else str(gap["first_frame"]),
                    str(gap["frames"]),
                    gap["reason"],
                ]
                for gap in longest
            ],
        )


_WORDS = {
    Reason.too_few_views: "too_few_views: fewer than two cameras saw it",
    Reason.low_confidence: "low_confidence: fewer than two saw it well enough",
    Reason.high_error: "high_error: no two cameras agree",
    Reason.narrow_rays: "narrow_rays: the rays leave the depth open",
    Reason.behind_camera: "behind_camera: the rays meet behind a camera",
}


def bone_section(found: Found, numbers: Mapping[str, Any]) -> Iterator[str]:
    """How much the lengths of bones vary."""
    yield "<h2>Bones</h2>"
    if not found.poses.skeleton.edges:
        yield '<p class="note">The joint set has no bones.</p>'
        return
    figure, drawn = over_time.bones_over_time(found.poses, found.measures)
    people, bones = found.measures.bone_spread.shape
    chosen = "" if drawn == bones else f" The {drawn} longest of {bones} bones are drawn."
    several = " A colour is a person." if people > 1 else ""
    yield (
        "<p>A bone keeps its length; what it varies by is error. The dotted line is the median."
        f"{several}{chosen} {_stretches(found, over_time.SHORT_CURVE)}</p>"
    )
    if drawn:
        yield figure_html(figure)
    yield table(
        ["bone", *(["person"] if people > 1 else []), "median (mm)", "95 % (mm)", "variation"],
        [
            [
                escape(bone["name"]),
                *([str(person["person"])] if people > 1 else []),
                _figure(bone["length_mm"]["median"], 0),
                _figure(bone["length_mm"]["95%"], 0),
                _variation(bone["relative_spread"]),
            ]
            for person in numbers["people"][: over_time.MOST_PEOPLE]
            for bone in person["bones"]
        ],
    )
    yield (
        '<p class="note">Variation: half of what holds 68 % of the lengths, as a part of the '
        "median.</p>"
    )


def sigma_section(found: Found) -> Iterator[str]:
    """Standard deviations of the positions over time."""
    yield "<h2>Uncertainty in 3D</h2>"
    yield (
        "<p>Standard deviation of a point (root of the mean variance), from how the cameras stand "
        "and how well they agree. What all of them have wrong in common is not in it. A box holds "
        "the middle half of the frames, a whisker 90 %.</p>"
    )
    yield figure_html(quantities.sigma_by_joint(found.poses, found.measures))
    yield f"<h3>Over time</h3><p>{_stretches(found, over_time.MOST_POINTS)}</p>"
    yield figure_html(over_time.sigma_over_time(found.poses, found.measures))


def speed_section(found: Found) -> Iterator[str]:
    """How fast the joints move."""
    yield "<h2>Speed</h2>"
    unit = over_time.speed_unit(found.poses)
    unknown = " The frame rate is not known (--fps)." if found.poses.fps is None else ""
    yield (
        f"<p>How fast each joint moves from frame to frame ({unit}); where frames share a column, "
        f"the fastest. A bright spot on a joint alone is an error, not a motion.{unknown}</p>"
    )
    for p, heading in _people(found):
        yield heading
        yield figure_html(over_time.speed_over_time(found.poses, found.measures, p))


def run_section(poses: Poses3D) -> Iterator[str]:
    """The command, the versions and the settings."""
    yield "<h2>How it was made</h2>"
    run = poses.run
    if not run:
        yield '<p class="note">The poses do not tell how they were made.</p>'
        return
    if command := run.get("command"):
        yield f"<p><code>{escape(str(command))}</code></p>"
    for key, heading in (("settings", "setting"), ("versions", "program")):
        pairs = run.get(key)
        if isinstance(pairs, Mapping) and pairs:
            rows = [[escape(str(name)), escape(str(value))] for name, value in pairs.items()]
            yield table([heading, "value"], rows, texts=2)


def _people(found: Found) -> Iterator[tuple[int, str]]:
    """The people who are drawn by themselves, those who are there for longest, with headings."""
    frames = found.measures.present.sum(0)
    if len(frames) == 1:
        yield 0, ""
        return
    chosen = np.sort(np.argsort(-frames, kind="stable")[: over_time.MOST_PEOPLE])
    for p in chosen.tolist():
        left_out = len(frames) - len(chosen) if p == chosen[0] else 0
        more = f'<p class="note">{left_out} more people are not drawn.</p>' if left_out else ""
        yield p, f"{more}<h3>Person {p + 1}</h3>"


def _stretches(found: Found, most: int) -> str:
    frames = len(found.measures.clock)
    if frames <= most:
        return ""
    return f"A point stands for about {frames / most:.0f} frames."


def _variation(part: float) -> str:
    return "" if np.isnan(part) else f"{'!' if part > 0.1 else ''}{in_percent(part)}"


def _figure(value: float, digits: int = 2) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"
