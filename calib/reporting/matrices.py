"""Cameras against cameras, and cameras against time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calib.overlap import shared_frames, weakest_edge
from triangulate.pages.style import COUNT_SCALE, RED, graph_objects, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from calib.solution import Solution

_MOST_COLUMNS = 240


def overlap_figure(solution: Solution) -> go.Figure:
    """The frames that pairs of cameras share; the link that the rig hangs on is framed in red."""
    go = graph_objects()
    names = list(solution.rig.names)
    shared = shared_frames(solution)
    side = int(np.clip(46 * len(names), 220, 620))
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=names,
            z=shared,
            colorscale=COUNT_SCALE,
            zmin=0,
            text=shared if len(names) <= 16 else None,
            texttemplate="%{text}" if len(names) <= 16 else None,
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate="%{y} and %{x}: %{z} frames<extra></extra>",
        )
    )
    edge = weakest_edge(shared)
    if edge is not None:
        for a, b in ((edge.first, edge.second), (edge.second, edge.first)):
            figure.add_shape(
                type="rect",
                x0=a - 0.48, x1=a + 0.48, y0=b - 0.48, y1=b + 0.48,
                line={"color": RED, "width": 3},
            )  # fmt: skip
    figure.update_xaxes(side="top", showgrid=False, constrain="domain", type="category")
    figure.update_yaxes(
        autorange="reversed", showgrid=False, scaleanchor="x", constrain="domain", type="category"
    )
    return plain(
        figure,
        height=side + 70,
        width=side + 130,
        margin={"l": 110, "r": 20, "t": 60, "b": 10},
    )


def time_figure(solution: Solution) -> go.Figure:
    """How far off the points of each camera lie from frame to frame, outliers counted."""
    go = graph_objects()
    apart_px = np.linalg.norm(solution.residuals_px, axis=-1)  # (V, F, N)
    views, frames, _ = apart_px.shape
    columns = min(frames, _MOST_COLUMNS)
    starts = np.searchsorted(np.arange(frames) * columns // frames, np.arange(columns))
    spread = np.full((views, columns), np.nan)
    for column, stretch in enumerate(np.split(apart_px, starts[1:], axis=1)):
        known = np.isfinite(stretch).any((1, 2))
        spread[known, column] = np.nanmedian(stretch[known], axis=(1, 2))
    numbers = solution.observations.frames[starts]
    most = 5.0 * float(np.median(solution.sigma_px))
    figure = go.Figure(
        go.Heatmap(
            x=[str(number) for number in numbers],
            y=list(solution.rig.names),
            z=spread.round(3),
            colorscale="Viridis",
            zmin=0.0,
            zmax=most,
            colorbar={"title": {"text": "px"}, "thickness": 14},
            hovertemplate="%{y}, frame %{x}: %{z:.2f} px<extra></extra>",
            hoverongaps=False,
        )
    )
    figure.update_xaxes(
        title={"text": "frame", "standoff": 4}, type="category", nticks=16, showgrid=False,
        tickangle=0,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    rows = len(solution.rig)
    return plain(
        figure,
        height=int(np.clip(26 * rows, 60, 640)) + 90,
        margin={"l": 110, "r": 20, "t": 10, "b": 50},
        plot_bgcolor="#eceff2",
    )
