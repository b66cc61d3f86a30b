"""Drawing over time: curves, bands, and maps of rows as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from triangulate.pages.style import (
    LINE,
    graph_objects,
    plain,
)
from triangulate.poses import Poses3D
from triangulate.reporting.measures import Measures
from triangulate.reporting.stretches import Stretches

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_CELLS = 15_000


def columns_of(rows: int) -> int:
    """So many stretches that a map keeps its size, whatever it has of rows."""
    return int(np.clip(_MOST_CELLS // max(rows, 1), 60, 600))


def map_figure(
    stretches: Stretches,
    poses: Poses3D,
    measures: Measures,
    names: list[str],
    values: np.ndarray,
    look: dict[str, Any],
    hover: str,
) -> go.Figure:
    """Rows over time: values (K, R) as colours."""
    go = graph_objects()
    clock = measures.clock
    z = values.T if values.dtype == np.uint8 else values.T.astype(np.float32)
    step = float(np.median(np.diff(clock))) if len(clock) > 1 else 1.0
    edges = np.append(clock[stretches.starts], clock[-1] + step) - 0.5 * step
    figure = go.Figure(
        go.Heatmap(
            x=edges.astype(np.float32),
            y=names,
            z=z,
            hovertemplate=f"%{{x:.2f}} {'s' if poses.fps else ''}: {hover}",
            hoverongaps=False,
            **look,
        )
    )
    frame = {"showgrid": False, "showline": True, "mirror": True, "linecolor": LINE}
    figure.update_xaxes(title={"text": time_title(poses), "standoff": 4}, **frame)
    figure.update_yaxes(
        autorange="reversed", type="category", dtick=1, tickfont={"size": 11}, ticks="", **frame
    )
    return plain(
        figure,
        height=19 * max(len(names), 3) + 70,
        margin={"l": 20 + 7 * max(map(len, names)), "r": 20, "t": 10, "b": 45},
        plot_bgcolor="#eceff2",
    )


def empty_figure() -> Any:
    """A figure for curves."""
    return graph_objects().Figure()


def add_line(
    figure: Any, x: np.ndarray, y: np.ndarray, name: str, colour: str, width: float = 1.4,
    **cell: int,
) -> None:  # fmt: skip
    """A curve; a single point of it is a dot."""
    figure.add_trace(
        graph_objects().Scatter(
            x=x.astype(np.float32),
            y=y.astype(np.float32),
            mode="lines" if np.isfinite(y).sum() > 1 else "markers",
            name=name,
            line={"color": colour, "width": width},
            hovertemplate="%{x:.2f}: %{y:.4g}",
        ),
        **cell,
    )


def add_band(
    figure: Any, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str, name: str,
    **cell: int,
) -> None:  # fmt: skip
    """Between two curves; a filled band knows no holes, so it is drawn where both are known."""
    known = np.isfinite(low) & np.isfinite(high)
    r, g, b = rgb(colour)
    figure.add_trace(
        graph_objects().Scatter(
            x=np.concatenate([x[known], x[known][::-1]]).astype(np.float32),
            y=np.concatenate([high[known], low[known][::-1]]).astype(np.float32),
            fill="toself",
            fillcolor=f"rgba({r}, {g}, {b}, 0.18)",
            line={"width": 0},
            mode="lines",
            name=name,
            hoverinfo="skip",
        ),
        **cell,
    )


def finished(figure: Any, poses: Poses3D, unit: str) -> go.Figure:
    """The figure with its axes named."""
    figure.update_xaxes(
        title={"text": time_title(poses), "standoff": 4}, showgrid=False, zeroline=False
    )
    figure.update_yaxes(
        title={"text": unit, "standoff": 4}, rangemode="tozero", gridcolor=LINE, zeroline=False
    )
    return plain(
        figure, height=270, legend={"orientation": "h", "y": 1.12, "x": 0}, hovermode="closest"
    )


def time_title(poses: Poses3D) -> str:
    """What the axis of time counts."""
    return "frame" if poses.fps is None else "seconds"


def colour_bar(unit: str) -> dict[str, Any]:
    """A scale of colours with its unit."""
    return {"title": {"text": unit}, "thickness": 14}


def rgb(colour: str) -> tuple[int, int, int]:
    """Three numbers of 0 to 255 for `#2aa5a0`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
