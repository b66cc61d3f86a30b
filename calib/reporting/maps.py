"""Maps: the expected error in slices of the volume, and the board as the cameras measure it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from calib.assessment import Trust
from triangulate.pages.style import ERROR_SCALE, WIDTH, graph_objects, in_rows, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from calib.solution import Solution

_MOST_SLICES = 6
_BOARD_WIDTH = 420  # px
_MARGIN = 100  # px of a figure that its maps do not get


def error_figure(trust: Trust) -> go.Figure:
    """Slices of the capture volume at several heights, coloured by the expected error."""
    go = graph_objects()
    from plotly.subplots import make_subplots

    volume = trust.volume
    x, y, z = volume.ticks_m
    grid_mm = 1e3 * volume.spread(trust.error_m)
    filled = np.flatnonzero(np.isfinite(grid_mm).any((0, 1)))
    levels = filled[np.linspace(0, len(filled) - 1, min(_MOST_SLICES, len(filled))).astype(int)]
    rows, columns = in_rows(len(levels), most=3)
    shares = ["height" if volume.up_is_known else "up", *_horizontal(trust)]
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[f"{shares[0]} {z[level]:.2f} m" for level in levels],
        horizontal_spacing=0.06,
        vertical_spacing=0.11 if rows > 1 else 0,
    )
    for place, level in enumerate(levels):
        row, column = place // columns + 1, place % columns + 1
        figure.add_trace(
            go.Heatmap(
                x=x.round(4),
                y=y.round(4),
                z=grid_mm[:, :, level].T.round(4),
                coloraxis="coloraxis",
                hovertemplate="%{z:.2f} mm<br>%{x:.2f}, %{y:.2f} m<extra></extra>",
            ),
            row=row,
            col=column,
        )
        figure.update_xaxes(
            title={"text": f"{shares[1]} (m)", "standoff": 4} if row == rows else None,
            constrain="domain",
            row=row,
            col=column,
        )
        figure.update_yaxes(
            title={"text": f"{shares[2]} (m)", "standoff": 4} if column == 1 else None,
            scaleanchor=f"x{place + 1 if place else ''}",
            constrain="domain",
            row=row,
            col=column,
        )
    figure.update_xaxes(showgrid=False, zeroline=False, tickfont={"size": 10})
    figure.update_yaxes(showgrid=False, zeroline=False, tickfont={"size": 10})
    wide = (WIDTH - _MARGIN) / columns
    high = wide * float(volume.extent_m[1] / volume.extent_m[0])
    most = float(np.nanquantile(grid_mm, 0.98))
    return plain(
        figure,
        height=int(np.clip(high, 150, 380) * rows + 70 * rows + 20),
        coloraxis={
            "colorscale": ERROR_SCALE,
            "cmin": 0.0,
            "cmax": most,
            "colorbar": {"title": {"text": "mm"}, "thickness": 14},
        },
    )


def _horizontal(trust: Trust) -> tuple[str, str]:
    """The names of the volume's horizontal axes: the world's own where they are these."""
    names = []
    for axis, other in zip(trust.volume.axes, ("along", "across"), strict=False):
        own = np.flatnonzero(np.abs(axis) > 1 - 1e-9)
        names.append("xyz"[own[0]] if len(own) and axis[own[0]] > 0 else other)
    return names[0], names[1]


def board_figure(solution: Solution, trust: Trust) -> Any:
    """The board's corners, coloured by how far out of the described plane they are measured.

    None where too few were triangulated.
    """
    found = trust.held_out
    if found is None or not np.isfinite(found.shape_m).any():
        return None
    go = graph_objects()
    target = solution.target_m
    normal = np.linalg.svd(target - target.mean(0), full_matrices=False)[2][2]
    normal = normal * (np.sign(normal[np.abs(normal).argmax()]) or 1.0)
    off_mm = 1e3 * found.shape_m @ normal
    sigma_mm = 1e3 * np.sqrt(np.square(found.shape_sigma_m) @ np.square(normal))
    known = np.isfinite(off_mm)
    # What noise does is kept pale, and a corner that was seen rarely does not set the scale.
    usual = float(np.quantile(np.abs(off_mm[known]), 0.9))
    most = max(usual, 4 * float(np.median(sigma_mm[known])))
    figure = go.Figure(
        go.Scatter(
            x=(1e3 * target[known, 0]).round(2),
            y=(1e3 * target[known, 1]).round(2),
            mode="markers",
            marker={
                "size": _marker_size(target),
                "symbol": "square",
                "color": off_mm[known].round(4),
                "colorscale": "RdBu",
                "cmin": -most,
                "cmax": most,
                "line": {"width": 0.5, "color": "#8a949e"},
                "colorbar": {"title": {"text": "mm"}, "thickness": 14},
            },
            customdata=sigma_mm[known].round(4),
            hovertemplate="%{marker.color:.2f} +- %{customdata:.2f} mm<extra></extra>",
        )
    )
    extent = np.ptp(target, axis=0)
    height = int(np.clip(_BOARD_WIDTH * extent[1] / max(extent[0], 1e-9), 160, 380) + 90)
    figure.update_xaxes(title={"text": "board x (mm)"}, showgrid=False, zeroline=False)
    figure.update_yaxes(
        title={"text": "board y (mm)"},
        autorange="reversed",
        scaleanchor="x",
        constrain="domain",
        showgrid=False,
        zeroline=False,
    )
    return plain(figure, height=height, width=_BOARD_WIDTH + 150)


def _marker_size(target: np.ndarray) -> float:
    """Of a corner's square, so that neighbours nearly touch, in pixels."""
    apart = np.linalg.norm(target[:, None] - target[None], axis=-1)
    spacing = float(np.median(np.where(apart > 0, apart, np.inf).min(1)))
    extent = np.ptp(target, axis=0)
    scale = min(_BOARD_WIDTH / max(extent[0], 1e-9), 380 / max(extent[1], 1e-9))
    return float(np.clip(0.6 * spacing * scale, 6, 34))
