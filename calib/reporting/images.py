"""A small figure for each camera: where it saw the board, and how far off points lie there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from calib.overlap import CELLS
from triangulate.pages.style import BLUE, INK, LINE, RED, WIDTH, graph_objects, in_rows, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from calib.solution import Solution

_MOST_POINTS = 400  # drawn of one camera
_MOST_OUTLIERS = 150
_BINS = 41
_REACH = 5.0  # sigmas that histograms span


def coverage_figure(solution: Solution) -> go.Figure:
    """Every image with the points seen in it, outliers in red."""
    go = graph_objects()
    figure = _image_grid(solution)
    pixels = solution.observations.points_px
    rng = np.random.default_rng(0)
    for v, (row, column) in enumerate(_cells(solution)):
        for chosen, colour, symbol, name, most in (
            (solution.inliers[v], BLUE, "circle", "fits", _MOST_POINTS),
            (solution.outliers[v], RED, "x", "left out", _MOST_OUTLIERS),
        ):
            points = pixels[v][chosen]
            points = points[rng.permutation(len(points))[:most]].round(1)
            figure.add_trace(
                go.Scatter(
                    x=points[:, 0],
                    y=points[:, 1],
                    mode="markers",
                    name=name,
                    marker={"size": 3.2 if colour == BLUE else 4.5, "color": colour,
                            "symbol": symbol, "opacity": 0.55 if colour == BLUE else 0.9},
                    hoverinfo="skip",
                ),
                row=row,
                col=column,
            )  # fmt: skip
    return _finished(figure, solution)


def residual_figure(solution: Solution) -> tuple[go.Figure, float]:
    """Every image with the mean residual about each place, and by how much arrows are longer."""
    go = graph_objects()
    fields = [_field(solution, v) for v in range(len(solution.rig))]
    lengths = np.concatenate([np.linalg.norm(field[1], axis=-1) for field in fields])
    cell_px = min(width / CELLS[0] for width, _ in solution.observations.sizes)
    usual = float(np.quantile(lengths, 0.95)) if len(lengths) else 1.0
    factor = float(f"{0.7 * cell_px / max(usual, 1e-9):.1g}")
    most = max((float(field[2].max()) for field in fields if len(field[2])), default=1.0)
    figure = _image_grid(solution)
    for v, (row, column) in enumerate(_cells(solution)):
        at, mean_px, spread_px = fields[v]
        ends = at + factor * mean_px
        gap = np.full_like(at, np.nan)
        lines = np.stack([at, ends, gap], axis=1).reshape(-1, 2).round(1)
        figure.add_trace(
            go.Scatter(x=lines[:, 0], y=lines[:, 1], mode="lines", hoverinfo="skip",
                       showlegend=False, line={"color": INK, "width": 1.4}),
            row=row, col=column,
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=at[:, 0].round(1),
                y=at[:, 1].round(1),
                mode="markers",
                showlegend=False,
                marker={"size": 6, "color": spread_px.round(3), "coloraxis": "coloraxis"},
                customdata=mean_px.round(3),
                hovertemplate="mean %{customdata[0]:.2f}, %{customdata[1]:.2f} px<br>"
                "root mean square %{marker.color:.2f} px<extra></extra>",
            ),
            row=row,
            col=column,
        )
    figure.update_layout(
        coloraxis={"colorscale": "Viridis", "cmin": 0.0, "cmax": most,
                   "colorbar": {"title": {"text": "px"}, "thickness": 14}}
    )  # fmt: skip
    return _finished(figure, solution), factor


def _field(solution: Solution, v: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells of an image with points that fit: their middles, mean residuals and spreads."""
    good = solution.inliers[v]
    points, off = solution.observations.points_px[v][good], solution.residuals_px[v][good]
    columns, rows = 2 * np.array(CELLS)
    size = np.array(solution.observations.sizes[v], dtype=np.float64)
    cell = np.clip((points + 0.5) / size * [columns, rows], 0, [columns - 1, rows - 1]).astype(int)
    number = cell[:, 0] + columns * cell[:, 1]
    count = np.bincount(number, minlength=columns * rows)
    used = count >= 3
    mean, place = (
        np.stack([np.bincount(number, values[:, i], minlength=columns * rows) for i in (0, 1)], -1)
        / np.maximum(count, 1)[:, None]
        for values in (off, points)
    )
    power = np.bincount(number, np.square(off).sum(-1), minlength=columns * rows)
    spread = np.sqrt(power / np.maximum(count, 1))
    return place[used], mean[used], spread[used]


def histogram_figure(solution: Solution) -> go.Figure:
    """Every camera's residuals, x and y together, with the normal curve of its sigma."""
    go = graph_objects()
    from plotly.subplots import make_subplots

    rows, columns = in_rows(len(solution.rig))
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[
            f"{name}: sigma {sigma:.2f} px"
            for name, sigma in zip(solution.rig.names, solution.sigma_px, strict=True)
        ],
        horizontal_spacing=0.05,
        vertical_spacing=0.26 / rows,
    )
    for v, (row, column) in enumerate(_cells(solution)):
        edges = _REACH * solution.sigma_px[v] * np.linspace(-1, 1, _BINS + 1)
        middle, width = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
        seen = ~np.isnan(solution.residuals_px[v, ..., 0])
        off = solution.residuals_px[v][seen].ravel()
        counts, _ = np.histogram(off, edges)
        density = counts / max(1, len(off)) / width
        normal = np.exp(-0.5 * np.square(middle / solution.sigma_px[v]))
        normal /= solution.sigma_px[v] * np.sqrt(2 * np.pi)
        figure.add_trace(
            go.Bar(x=middle.round(4), y=density.round(4), width=width, showlegend=False,
                   marker={"color": BLUE, "opacity": 0.65},
                   hovertemplate="%{x:.2f} px<extra></extra>"),
            row=row, col=column,
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(x=middle.round(4), y=normal.round(4), mode="lines", hoverinfo="skip",
                       line={"color": INK, "width": 1.4}, showlegend=False),
            row=row, col=column,
        )  # fmt: skip
    figure.update_xaxes(showgrid=False, zeroline=False, tickfont={"size": 10})
    figure.update_yaxes(showgrid=False, showticklabels=False, zeroline=False)
    for column in range(1, columns + 1):
        figure.update_xaxes(title={"text": "px", "standoff": 2}, row=rows, col=column)
    figure.update_annotations(font={"size": 12})
    return plain(figure, height=150 * rows + 70, bargap=0.0)


# --- What they have in common ---------------------------------------------------------------------


def _image_grid(solution: Solution) -> Any:
    from plotly.subplots import make_subplots

    rows, columns = in_rows(len(solution.rig))
    return make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=list(solution.rig.names),
        horizontal_spacing=0.02,
        vertical_spacing=0.16 / rows,
    )


def _cells(solution: Solution) -> list[tuple[int, int]]:
    """Row and column of each camera's figure."""
    _, columns = in_rows(len(solution.rig))
    return [(v // columns + 1, v % columns + 1) for v in range(len(solution.rig))]


def _finished(figure: go.Figure, solution: Solution) -> go.Figure:
    """Axes as the images have them: y down, pixels square."""
    sizes = solution.observations.sizes
    for v, (row, column) in enumerate(_cells(solution)):
        width, height = sizes[v]
        common = {"showticklabels": False, "showgrid": False, "zeroline": False,
                  "showline": True, "mirror": True, "linecolor": LINE, "constrain": "domain",
                  "row": row, "col": column}  # fmt: skip
        figure.update_xaxes(range=[-0.5, width - 0.5], **common)
        anchor = f"x{v + 1 if v else ''}"
        figure.update_yaxes(range=[height - 0.5, -0.5], scaleanchor=anchor, **common)
    rows, columns = in_rows(len(sizes))
    wide = (WIDTH - 90) / columns
    high = wide * max(height / width for width, height in sizes)
    figure.update_annotations(font={"size": 12})
    return plain(
        figure,
        height=int(min(high, 360) * rows + 30 * rows + 50),
        margin={"l": 10, "r": 20, "t": 30, "b": 10},
        showlegend=False,
    )
