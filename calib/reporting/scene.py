"""The rig in 3D: cameras, boards, and the capture volume coloured by its error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from calib.advice import moved_camera
from calib.assessment import Trust
from triangulate.pages.style import AMBER, ERROR_SCALE, FAINT, INK, graph_objects, plain

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from calib.solution import Solution

_MOST_BOARDS = 60
_DEPTH = 0.07  # of a drawn camera, as a part of the scene


def rig_figure(solution: Solution, trust: Trust) -> go.Figure:
    """Camera frusta, outlines of boards, and places of the volume by expected error."""
    go = graph_objects()
    names, turn = solution.rig.names, _shown_from_world(trust).T
    centres = solution.rig.cameras.centre_world.numpy() @ turn
    places = np.concatenate([trust.volume.points_world @ turn, centres])
    size = float(np.linalg.norm(np.ptp(places, axis=0)))
    flagged = np.isin(names, [f.camera for f in solution.findings if f.camera is not None])
    if (moved := moved_camera(solution, trust)) is not None:
        flagged[moved] = True
    figure = go.Figure()
    _add_volume(figure, trust, turn)
    figure.add_trace(_lines(_boards(solution) @ turn, FAINT, "boards", width=1.5, opacity=0.45))
    frusta = _frusta(solution, _DEPTH * size) @ turn
    for colour, name, chosen in (
        (INK, "cameras", np.flatnonzero(~flagged)),
        (AMBER, "cameras with findings", np.flatnonzero(flagged)),
    ):
        if not len(chosen):
            continue
        figure.add_trace(_lines(frusta[chosen].reshape(-1, 3), colour, name, width=3))
        figure.add_trace(
            go.Scatter3d(
                **_xyz(centres[chosen]),
                mode="text",
                text=[f"  {names[v]}" for v in chosen],
                textposition="middle right",
                textfont={"color": colour, "size": 12},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    return plain(
        figure,
        height=620,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        scene=_view(trust, places),
        legend={"x": 0.01, "y": 0.99, "bgcolor": "rgba(255,255,255,0.7)"},
    )


def _shown_from_world(trust: Trust) -> np.ndarray:
    """The rotation (3, 3) to what is drawn: the world, or something upright where it is not."""
    return np.eye(3) if trust.volume.up_is_known else trust.volume.axes


def _add_volume(figure: go.Figure, trust: Trust, turn: np.ndarray) -> None:
    go = graph_objects()
    error_mm = 1e3 * trust.error_m
    known = np.isfinite(error_mm)
    points = trust.volume.points_world
    unseen = points[~known] @ turn
    figure.add_trace(
        go.Scatter3d(
            **_xyz(points[known] @ turn),
            mode="markers",
            name="expected error",
            marker={
                "size": 3,
                "opacity": 0.65,
                "color": error_mm[known].round(4),
                "colorscale": ERROR_SCALE,
                "cmin": 0.0,
                "cmax": float(np.quantile(error_mm[known], 0.98)),
                "colorbar": {"title": {"text": "mm"}, "thickness": 14, "len": 0.6, "x": 0.97},
            },
            customdata=np.column_stack([trust.cameras[known], points[known].round(2)]),
            hovertemplate="%{marker.color:.2f} mm, seen by %{customdata[0]} cameras<br>"
            "at (%{customdata[1]}, %{customdata[2]}, %{customdata[3]}) m<extra></extra>",
        )
    )
    if len(unseen):
        figure.add_trace(
            go.Scatter3d(
                **_xyz(unseen),
                mode="markers",
                name="seen by fewer than two",
                marker={"size": 2.5, "color": "#c9cfd5", "opacity": 0.5},
                hoverinfo="skip",
            )
        )


def _xyz(points: np.ndarray) -> dict[str, np.ndarray]:
    rounded = points.round(4)
    return {"x": rounded[:, 0], "y": rounded[:, 1], "z": rounded[:, 2]}


def _lines(points: np.ndarray, colour: str, name: str, width: float, opacity: float = 1.0) -> Any:
    """Lines through points (K, 3), broken where they are NaN."""
    return graph_objects().Scatter3d(
        **_xyz(points),
        mode="lines",
        name=name,
        opacity=opacity,
        line={"color": colour, "width": width},
        hoverinfo="skip",
    )


def _frusta(solution: Solution, depth_m: float) -> np.ndarray:
    """(V, K, 3) the lines of each camera's pyramid, NaN between them."""
    cameras = solution.rig.cameras
    width, height = np.array(solution.observations.sizes, dtype=np.float64).T
    K = cameras.K.numpy()
    x = np.stack([0 * width, width, width, 0 * width], axis=-1) - 0.5
    y = np.stack([0 * height, 0 * height, height, height], axis=-1) - 0.5
    plane = np.stack(
        [
            (x - K[:, :1, 2]) / K[:, :1, 0],
            (y - K[:, 1:2, 2]) / K[:, 1:2, 1],
            np.ones_like(x),
        ],
        axis=-1,
    )
    corners = cameras.cam_from_world.inverse().apply(torch.from_numpy(depth_m * plane)).numpy()
    centre = cameras.centre_world.numpy()[:, None]
    gap = np.full_like(centre, np.nan)
    spokes = [np.concatenate([centre, corners[:, i : i + 1], gap], axis=1) for i in range(4)]
    return np.concatenate([corners, corners[:, :1], gap, *spokes], axis=1)


def _boards(solution: Solution) -> np.ndarray:
    """(K, 3) outlines of some of the boards, NaN between them."""
    from scipy.spatial import ConvexHull

    target = solution.target_m
    middle = target.mean(0)
    plane = np.linalg.svd(target - middle, full_matrices=False)[2][:2]
    outline = ConvexHull((target - middle) @ plane.T).vertices
    places = solution.target_points_world
    places = places[np.isfinite(places[:, 0, 0])]
    places = places[:: -(-len(places) // _MOST_BOARDS)]
    loops = places[:, [*outline, outline[0]]]
    gap = np.full_like(loops[:, :1], np.nan)
    return np.concatenate([loops, gap], axis=1).reshape(-1, 3)


def _view(trust: Trust, places: np.ndarray) -> dict[str, Any]:
    """Axes as wide as the scene, and an eye that looks down on it from the side."""
    low, high = places.min(0), places.max(0)
    pad = 0.05 * np.linalg.norm(high - low)
    known = trust.volume.up_is_known
    titles = [f"{name} (m)" for name in (("x", "y", "z") if known else ("along", "across", "up"))]
    up = trust.volume.axes[2] @ _shown_from_world(trust).T
    frame = _upright(up)
    axis = {"backgroundcolor": "#f5f7f9", "gridcolor": "#e3e8ec", "showbackground": True,
            "zeroline": False, "tickfont": {"size": 10}}  # fmt: skip
    ranges = zip("xyz", titles, low - pad, high + pad, strict=True)
    return {
        **{
            f"{name}axis": axis | {"title": {"text": title}, "range": [float(a), float(b)]}
            for name, title, a, b in ranges
        },
        "aspectmode": "data",
        "camera": {
            "up": _named(up),
            "eye": _named(np.array([1.2, -1.5, 0.95]) @ frame),
            "center": _named(-0.08 * up),
        },
    }


def _upright(up: np.ndarray) -> np.ndarray:
    """Axes (3, 3) of which the last one is `up`, an axis of what is drawn."""
    first = np.roll(np.abs(up), 1)
    return np.stack([first, np.cross(up, first), up])


def _named(vector: np.ndarray) -> dict[str, float]:
    return dict(zip("xyz", map(float, vector), strict=True))
