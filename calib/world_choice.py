"""A choice of world, as a user puts it, carried out on a rig or on a whole solution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calib.named_points import NamedPoints, triangulate_clicks
from calib.solution import Solution
from calib.world import (
    axis_vector,
    from_floor_board,
    from_floor_points,
    from_known_points,
    from_points,
    from_reference_camera,
    from_up,
    scaled,
)
from triangulate.errors import InputError
from triangulate.rig import UP_AXES, Rig

_LENGTHS = ("tx", "ty", "tz")  # of the parameters, what stretches with the rig


@dataclass(frozen=True)
class WorldChoice:
    """How the world is to be settled; one way at most, and the scale before it.

    Attributes:
        floor_frames: the target lay on the floor in these frames (numbers of the recording).
        thickness_m: how far the print was above the floor there.
        reference: the camera whose frame is the world.
        points: named points, and what is known of them.
        up: what points up in the world so far: "-y", "0,-1,0", or two named points, from and to.
        distance: two cameras or named points, and how far apart they are in metres.
    """

    floor_frames: tuple[int, ...] = ()
    thickness_m: float = 0.0
    reference: str | None = None
    points: NamedPoints | None = None
    up: str | None = None
    distance: tuple[str, str, float] | None = None

    @property
    def ways(self) -> list[str]:
        """The ways of choosing a world that are asked for, by their options' names."""
        asked = {
            "--floor-frame": bool(self.floor_frames),
            "--reference": self.reference is not None,
            "--up": self.up is not None,
            "--points": self.points is not None and self.points.settles_world,
        }
        return [option for option, is_asked in asked.items() if is_asked]


def settled(solution: Solution, choice: WorldChoice) -> Solution:
    """A solution in the world that was chosen.

    Raises:
        InputError: what is asked for is not there, or contradicts itself; one line.
    """
    solution = carried(solution, _at_distance(solution.rig, choice))
    if choice.floor_frames:
        return carried(solution, _on_floor_frames(solution, choice))
    return carried(solution, _settled_by_rig(solution.rig, choice))


def settled_rig(rig: Rig, choice: WorldChoice) -> Rig:
    """A rig alone in the world that was chosen; `floor_frames` need the solution."""
    if choice.floor_frames:
        raise InputError(
            "where the board lay is in the folder that 'calib solve' wrote (solution.npz): give "
            "that one instead of the rig"
        )
    return _settled_by_rig(_at_distance(rig, choice), choice)


def carried(solution: Solution, rig: Rig) -> Solution:
    """The solution with its rig in another world or of another scale: all lengths go along.

    Args:
        solution: before.
        rig: the solution's own cameras, moved as a whole and stretched.
    """
    before, after = (r.cameras.cam_from_world[0] for r in (solution.rig, rig))
    scale = _size(rig) / _size(solution.rig) if len(rig) > 1 else 1.0
    turn = (after.rotation.mT @ before.rotation).numpy()
    shift = after.rotation.mT @ (scale * before.translation - after.translation)
    poses = solution.world_from_target_translation_m @ turn.T
    stretch = np.array([scale if name in _LENGTHS else 1.0 for _, name in solution.parameters])
    return replace(
        solution,
        rig=rig,
        target_m=scale * solution.target_m,
        world_from_target_rotation=turn @ solution.world_from_target_rotation,
        world_from_target_translation_m=scale * poses + shift.numpy(),
        values=stretch * solution.values,
        covariance=stretch[:, None] * solution.covariance * stretch,
    )


def _size(rig: Rig) -> float:
    """The root mean square distance of the cameras from their middle."""
    centres = rig.cameras.centre_world
    return float((centres - centres.mean(0)).square().sum(-1).mean().sqrt())


def _at_distance(rig: Rig, choice: WorldChoice) -> Rig:
    if choice.distance is None:
        return rig
    first, second, distance_m = choice.distance
    return scaled(rig, (first, second), distance_m, _places(rig, choice))


def _places(rig: Rig, choice: WorldChoice) -> dict[str, np.ndarray]:
    return {} if choice.points is None else triangulate_clicks(rig, choice.points.clicks)


def _settled_by_rig(rig: Rig, choice: WorldChoice) -> Rig:
    """The ways that need the cameras alone."""
    if choice.reference is not None:
        return from_reference_camera(rig, choice.reference)
    if choice.up is not None:
        return from_up(rig, _direction(rig, choice, choice.up), choice.up)
    if choice.points is None or not choice.points.settles_world:
        return rig
    points, places = choice.points, _places(rig, choice)
    if points.world_m:
        world = {name: np.array(place) for name, place in points.world_m.items()}
        return from_known_points(rig, places, world)
    if points.origin is not None and points.x is not None:
        return from_points(rig, places, points.origin, points.x, points.floor)
    names = list(dict.fromkeys([*points.floor, *([points.origin] if points.origin else [])]))
    for name in names:
        if name not in places:
            raise InputError(f"no point {name!r}; there are {', '.join(places)}")
    return from_floor_points(
        rig,
        np.array([places[name] for name in names]),
        None if points.origin is None else places[points.origin],
        f"the floor through {', '.join(names)}",
    )


def _on_floor_frames(solution: Solution, choice: WorldChoice) -> Rig:
    """The floor that the target lay on in some frames."""
    frames = solution.observations.frames
    found = []
    for number in choice.floor_frames:
        (index,) = np.nonzero(frames == number)
        if not len(index):
            raise InputError(
                f"there is no frame {number}: the frames go from {frames[0]} to {frames[-1]}"
            )
        if np.isnan(solution.world_from_target_translation_m[index[0]]).any():
            raise InputError(
                f"frame {number}: where the board was is not known there, because too few of its "
                "points were seen: choose another"
            )
        found.append(index[0])
    many = "s" if len(found) > 1 else ""
    numbers = ", ".join(str(number) for number in choice.floor_frames)
    return from_floor_board(
        solution.rig,
        solution.world_from_target_rotation[found],
        solution.world_from_target_translation_m[found],
        solution.target_m,
        choice.thickness_m,
        f"the board lying in frame{many} {numbers}",
    )


def _direction(rig: Rig, choice: WorldChoice, up: str) -> np.ndarray:
    """What `up` says, (3,)."""
    if up in UP_AXES:
        return axis_vector(up)
    parts = [part.strip() for part in up.split(",")]
    if len(parts) == 3:
        try:
            return np.array([float(part) for part in parts])
        except ValueError:
            parts = []
    places = _places(rig, choice)
    if len(parts) == 2 and choice.points is not None:
        for name in parts:
            if name not in places:
                raise InputError(f"no point {name!r}; there are {', '.join(places)}")
        return places[parts[1]] - places[parts[0]]
    raise InputError(
        f"{up!r} is no direction: give an axis (-y), three numbers (0,-1,0), or two points of "
        "--points, the lower one first"
    )
