"""Figures over time. Long recordings are drawn in stretches: a mean or quantiles, and the span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from triangulate.pages.style import (
    AMBER,
    BLUE,
    COUNT_SCALE,
    GREEN,
    INK,
    LINE,
    RED,
    in_rows,
    plain,
)
from triangulate.poses import Poses3D, Reason
from triangulate.reporting.curves import (
    add_band,
    add_line,
    colour_bar,
    columns_of,
    empty_figure,
    finished,
    map_figure,
    rgb,
)
from triangulate.reporting.measures import Measures
from triangulate.reporting.stretches import Stretches, quantiles
from triangulate.reporting.verdict import bone_names

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 1000  # of a curve
SHORT_CURVE = 300  # of many
MOST_BONES = 24
MOST_PEOPLE = 4
MOST_CAMERAS = 12

PEOPLE = (BLUE, "#b5489a", GREEN, AMBER, "#6a57c2", RED)
CAMERAS = (BLUE, RED, GREEN, AMBER, "#6a57c2", "#b5489a", "#2aa5a0", "#7d6a4f", "#8fb339",
           "#5b7083", "#d97fb0", "#93b5de")  # fmt: skip
REASONS = {
    Reason.too_few_views: "#5b7083",
    Reason.low_confidence: AMBER,
    Reason.high_error: RED,
    Reason.narrow_rays: "#6a57c2",
    Reason.behind_camera: "#b5489a",
}
_SHADES = 40  # of a reason's colour, for how many frames of a stretch are missing


def errors_over_time(poses: Poses3D, measures: Measures) -> go.Figure:
    """The median error of each camera, and what 95 % of all errors stay below."""
    stretches = Stretches.of(len(measures.clock), MOST_POINTS)
    x = stretches.middles(measures.clock)
    errors = poses.reprojection_px
    figure = empty_figure()
    add_line(figure, x, stretches.quantiles(errors, [0.95])[:, 0], "95 % of all", "#b7c0c9", 1.2)
    if len(poses.names) <= MOST_CAMERAS:
        for v, name in enumerate(poses.names):
            median = stretches.quantiles(errors[:, :, v], [0.5])[:, 0]
            add_line(figure, x, median, name, CAMERAS[v])
    else:
        add_line(figure, x, stretches.quantiles(errors, [0.5])[:, 0], "median", BLUE)
    return finished(figure, poses, "px")


def sigma_over_time(poses: Poses3D, measures: Measures) -> go.Figure:
    """Standard deviations of the joints: the median, and where 90 % of them lie."""
    stretches = Stretches.of(len(measures.clock), MOST_POINTS)
    x = stretches.middles(measures.clock)
    low, middle, high = 1e3 * stretches.quantiles(measures.sigma_m, (0.05, 0.5, 0.95)).T
    figure = empty_figure()
    add_band(figure, x, low, high, BLUE, "5 to 95 % of the joints")
    add_line(figure, x, middle, "median", BLUE, 1.8)
    return finished(figure, poses, "mm")


def views_over_time(poses: Poses3D, measures: Measures) -> go.Figure:
    """In what part of the found joints each camera took part."""
    stretches = Stretches.of(len(measures.clock), min(MOST_POINTS, columns_of(len(poses.names))))
    found = (poses.reason == Reason.ok).sum((1, 2))  # (T,)
    used = (poses.views_used & (poses.reason == Reason.ok)[:, :, None]).sum((1, 3))  # (T, V)
    share = np.where(found[:, None] > 0, used / np.maximum(found, 1)[:, None], np.nan)
    return map_figure(
        stretches,
        poses,
        measures,
        list(poses.names),
        100 * stretches.mean(share),
        {"colorscale": COUNT_SCALE, "zmin": 0, "zmax": 100, "colorbar": colour_bar("%")},
        "%{y} took part in %{z:.0f} % of the joints<extra></extra>",
    )


def gaps_over_time(poses: Poses3D, measures: Measures, person: int) -> go.Figure:
    """A band a joint: why it is missing, the paler the fewer frames of a stretch."""
    names = poses.skeleton.joint_names
    stretches = Stretches.of(len(measures.clock), columns_of(len(names)))
    reasons = poses.reason[:, person]
    shares = np.stack([stretches.share(reasons == reason) for reason in REASONS])  # (R, K, J)
    main, missing = shares.argmax(0), shares.sum(0)
    z = np.where(missing > 0, (main + 1) * _SHADES + np.rint(missing * (_SHADES - 1)), 0)
    labels = np.array([reason.name for reason in REASONS])
    words = [
        [f"{labels[r]}, {100 * part:.0f} %" if part else "" for r, part in zip(*cells, strict=True)]
        for cells in zip(main.T, missing.T, strict=True)
    ]
    return map_figure(
        stretches,
        poses,
        measures,
        list(names),
        z.astype(np.uint8),
        {
            "colorscale": _reason_scale(),
            "zmin": 0,
            "zmax": _SHADES * (len(REASONS) + 1) - 1,
            "showscale": False,
            "text": words,
        },
        "%{y}: %{text}<extra></extra>",
    )


def _reason_scale() -> list[list[Any]]:
    """White, and then a piece from pale to full for each reason."""
    top = _SHADES * (len(REASONS) + 1) - 1
    scale: list[list[Any]] = [[0.0, "#ffffff"], [(_SHADES - 1) / top, "#ffffff"]]
    for number, colour in enumerate(REASONS.values(), start=1):
        r, g, b = rgb(colour)
        pale = f"rgb({', '.join(str(round(255 - 0.4 * (255 - c))) for c in (r, g, b))})"
        scale += [[_SHADES * number / top, pale]]
        scale += [[(_SHADES * (number + 1) - 1) / top, f"rgb({r}, {g}, {b})"]]
    return scale


def speed_over_time(poses: Poses3D, measures: Measures, person: int) -> go.Figure:
    """The highest speed of each joint in each stretch."""
    names = poses.skeleton.joint_names
    stretches = Stretches.of(len(measures.clock), columns_of(len(names)))
    unit = speed_unit(poses)
    speed = measures.speed[:, person]
    known = speed[np.isfinite(speed)]
    most = float(np.quantile(known, 0.995)) if known.size else 1.0
    return map_figure(
        stretches,
        poses,
        measures,
        list(names),
        stretches.highest(speed),
        {"colorscale": "Viridis", "zmin": 0, "zmax": most, "colorbar": colour_bar(unit)},
        f"%{{y}}: %{{z:.2f}} {unit}<extra></extra>",
    )


def speed_unit(poses: Poses3D) -> str:
    """What speeds are told in."""
    return "m/s" if poses.fps is not None else "m/frame"


def bones_over_time(poses: Poses3D, measures: Measures) -> tuple[go.Figure, int]:
    """A small figure a bone, a curve a person; and how many bones are drawn."""
    from plotly.subplots import make_subplots

    lengths_mm = 1e3 * measures.lengths_m[:, :MOST_PEOPLE]
    names = bone_names(poses)
    middle = np.array([float(quantiles(lengths_mm[..., b], (0.5,))[0]) for b in range(len(names))])
    known = np.flatnonzero(np.isfinite(middle))
    drawn = np.sort(known[np.argsort(-middle[known], kind="stable")][:MOST_BONES])
    rows, columns = in_rows(len(drawn), 4)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[f"{names[b]}: {middle[b]:.0f} mm" for b in drawn],
        horizontal_spacing=0.045,
        vertical_spacing=0.42 / rows,
    )
    stretches = Stretches.of(len(measures.clock), SHORT_CURVE)
    x = stretches.middles(measures.clock)
    for number, b in enumerate(drawn):
        cell = {"row": number // columns + 1, "col": number % columns + 1}
        for p in range(lengths_mm.shape[1]):
            curve, colour = lengths_mm[:, p, b], PEOPLE[p % len(PEOPLE)]
            name = f"person {p + 1}"
            if not stretches.are_frames:
                low, high = stretches.lowest(curve), stretches.highest(curve)
                add_band(figure, x, low, high, colour, name, **cell)
            add_line(figure, x, stretches.mean(curve), name, colour, 1.1, **cell)
        low, high = quantiles(lengths_mm[..., b], (0.01, 0.99))
        reach = max(1.3 * max(high - middle[b], middle[b] - low), 0.1 * middle[b], 1.0)
        figure.update_yaxes(range=[middle[b] - reach, middle[b] + reach], **cell)
        figure.add_hline(y=middle[b], line={"color": INK, "width": 0.7, "dash": "dot"}, **cell)
    figure.update_xaxes(showgrid=False, zeroline=False, tickfont={"size": 9}, nticks=4)
    figure.update_yaxes(gridcolor=LINE, zeroline=False, tickfont={"size": 9}, nticks=4)
    figure.update_annotations(font={"size": 11})
    plain(figure, height=105 * rows + 60, showlegend=False)
    return figure, len(drawn)
