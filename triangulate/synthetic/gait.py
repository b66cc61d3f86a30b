"""Where a walker's feet are: a path on the floor, footprints along it, and the foot's roll.

The walker follows the path at constant speed. Each foot rests on its footprint for `STANCE` of the
cycle, then swings to the next one. A cycle starts when the heel touches the floor; the roll over
heel and toes follows Perry & Burnfield, "Gait Analysis" (2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

STANCE = 0.6
"""The part of a foot's cycle that it spends on the floor."""

UNDER = 0.26
"""Where in its cycle the foot lies below the pelvis: it reaches further ahead than it trails."""

_CLEARANCE = 0.02
"""How far a swinging foot is lifted beyond its roll, in body heights."""

_PITCH = {0.0: -0.3, 0.1: 0.0, 0.36: 0.0, 0.5: 0.25, 0.6: 0.7, 0.7: 0.8, 0.9: -0.2, 1.0: -0.3}
"""The foot's angle to the floor over the cycle, radians; positive: heel up."""


@dataclass(frozen=True)
class FloorPath:
    """A closed curve on the floor, sampled densely and addressed by the length walked along it.

    Attributes:
        length_m: (N,) rising from 0 to the length of the whole curve.
        points_m: (N, 2); the last one is the first one.
        heading_rad: (N,) direction of travel, unwrapped.
    """

    length_m: np.ndarray
    points_m: np.ndarray
    heading_rad: np.ndarray

    def at(self, walked_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (*B, 2) and headings (*B,) at the lengths `walked_m` (*B,), laps included.

        The heading keeps rising or falling from lap to lap, so that it never jumps.
        """
        laps, rest = np.divmod(walked_m, self.length_m[-1])
        columns = [np.interp(rest, self.length_m, column) for column in self.points_m.T]
        turn_rad = self.heading_rad[-1] - self.heading_rad[0]
        heading = np.interp(rest, self.length_m, self.heading_rad) + laps * turn_rad
        return np.stack(columns, axis=-1), heading


def figure_eight(half_length_m: float, direction_rad: float = 0.0) -> FloorPath:
    """Bernoulli's lemniscate around the origin; the tightest turn has half_length_m / 3."""
    u = np.linspace(0, 2 * np.pi, 8193)
    below = 1 + np.sin(u) ** 2
    flat = half_length_m * np.stack([np.cos(u), np.sin(u) * np.cos(u)], axis=-1) / below[:, None]
    c, s = np.cos(direction_rad), np.sin(direction_rad)
    points = flat @ np.array([[c, s], [-s, c]])
    slope = np.gradient(points, axis=0)
    slope[[0, -1]] = points[1] - points[-2]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    return FloorPath(length, points, np.unwrap(np.arctan2(slope[:, 1], slope[:, 0])))


@dataclass(frozen=True)
class Foot:
    """One side's foot over time, as seen from the ankle.

    Attributes:
        ankle_m: (T, 3) world.
        heading_rad: (T,) direction of the toes.
        pitch_rad: (T,) positive: heel up.
    """

    ankle_m: np.ndarray
    heading_rad: np.ndarray
    pitch_rad: np.ndarray


@dataclass(frozen=True)
class FootShape:
    """A foot from the side, metres from the ankle's foot point on the floor.

    Attributes:
        ankle_height_m: the ankle above the sole.
        heel_m: the heel behind the ankle.
        toe_m: the toe joint that the foot rolls over, before the ankle.
    """

    ankle_height_m: float
    heel_m: float
    toe_m: float

    def rolled(self, pitch_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the ankle moves forward and up when the foot rolls, (*B,) each.

        It turns about the toes with the heel up and about the heel with the toes up; around zero
        the two pass smoothly into each other, and at zero both are exactly nothing.
        """
        smooth_rad = 0.03
        size = np.hypot(pitch_rad, smooth_rad)
        heel_up = 0.5 * (pitch_rad + size - smooth_rad)
        toes_up = 0.5 * (size - smooth_rad - pitch_rad)
        h = self.ankle_height_m
        forward = (1 - np.cos(heel_up)) * self.toe_m + np.sin(heel_up) * h
        forward -= (1 - np.cos(toes_up)) * self.heel_m + np.sin(toes_up) * h
        up = np.sin(heel_up) * self.toe_m - (1 - np.cos(heel_up)) * h
        up += np.sin(toes_up) * self.heel_m - (1 - np.cos(toes_up)) * h
        return forward, up


def foot_pitch(cycle: np.ndarray) -> np.ndarray:
    """The foot's pitch (radians) at the cycle's phase, whole cycles counting as 0."""
    phases, angles = np.array(list(_PITCH)), np.array(list(_PITCH.values()))
    keys = np.concatenate([phases[:-1] - 1, phases[:-1], phases + 1])
    values = np.concatenate([angles[:-1], angles[:-1], angles])
    return PchipInterpolator(keys, values)(np.mod(cycle, 1.0))


def walking_foot(
    path: FloorPath,
    cycle: np.ndarray,
    phase: float,
    side_m: float,
    stride_m: float,
    shape: FootShape,
    height_m: float,
) -> Foot:
    """One foot of a walker who has walked (cycle - phase) * stride_m along the path.

    Args:
        path: where the walker's middle goes.
        cycle: (T,) this foot's cycles so far, rising.
        phase: the cycle at the path's start.
        side_m: footprints lie this far to the left of the path (negative: to the right).
        stride_m: length of a whole cycle.
        shape: the foot.
        height_m: of the walker.
    """
    index = np.floor(cycle)
    below = index + UNDER
    prints_m, headings = zip(
        *(_footprint(path, (below + k - phase) * stride_m, side_m) for k in (0, 1)),
        strict=True,
    )
    u = np.clip((cycle - index - STANCE) / (1 - STANCE), 0, 1)
    ease = u**2 * (3 - 2 * u)
    heading = headings[0] + ease * (headings[1] - headings[0])
    flat = prints_m[0] + ease[:, None] * (prints_m[1] - prints_m[0])
    pitch = foot_pitch(cycle)
    forward, up = shape.rolled(pitch)
    up = up + shape.ankle_height_m + _CLEARANCE * height_m * np.sin(np.pi * u) ** 2
    across = flat + forward[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return Foot(np.concatenate([across, up[:, None]], axis=-1), heading, pitch)


def _footprint(
    path: FloorPath, walked_m: np.ndarray, side_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """The point below the ankle (T, 2) and the heading (T,) of flat feet beside the path."""
    point, heading = path.at(walked_m)
    left = np.stack([-np.sin(heading), np.cos(heading)], axis=-1)
    return point + side_m * left, heading
