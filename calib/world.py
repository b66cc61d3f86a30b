"""The world of a rig: where its origin is, which way its axes point, and how long a metre is.

A calibration leaves all of that open. Each function here settles it, as a new rig whose up axis is
set and whose notes say what was chosen; an earlier choice's note goes. What has no frame of its own
is told which way is up by the cameras: they are above the floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from calib.floor import LEAST_SPREAD, axes_on, plane_through, spread_of, toward_cameras
from triangulate.errors import InputError
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.similarity import align
from triangulate.rig import UP_AXES, Rig

WORLD_NOTE, SCALE_NOTE = "world: ", "scale: "
"""How the notes begin that say where the world and its scale come from."""

_UPRIGHT_RAD = np.deg2rad(30.0)  # an axis of a camera's frame that is nearer to up than this is up


def in_world(rig: Rig, world_from_old: Rigid, *, up_axis: str | None, note: str) -> Rig:
    """The same cameras in another world.

    Args:
        rig: the cameras in the old world.
        world_from_old: float64, no leading dims.
        up_axis: what points up in the new world.
        note: says how the world was chosen; takes the place of an earlier such note.
    """
    moved = rig.cameras.cam_from_world @ world_from_old.inverse()
    cameras = replace(rig.cameras, cam_from_world=moved)
    notes = _noted(rig, WORLD_NOTE, note)
    return replace(rig, cameras=cameras, up_axis=up_axis, notes=notes)


def from_reference_camera(rig: Rig, name: str) -> Rig:
    """The world is a camera's own frame: x right, y down, z forward.

    What points up is told where it was known before, and one of the camera's axes is near it.
    """
    view = _view(rig, name)
    cam_from_old = rig.cameras.cam_from_world[view]
    up_axis, known = None, "what points up is not known"
    if rig.up_axis is not None:
        up_cam = cam_from_old.rotation.numpy() @ axis_vector(rig.up_axis)
        nearest = max(UP_AXES, key=lambda axis: float(up_cam @ axis_vector(axis)))
        known = "none of its axes points up"
        if up_cam @ axis_vector(nearest) > np.cos(_UPRIGHT_RAD):
            up_axis, known = nearest, f"{nearest} is roughly up"
    note = f"the frame of camera {name!r} (x right, y down, z forward; {known})"
    return in_world(rig, cam_from_old, up_axis=up_axis, note=note)


def from_floor_board(
    rig: Rig,
    old_from_board_rotation: np.ndarray,
    old_from_board_translation_m: np.ndarray,
    target_m: np.ndarray,
    thickness_m: float = 0.0,
    what: str = "the board lying on the floor",
) -> Rig:
    """The floor is what a board lies on: origin at the board's, x along its columns, z up.

    A board that lies with its print up has its own z into the floor, one whose points are seen
    through it has it up: the cameras, which are above the floor, tell.

    Args:
        rig: the cameras.
        old_from_board_rotation: (3, 3), or (K, 3, 3) where the board lay in several places of the
            same floor: the floor goes through all of them, the rest is of the first.
        old_from_board_translation_m: (3,) or (K, 3).
        target_m: (N, 3) the board's points.
        thickness_m: how far the print lies above the floor.
        what: for the note and for errors.

    Raises:
        InputError: cameras on both sides of the board, or boards that lie on no common floor.
    """
    rotation = np.asarray(old_from_board_rotation, dtype=np.float64).reshape(-1, 3, 3)
    translation = np.asarray(old_from_board_translation_m, dtype=np.float64).reshape(-1, 3)
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
        raise InputError(f"{what}: its place is not known, because too few cameras saw it")
    points = np.asarray(target_m) @ np.swapaxes(rotation, -1, -2) + translation[:, None]
    return _on_floor(
        rig,
        points.reshape(-1, 3),
        origin=translation[0],
        toward_x=translation[0] + rotation[0, :, 0],
        height_m=thickness_m,
        what=what,
        note=f"origin and x of {what}, z up"
        + (f"; its print is {1000 * thickness_m:g} mm above the floor" if thickness_m else ""),
    )


def from_points(
    rig: Rig, points_old: Mapping[str, np.ndarray], origin: str, x: str, floor: Sequence[str]
) -> Rig:
    """The floor through named points: one is the origin, x points to another, z is up.

    Args:
        rig: the cameras.
        points_old: (3,) each.
        origin: the name of the point at the origin.
        x: the name of the point that x points to.
        floor: names of further points on the floor, at least one.
    """
    names = list(dict.fromkeys([origin, x, *floor]))
    _check_named(names, points_old)
    if len(names) < 3:
        raise InputError("the floor needs three points: an origin, one along x, and another")
    return _on_floor(
        rig,
        np.array([points_old[name] for name in names]),
        origin=np.asarray(points_old[origin]),
        toward_x=np.asarray(points_old[x]),
        what=f"the floor through {', '.join(names)}",
        note=f"origin at {origin}, x to {x}, z up; floor through {', '.join(names)}",
    )


def from_floor_points(
    rig: Rig, points_old: np.ndarray, origin: np.ndarray | None = None, what: str = "the floor"
) -> Rig:
    """A floor through points (N, 3), at least three: z up, x as it was but along the floor.

    Args:
        rig: the cameras.
        points_old: (N, 3).
        origin: (3,), projected to the floor; the middle of the points by default.
        what: the points, for the note and for errors.
    """
    points = np.asarray(points_old, dtype=np.float64)
    start = points.mean(0) if origin is None else np.asarray(origin, dtype=np.float64)
    where = "over the middle of the points" if origin is None else "as told, taken to the floor"
    return _on_floor(rig, points, start, None, what, f"z up from {what}; origin {where}")


def from_known_points(
    rig: Rig,
    points_old: Mapping[str, np.ndarray],
    points_world: Mapping[str, np.ndarray],
    *,
    with_scale: bool = False,
    up_axis: str | None = "z",
) -> Rig:
    """The world in which named points have given coordinates, as well as they can (Umeyama).

    Args:
        rig: the cameras.
        points_old: (3,) each, where they are in the rig's world.
        points_world: (3,) each in metres, where they are to be; three or more, not in a line.
        with_scale: let the points set the scale too.
        up_axis: of the new world.
    """
    names = list(points_world)
    _check_named(names, points_old)
    old, new = (
        np.array([np.asarray(points[n]) for n in names]) for points in (points_old, points_world)
    )
    if len(names) < 3 or min(spread_of(old), spread_of(new)) < LEAST_SPREAD:
        raise InputError(
            f"known points {', '.join(names)}: three that do not lie in a line are needed"
        )
    found, _ = align(torch.from_numpy(old), torch.from_numpy(new), with_scale=with_scale)
    off_m = np.linalg.norm(found.apply(torch.from_numpy(old)).numpy() - new, axis=-1)
    extent_m = float(np.linalg.norm(new - new.mean(0), axis=-1).max())
    worst = int(off_m.argmax())
    if off_m[worst] > 0.2 * extent_m:
        raise InputError(
            f"known points: {names[worst]} is {off_m[worst]:.2f} m off where it should be: check "
            "the names and the coordinates" + ("" if with_scale else ", or the rig's scale")
        )
    scale = float(found.scale)
    rms_mm = 1000 * float(np.sqrt(np.square(off_m).mean()))
    if with_scale:
        rig = _stretched(rig, scale, f"known points {', '.join(names)} ({_times(scale)})")
    world_from_old = Rigid(found.rotation, found.translation)
    note = f"known points {', '.join(names)}, met to {rms_mm:.1f} mm (rms)"
    return in_world(rig, world_from_old, up_axis=up_axis, note=note)


def from_up(rig: Rig, up_old: Sequence[float] | np.ndarray, what: str = "") -> Rig:
    """A given direction (3,) is up, z; the origin stays, x is as it was but level."""
    up = np.asarray(up_old, dtype=np.float64)
    length = np.linalg.norm(up)
    if not (np.isfinite(length) and length > 1e-9):
        raise InputError("the direction that points up has no length")
    rotation = axes_on(up / length, None)
    note = f"z up along {what or ' '.join(f'{value:.4g}' for value in up)} of the world before"
    return in_world(
        rig, Rigid(*map(torch.from_numpy, (rotation, np.zeros(3)))), up_axis="z", note=note
    )


def scaled(
    rig: Rig,
    between: tuple[str, str],
    distance_m: float,
    points_old: Mapping[str, np.ndarray] | None = None,
) -> Rig:
    """The rig stretched so that two cameras, or two named points, are a known distance apart."""
    places = dict(zip(rig.names, rig.cameras.centre_world.numpy(), strict=True))
    places |= {name: np.asarray(point) for name, point in (points_old or {}).items()}
    for name in between:
        if name not in places:
            raise InputError(f"no camera or point {name!r}; there are {', '.join(places)}")
    first, second = between
    now_m = float(np.linalg.norm(places[first] - places[second]))
    if not (np.isfinite(distance_m) and distance_m > 0):
        raise InputError(f"the distance from {first} to {second} must be positive")
    if now_m < 1e-9:
        raise InputError(f"{first} and {second} are in the same place: take two that are apart")
    scale = distance_m / now_m
    return _stretched(rig, scale, f"{first} to {second} is {distance_m:g} m ({_times(scale)})")


def axis_vector(axis: str) -> np.ndarray:
    """(3,) of "x", "-y", ..."""
    return (-1.0 if axis.startswith("-") else 1.0) * np.eye(3)["xyz".index(axis[-1])]


def _on_floor(
    rig: Rig,
    points_old: np.ndarray,
    origin: np.ndarray,
    toward_x: np.ndarray | None,
    what: str,
    note: str,
    height_m: float = 0.0,
) -> Rig:
    """The plane through the points (N, 3) at z = height_m, with the cameras above it."""
    middle, normal = plane_through(points_old, what)
    up = toward_cameras(rig, middle, normal, what)
    start = origin - ((origin - middle) @ up) * up
    if toward_x is not None:
        along = toward_x - start - ((toward_x - start) @ up) * up
        if np.linalg.norm(along) < 1e-6:
            raise InputError(f"{what}: the origin and the point along x are in the same place")
        rotation = axes_on(up, along)
    else:
        rotation = axes_on(up, None)
    translation = np.array([0.0, 0.0, height_m]) - rotation @ start
    world_from_old = Rigid(torch.from_numpy(rotation), torch.from_numpy(translation))
    return in_world(rig, world_from_old, up_axis="z", note=note)


def _stretched(rig: Rig, scale: float, note: str) -> Rig:
    pose = rig.cameras.cam_from_world
    cameras = replace(rig.cameras, cam_from_world=Rigid(pose.rotation, scale * pose.translation))
    return replace(rig, cameras=cameras, notes=_noted(rig, SCALE_NOTE, note))


def _times(scale: float) -> str:
    return f"all lengths times {scale:.6g}"


def _noted(rig: Rig, begin: str, note: str) -> tuple[str, ...]:
    return (*(old for old in rig.notes if not old.startswith(begin)), begin + note)


def _view(rig: Rig, name: str) -> int:
    if name not in rig.names:
        raise InputError(f"no camera {name!r} in the rig; it has {', '.join(rig.names)}")
    return rig.names.index(name)


def _check_named(names: Sequence[str], points: Mapping[str, np.ndarray]) -> None:
    missing = [name for name in names if name not in points]
    if missing:
        raise InputError(f"no point {', '.join(map(repr, missing))}; there are {', '.join(points)}")
