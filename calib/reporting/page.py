"""The report: one HTML page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calib.assessment import Trust
from calib.overlap import shared_frames, weakest_edge
from calib.reporting.images import coverage_figure, histogram_figure, residual_figure
from calib.reporting.maps import board_figure, error_figure
from calib.reporting.matrices import overlap_figure, time_figure
from calib.reporting.numbers import describe
from calib.reporting.scene import rig_figure
from calib.reporting.tables import (
    camera_table,
    halves_table,
    images_table,
    lens_table,
    pose_table,
)
from calib.verdicts import verdict
from triangulate.files import write_text
from triangulate.pages import page as pages
from triangulate.pages.page import dot, figure_html
from triangulate.pages.style import BLUE, RED, graph_objects
from triangulate.pages.tables import table
from triangulate.pages.verdicts import Verdict, in_mm

if TYPE_CHECKING:
    from calib.solution import Solution


def report(
    solution: Solution, trust: Trust, path: str | Path, title: str = "Calibration report"
) -> Verdict:
    """Write the report.

    Args:
        solution: of `calib.solve`.
        trust: of `calib.trust` for this solution.
        path: of the page.
        title: its heading.

    Raises:
        InputError: plotly is not installed, or the page cannot be written.
    """
    graph_objects()
    judged = verdict(solution, trust)
    write_text(path, page(solution, trust, judged, title))
    return judged


def page(solution: Solution, trust: Trust, judged: Verdict, title: str) -> str:
    """The page's HTML."""
    numbers = describe(solution, trust, judged)
    frames = int(np.isfinite(solution.world_from_target_translation_m[:, 0]).sum())
    return pages.page(
        title,
        f"{len(solution.rig)} cameras, {frames} frames with the board, "
        f"{int(solution.inliers.sum())} points",
        _verdict_section(trust, judged),
        {
            "Rig": _rig_section(solution, trust),
            "Error": _error_section(trust),
            "Coverage": _coverage_section(solution),
            "Residuals": _residual_section(solution),
            "Checks": _check_section(solution, trust, numbers),
            "Parameters": _parameter_section(solution, numbers),
            "Settings": _settings_section(numbers),
        },
        "Lengths are in the unit of the board's description, metres. Everything above can be read "
        "as JSON with <code>calib report --json</code>; the full covariance is in solution.npz.",
    )


def _verdict_section(trust: Trust, judged: Verdict) -> str:
    big = (
        (in_mm(trust.quantile_m(0.5)), "expected 3D error, median of the capture volume"),
        (in_mm(trust.quantile_m(0.95)), "or less in 95 % of it"),
        (in_mm(float(np.nanmax(trust.error_m))), "at the worst place"),
    )
    return pages.verdict_section(judged, big, "What would make it better")


def _rig_section(solution: Solution, trust: Trust) -> Iterator[str]:
    yield "<h2>The rig</h2>"
    yield (
        "<p>Cameras, some of the boards they saw, and places of the capture volume coloured by "
        "expected error. Turn it with the mouse; click on a name in the legend to hide it.</p>"
    )
    yield figure_html(rig_figure(solution, trust))


def _error_section(trust: Trust) -> Iterator[str]:
    up = (
        ""
        if trust.volume.up_is_known
        else ' The rig does not say what is up, so "up" is what the cameras hold upright.'
    )
    raised = (
        ""
        if trust.factor == 1
        else f" It is the covariance's figure times {trust.factor:.2f}, because halves of the "
        "recording differ by more than predicted."
    )
    if trust.remedies:
        raised += " What the findings would change (see the verdict) is added to it."
    yield "<h2>Expected error over the capture volume</h2>"
    yield (
        "<p>How far off a reconstructed point is expected to be because of the calibration (root "
        "mean square, 3D), in slices of the volume where the board was filmed: the hull of all "
        f"corners that two cameras agreed on.{raised}{up} Errors of detections come on top: one "
        f"pixel adds {in_mm(float(np.nanmedian(trust.detection_m)))}.</p>"
    )
    yield figure_html(error_figure(trust))


def _coverage_section(solution: Solution) -> Iterator[str]:
    names = solution.rig.names
    yield "<h2>Coverage</h2>"
    yield (
        "<p>Where each camera saw points of the board: "
        f"{dot(BLUE)} fit, {dot(RED)} were left out. "
        "A lens is known where there were points; elsewhere it is extrapolated.</p>"
    )
    yield figure_html(coverage_figure(solution))
    edge = weakest_edge(shared_frames(solution))
    if edge is None:
        return
    yield "<h3>Frames that cameras share</h3>"
    yield (
        f"<p>The rig hangs together least between <b>{escape(names[edge.first])}</b> and "
        f"<b>{escape(names[edge.second])}</b> (framed): {edge.frames} frames. Film the board where "
        "these two both see it to make the rig stiffer.</p>"
    )
    yield figure_html(overlap_figure(solution))


def _residual_section(solution: Solution) -> Iterator[str]:
    figure, factor = residual_figure(solution)
    yield "<h2>Residuals</h2>"
    yield (
        "<p>How far points lie from where the rig puts them. In the images, a line shows the mean "
        f"residual about a place, drawn {factor:g} times as long, and the colour of the dot the "
        "root mean square. Lines in a pattern mean that the lens model does not fit; lines that "
        "point anywhere are noise.</p>"
    )
    yield figure_html(figure)
    yield "<h3>By camera</h3>"
    yield (
        "<p>Residuals in x and y, beside the normal curve of the noise that the rig was fitted "
        "with. What lies outside the curve was given less weight, or none.</p>"
    )
    yield figure_html(histogram_figure(solution))
    yield "<h3>Over time</h3>"
    yield (
        "<p>Median residual of each frame, points that were left out included. A camera "
        "that was moved is bright from some frame on; one that is not synchronized is bright "
        "wherever the board moves fast.</p>"
    )
    yield figure_html(time_figure(solution))


def _check_section(solution: Solution, trust: Trust, numbers: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Checks of the figures</h2>"
    if trust.splits:
        yield (
            "<h3>Two halves of the recording</h3><p>The rig is solved from either half alone. The "
            "two rigs should differ by about as much as their covariances predict (ratio near 1); "
            "in red: far more. The last columns compare with what independent noise would explain."
            "</p>"
        )
        yield halves_table(numbers["halves"])
        yield (
            "<p>The same seen from the images: by how much each camera looks elsewhere, and how "
            "many times noise that is.</p>"
        )
        yield images_table(numbers["halves"])
    found = numbers["held_out"]
    if found is not None:
        yield (
            f"<h3>{found['frames']} frames that the rig was not fitted to</h3><p>Without these the "
            "rig was solved again. In them, only the place of the board was looked for; then its "
            "corners were triangulated and compared with the board.</p>"
        )
        yield table(
            ["", "fitted or expected", "held out"],
            [
                ["residual (px)", f"{found['fit_px']:.3f}", f"{found['held_out_px']:.3f}"],
                [
                    f"error of {found['distances']} distances on the board (mm)",
                    f"{found['expected_distance_error_mm']:.3f}",
                    f"{found['distance_error_mm']:.3f}",
                ],
            ],
        )
        board = board_figure(solution, trust)
        if board is not None:
            yield (
                "<p>The board as triangulated, against its description: how far each corner lies "
                "out of the plane, on average.</p>"
            )
            yield figure_html(board)
    for note in trust.notes:
        yield f'<p class="note">Not checked: {escape(note)}</p>'


def _parameter_section(solution: Solution, numbers: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Parameters</h2>"
    yield "<p>± is one standard deviation, from the covariance of all parameters together.</p>"
    yield camera_table(numbers["cameras"])
    yield "<h3>Lenses (pixels)</h3>"
    yield lens_table(numbers["cameras"])
    yield f"<h3>Poses, camera from {escape(solution.reference)}</h3>"
    yield pose_table(numbers["cameras"])


def _settings_section(numbers: dict[str, Any]) -> Iterator[str]:
    yield "<h2>Settings and notes</h2>"
    pairs = [[escape(key), escape(str(value))] for key, value in numbers["settings"].items()]
    if pairs:
        yield table(["setting", "value"], pairs, texts=2)
    for finding in numbers["findings"]:
        yield f'<p class="note">Finding ({escape(finding["code"])}): {escape(finding["text"])}</p>'
    for note in numbers["notes"]:
        yield f'<p class="note">{escape(note)}</p>'
