"""The space of a scene: floor, up, the images' places, and where to look from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from triangulate.rig import Rig, Size


@dataclass(frozen=True)
class Ground:
    """The floor: where it is, and which way is up.

    Attributes:
        origin: (3,) the point of the floor below the middle of the scene.
        up: (3,) unit.
        across: (2, 3) two unit vectors along the floor.
    """

    origin: np.ndarray
    up: np.ndarray
    across: np.ndarray

    def shadow(self, points: np.ndarray) -> np.ndarray:
        """The points of the floor (*B, 3) below points (*B, 3)."""
        height = (points - self.origin) @ self.up
        return points - height[..., None] * self.up


def axis_direction(axis: str) -> np.ndarray:
    """(3,) the unit vector of "z", "-y", ..."""
    return np.eye(3)["xyz".index(axis[-1])] * (-1 if axis[0] == "-" else 1)


def up_of(rig: Rig) -> np.ndarray:
    """(3,) unit, upwards: what the rig says, else the mean of what its images show as up."""
    if rig.up_axis is not None:
        return axis_direction(rig.up_axis)
    up = -rig.cameras.cam_from_world.rotation[:, 1].mean(0).numpy()
    return up / max(float(np.linalg.norm(up)), 1e-9)


def find_ground(seen: np.ndarray, centres: np.ndarray, up: np.ndarray) -> Ground:
    """The floor of a scene.

    Args:
        seen: (N, 3) points of people, without NaN.
        centres: (V, 3) of the cameras.
        up: (3,) unit. One of both has points.
    """
    side = np.eye(3)[int(np.abs(up).argmin())]
    first = np.cross(up, side) / np.linalg.norm(np.cross(up, side))
    across = np.stack([first, np.cross(up, first)])
    around = seen if len(seen) else centres
    heights = around @ up
    lowest = float(np.percentile(heights, 1))
    # A world whose floor was set has it at zero; the lowest joints (ankles) lie a little above it.
    size = float(np.ptp(heights))
    floor = 0.0 if 0 <= lowest < 0.15 * size else lowest
    middle = np.median(np.concatenate([centres, around.mean(0, keepdims=True)]), axis=0)
    return Ground(middle + (floor - middle @ up) * up, up, across)


def viewing_direction(ground: Ground, centres: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The direction (3,) along the floor to look from.

    It lies in the middle of a wide gap between the cameras (V, 3), so that none is in the way; of
    several such gaps, the one from which the points `seen` (N, 3) spread the furthest sideways.
    """
    x, y = ground.across @ (centres - ground.origin).T
    angles = np.sort(np.arctan2(y, x))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    middles = (angles + 0.5 * gaps)[gaps > 0.6 * gaps.max()]
    directions = np.stack([np.cos(middles), np.sin(middles)], axis=-1) @ ground.across
    sideways = np.cross(directions, ground.up) @ (seen - ground.origin).T  # (gaps, N)
    spread = sideways.std(axis=1) if len(seen) else np.zeros(len(directions))
    return directions[spread.argmax()]


def without_strays(points: np.ndarray) -> np.ndarray:
    """The points (N, 3) but for the few far from all others, which would shrink the rest."""
    if not len(points):
        return points
    low, high = np.percentile(points, [1, 99], axis=0)
    margin = 0.5 * (high - low)
    return points[((points >= low - margin) & (points <= high + margin)).all(-1)]


def image_planes(rig: Rig, depth_m: float) -> np.ndarray:
    """Where the corners of the cameras' images lie in space, in front of them.

    Args:
        rig: V cameras.
        depth_m: how far ahead of them.

    Returns:
        (V, 2, 2, 3) rows and columns, from the upper left corner.
    """
    return _at_depth(rig, depth_m, np.array([0.0, 1.0]), np.array([0.0, 1.0]))


def image_pixels(rig: Rig, depth_m: float, size: Size) -> np.ndarray:
    """Where the pixels of the cameras' images, resized to a size (width, height), lie in space.

    Returns:
        (V, height, width, 3): where the rays of the pixels, bent by the lens, are at that depth.
    """
    across, down = ((np.arange(count) + 0.5) / count for count in size)
    return _at_depth(rig, depth_m, across, down)


def _at_depth(rig: Rig, depth_m: float, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """(V, len(down), len(across), 3) places in images, as parts of their sides, at a depth."""
    size_px = (2 * rig.cameras.K[:, :2, 2] + 1).numpy()
    for v, size in enumerate(rig.sizes):
        if size is not None:
            size_px[v] = size
    parts = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    pixels = parts * size_px[:, None] - 0.5
    origins, directions, _ = rig.cameras.rays(torch.from_numpy(pixels))
    axis = rig.cameras.cam_from_world.rotation[:, 2]
    ahead = (directions * axis[:, None]).sum(-1, keepdim=True).clamp_min(0.2)
    points = origins[:, None] + depth_m * directions / ahead
    return points.numpy().reshape(len(rig), len(down), len(across), 3)


def line_spacing(reach_m: float) -> float:
    """A round distance for lines on a floor that reaches so far to every side."""
    spacing = float(10 ** np.floor(np.log10(reach_m / 2)))
    return spacing * next(s for s in (5, 2, 1) if s * spacing <= reach_m / 5 or s == 1)


def floor_lines(ground: Ground, reach_m: float, spacing_m: float) -> np.ndarray:
    """(N, 2, 3) the ends of the lines of a round grid."""
    ticks = spacing_m * np.arange(-np.floor(reach_m / spacing_m), reach_m / spacing_m)
    half = np.sqrt(np.maximum(reach_m**2 - ticks**2, 0))
    along = np.stack([np.stack([ticks, sign * half], -1) for sign in (-1, 1)], 1)
    lines = np.concatenate([along, along[..., ::-1]])  # (N, 2 ends, 2)
    return ground.origin + lines @ ground.across
