"""The capture volume: where the target was filmed, as a grid of places to judge a rig at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from calib.world import axis_vector
from triangulate.errors import InputError

if TYPE_CHECKING:
    from calib.solution import Solution
    from triangulate.rig import Rig

MARGIN = 0.05
"""How far the volume reaches beyond the target's points, as a part of their spread."""

NUM_POINTS = 700
"""About so many places are looked at."""

_LEAST_UPRIGHT = 0.3  # how much the cameras' upward directions must agree to tell what is up


@dataclass(frozen=True, eq=False)
class Volume:
    """A grid over the hull of the places where two cameras saw the target.

    Attributes:
        axes: (3, 3) its axes, one a row, as unit vectors of the world; the last one points up.
        ticks_m: (X,), (Y,), (Z,) places of the grid's planes along the axes.
        inside: (X, Y, Z) whether a place of the grid lies in the hull.
        up_is_known: the rig tells what is up; else it is what the cameras hold upright.
    """

    axes: np.ndarray
    ticks_m: tuple[np.ndarray, np.ndarray, np.ndarray]
    inside: np.ndarray
    up_is_known: bool

    @property
    def points_world(self) -> np.ndarray:
        """(N, 3) the places inside."""
        grid = np.stack(np.meshgrid(*self.ticks_m, indexing="ij"), axis=-1)
        return grid[self.inside] @ self.axes

    @property
    def step_m(self) -> float:
        """From one place to the next."""
        return float(self.ticks_m[0][1] - self.ticks_m[0][0])

    @property
    def extent_m(self) -> np.ndarray:
        """(3,) the size of the box around it, along the axes."""
        return np.array([ticks[-1] - ticks[0] + self.step_m for ticks in self.ticks_m])

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values (N,) of the places inside, as (X, Y, Z); NaN outside."""
        grid = np.full(self.inside.shape, np.nan)
        grid[self.inside] = values
        return grid


def capture_volume(solution: Solution, num_points: int = NUM_POINTS) -> Volume:
    """Where the target was filmed: the convex hull of its points that two cameras agree on.

    It reaches `MARGIN` of their spread farther on every side.

    Raises:
        InputError: no two cameras saw the target at once.
    """
    points = solution.target_points_world[solution.inliers.sum(0) >= 2]
    if len(points) == 0:
        raise InputError(
            "no two cameras saw the board at once, so that there is no volume in which points "
            "could be triangulated"
        )
    axes, known = _axes(solution.rig, points)
    places = points @ axes.T
    margin = MARGIN * np.linalg.norm(np.ptp(places, axis=0))
    steps = margin * np.concatenate([np.eye(3), -np.eye(3)])
    around = (places[:, None] + steps).reshape(-1, 3)
    try:
        hull = ConvexHull(around)
    except QhullError:
        raise InputError(
            "the board was seen in one place only: film it all over the volume"
        ) from None
    step = (hull.volume / num_points) ** (1 / 3)
    ticks = tuple(
        _ticks(low, high, step) for low, high in zip(around.min(0), around.max(0), strict=True)
    )
    grid = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)
    inside = np.all(grid @ hull.equations[:, :3].T + hull.equations[:, 3] <= 0, axis=-1)
    return Volume(axes, (ticks[0], ticks[1], ticks[2]), inside, known)


def _ticks(low: float, high: float, step: float) -> np.ndarray:
    """Planes a step apart, in the middle of the range."""
    count = max(2, int((high - low) / step))
    return 0.5 * (low + high) + step * (np.arange(count) - 0.5 * (count - 1))


def _axes(rig: Rig, points: np.ndarray) -> tuple[np.ndarray, bool]:
    """The grid's axes (3, 3), and whether the rig tells what is up."""
    if rig.up_axis is not None:
        up = axis_vector(rig.up_axis)
        first = np.roll(np.abs(up), 1)  # the next axis of the world
        return np.stack([first, np.cross(up, first), up]), True
    upward = -rig.cameras.cam_from_world.rotation[:, 1].numpy().mean(0)
    across = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
    up = upward if np.linalg.norm(upward) > _LEAST_UPRIGHT else across[2]
    up = up / np.linalg.norm(up)
    flat = (points - points.mean(0)) @ (np.eye(3) - np.outer(up, up))
    first = np.linalg.svd(flat, full_matrices=False)[2][0]
    first -= (first @ up) * up
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(up, first), up]), False
