"""The report: one HTML page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from triangulate.files import write_text
from triangulate.pages import page as pages
from triangulate.pages.style import graph_objects
from triangulate.pages.verdicts import Verdict
from triangulate.poses import Poses3D
from triangulate.reporting.findings import Found
from triangulate.reporting.player import CSS as PLAYER_CSS
from triangulate.reporting.sections import (
    bone_section,
    error_section,
    gap_section,
    picture_section,
    run_section,
    sigma_section,
    skeleton_section,
    speed_section,
    verdict_section,
    view_section,
)
from triangulate.rig import Rig

if TYPE_CHECKING:
    from triangulate.reporting.pictures import Moment

_PICTURES_CSS = """
.moments { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; margin: 4px 0 14px; }
.moments img { width: 100%; border-radius: 4px; cursor: zoom-in; display: block; }
.moments img.large { grid-column: 1 / -1; width: auto; max-width: 100%; cursor: zoom-out; }
"""


def report(
    poses: Poses3D,
    path: str | Path,
    title: str = "Reconstruction report",
    *,
    rig: Rig | None = None,
    moments: Sequence[Moment] = (),
    why_no_pictures: str = "no recording was given",
) -> Verdict:
    """Write the report on a reconstruction.

    Args:
        poses: of `reconstruct` or `load_poses`.
        path: of the page.
        title: its heading.
        rig: the cameras, to be drawn beside the people.
        moments: pictures (`triangulate.reporting.pictures.overlay_moments`).
        why_no_pictures: what the page says where there are none.

    Raises:
        InputError: nothing is in the poses, plotly is not installed, or the page cannot be written.
    """
    graph_objects()
    found = Found.of(poses)
    write_text(path, page(found, title, rig, moments, why_no_pictures))
    return found.verdict


def page(
    found: Found, title: str, rig: Rig | None, moments: Sequence[Moment], why_no_pictures: str
) -> str:
    """The page's HTML."""
    poses = found.poses
    frames, people, joints, _ = poses.positions_m.shape
    numbers = found.numbers
    who = f"{people} people, " if people > 1 else ""
    rate = "" if poses.fps is None else f", {poses.fps:.6g} a second"
    return pages.page(
        title,
        f"{len(poses.names)} cameras, {who}{joints} joints, {frames} frames{rate}",
        verdict_section(found),
        {
            "Skeleton": skeleton_section(poses, rig),
            "Pictures": picture_section(poses, moments, why_no_pictures),
            "Reprojection": error_section(found, numbers),
            "Views": view_section(found),
            "Gaps": gap_section(found, numbers),
            "Bones": bone_section(found, numbers),
            "Uncertainty": sigma_section(found),
            "Speed": speed_section(found),
            "Run": run_section(poses),
        },
        "Everything above can be read as JSON with <code>triangulate report --json</code>, and "
        "every single point in poses.csv.",
        css=PLAYER_CSS + _PICTURES_CSS,
    )
