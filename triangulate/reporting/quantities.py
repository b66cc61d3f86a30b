"""Figures by camera and by joint: errors, uncertainty and the views that were used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from triangulate.pages.style import BLUE, COUNT_SCALE, INK, LINE, graph_objects, plain
from triangulate.poses import Poses3D, Reason
from triangulate.reporting.measures import Measures
from triangulate.reporting.stretches import quantiles

if TYPE_CHECKING:
    import plotly.graph_objects as go

_PARTS = (0.05, 0.25, 0.5, 0.75, 0.95)
_ROW = 19  # px


def errors_by_camera(poses: Poses3D) -> go.Figure:
    """Reprojection errors of each camera."""
    values = [poses.reprojection_px[:, :, v] for v in range(len(poses.names))]
    return _boxes(poses.names, values, "reprojection error (px)")


def errors_by_joint(poses: Poses3D) -> go.Figure:
    """Reprojection errors of each joint, over all cameras."""
    names = poses.skeleton.joint_names
    values = [poses.reprojection_px[..., j] for j in range(len(names))]
    return _boxes(names, values, "reprojection error (px)")


def sigma_by_joint(poses: Poses3D, measures: Measures) -> go.Figure:
    """Standard deviations of each joint."""
    names = poses.skeleton.joint_names
    values = [1e3 * measures.sigma_m[..., j] for j in range(len(names))]
    return _boxes(names, values, "standard deviation (mm)")


def views_by_joint(poses: Poses3D) -> go.Figure:
    """How often each camera took part in each joint, where that was found."""
    found = poses.reason == Reason.ok  # (T, P, J)
    count = found.sum((0, 1))
    used = (poses.views_used & found[:, :, None]).sum((0, 1))  # (V, J)
    share = np.where(count > 0, used / np.maximum(count, 1), np.nan)
    go = graph_objects()
    figure = go.Figure(
        go.Heatmap(
            x=list(poses.names),
            y=list(poses.skeleton.joint_names),
            z=(100 * share.T).astype(np.float32),
            colorscale=COUNT_SCALE,
            zmin=0,
            zmax=100,
            colorbar={"title": {"text": "%"}, "thickness": 14},
            hovertemplate="%{x} took part in %{z:.0f} % of %{y}<extra></extra>",
        )
    )
    figure.update_xaxes(showgrid=False, type="category")
    _name_axis(figure)
    return plain(figure, _height(count), margin=_margin(poses.skeleton.joint_names))


def _boxes(names: Sequence[str], values: Sequence[np.ndarray], title: str) -> go.Figure:
    """A box of quantiles for each name; what has no values has an empty row."""
    found = np.array([quantiles(some, _PARTS) for some in values]).astype(np.float32)
    low, first, middle, third, high = found.T
    go = graph_objects()
    figure = go.Figure(
        go.Box(
            y=list(names),
            q1=first,
            median=middle,
            q3=third,
            lowerfence=low,
            upperfence=high,
            orientation="h",
            width=0.55,
            line={"color": BLUE, "width": 1.5},
            fillcolor="rgba(47,109,179,0.25)",
            hoverinfo="x",
        )
    )
    figure.update_xaxes(
        title={"text": title, "standoff": 4}, rangemode="tozero", gridcolor=LINE, zeroline=False
    )
    _name_axis(figure)
    return plain(figure, _height(names), margin=_margin(names), showlegend=False)


def _name_axis(figure: Any) -> None:
    figure.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticks="", dtick=1,
        tickfont={"size": 11, "color": INK},
    )  # fmt: skip


def _height(rows: Sequence[Any] | np.ndarray) -> int:
    return _ROW * max(len(rows), 3) + 70


def _margin(names: Sequence[str]) -> dict[str, int]:
    return {"l": 20 + 7 * max(map(len, names)), "r": 20, "t": 10, "b": 45}
