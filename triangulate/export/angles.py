"""Joint angles of a person as CSV, in degrees.

All follow from joint positions alone. With the axes of a segment forward f, left l and up u, and
the direction d of a limb that leaves it, flexion is atan2(d.f, -d.u) and abduction asin(d.l) on the
left side, asin(-d.l) on the right: the first two turns of the joint coordinate system that the ISB
recommends (Grood & Suntay 1983; Wu et al. 2002). A turn about a limb's own axis shows in no joint,
so there are none. Signs and zeros, on both sides alike:

    knee_flexion       180 less the angle at the knee between hip and ankle; 0: straight
    elbow_flexion      180 less the angle at the elbow between shoulder and wrist; 0: straight
    ankle_dorsiflexion 90 less the angle between shank (ankle to knee) and foot (heel to big toe,
                       or ankle to toe where there is no heel, which shifts the zero); toes up: +
    hip_flexion        thigh against the pelvis, forward +, and
    hip_abduction      outward +; pelvis: l along the hips, u the trunk's part across l
    shoulder_flexion   upper arm against the trunk, forward +, and
    shoulder_abduction outward +; trunk: u from the middle of the hips to that of the shoulders, l
                       the shoulders' part across u
    shoulder_elevation the angle between the upper arm and the trunk's -u (Wu et al. 2005)
    neck_flexion       middle of the ears (or head, or nose) seen from the middle of the shoulders,
                       against the trunk: atan2(d.f, d.u), forward +; the ears, and more so a nose,
                       lie ahead of the neck, so that the zero is not upright
    neck_bend          asin(d.l), to the left +
    trunk_flexion      the trunk's u against the vertical, seen from a pelvis turned level: forward
                       +, and
    trunk_bend         to the left +; both need the rig's up axis
    trunk_rotation     the shoulders' line against the hips', about the trunk's u; left shoulder
                       ahead: -

Where a limb points along l to within 10 degrees its flexion says nothing, and is left empty.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.export.axes import in_axes
from triangulate.export.gaps import listed
from triangulate.export.landmarks import Landmarks
from triangulate.export.options import USUAL, ExportOptions, Up
from triangulate.export.timing import timing
from triangulate.files import atomic_path
from triangulate.poses import Poses3D

_LEVEL = math.cos(math.radians(10))
_SIDES = (("left", 1.0), ("right", -1.0))
_TOES = ("big_toe", "foot_index", "toe", "small_toe")
_OF_SIDE = (
    "hip_flexion",
    "hip_abduction",
    "knee_flexion",
    "ankle_dorsiflexion",
    "shoulder_flexion",
    "shoulder_abduction",
    "shoulder_elevation",
    "elbow_flexion",
)
_OF_MIDDLE = ("neck_flexion", "neck_bend", "trunk_flexion", "trunk_bend", "trunk_rotation")


def write_angles(
    poses: Poses3D, path: str | Path, options: ExportOptions = USUAL
) -> tuple[str, ...]:
    """Write a row a frame and person: frame, time_s, person, `left_knee_flexion_deg`, ...

    Angles that the skeleton lacks a joint for have no column; what is missing in a frame is empty.

    Returns:
        Which angles are left out, for people.

    Raises:
        InputError: the skeleton has the joints of none.
    """
    angles = joint_angles(poses)
    if not angles:
        raise InputError(
            "angles: none can be told from the joints "
            f"{listed(poses.skeleton.joint_names)}; they need left_hip, left_knee, left_ankle, ..."
        )
    when = timing(poses)
    frames = np.asarray(poses.frames)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        names = [f"{name}_deg" for name in angles]
        out.write(",".join(["frame", "time_s", "person", *names]) + "\n")
        table = np.stack(list(angles.values()), axis=-1)  # (T, P, angles)
        for row, person in np.ndindex(table.shape[:2]):
            cells = ["" if math.isnan(x) else f"{x:.4f}" for x in table[row, person].tolist()]
            time_s = f"{when.time_s[row]:.6f}" if when.is_known else ""
            out.write(",".join([str(frames[row]), time_s, str(person), *cells]) + "\n")
    return _notes(poses, set(angles))


def _notes(poses: Poses3D, written: set[str]) -> tuple[str, ...]:
    wanted = [f"{side}_{name}" for side, _ in _SIDES for name in _OF_SIDE]
    wanted += _OF_MIDDLE
    of_vertical = {"trunk_flexion", "trunk_bend"} if poses.up_axis is None else set()
    absent = [name for name in wanted if name not in written | of_vertical]
    notes = []
    if absent:
        notes.append(f"angles: the skeleton has not the joints for {listed(absent)}")
    if of_vertical:
        notes.append(
            "angles: the rig does not say which way is up, so there is no lean of the trunk"
        )
    return tuple(notes)


def joint_angles(poses: Poses3D) -> dict[str, np.ndarray]:
    """Name -> (T, P) degrees, NaN where a joint is missing; see the module for definitions."""
    points, up_axis = in_axes(poses.positions_m, poses.up_axis, Up.y)
    marks = Landmarks(poses.skeleton, points)
    pelvis, trunk = _segments(marks)
    found: dict[str, np.ndarray | None] = {}
    for side, sign in _SIDES:
        hip, knee, ankle, shoulder, elbow, wrist, heel = (
            marks.any_of(f"{side}_{name}")
            for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "heel")
        )
        toe = marks.any_of(*(f"{side}_{name}" for name in _TOES))
        limbs = {
            "hip": (pelvis, _direction(hip, knee)),
            "shoulder": (trunk, _direction(shoulder, elbow)),
        }
        for name, (segment, limb) in limbs.items():
            found[f"{side}_{name}_flexion"] = _flexion(segment, limb)
            found[f"{side}_{name}_abduction"] = _aside(segment, limb, sign)
        found[f"{side}_shoulder_elevation"] = _between(
            _direction(shoulder, elbow), None if trunk is None else -trunk[..., 2, :]
        )
        found[f"{side}_knee_flexion"] = _between(_direction(hip, knee), _direction(knee, ankle))
        found[f"{side}_elbow_flexion"] = _between(
            _direction(shoulder, elbow), _direction(elbow, wrist)
        )
        foot = _direction(ankle if heel is None else heel, toe)
        at_ankle = _between(_direction(ankle, knee), foot)
        found[f"{side}_ankle_dorsiflexion"] = None if at_ankle is None else 90 - at_ankle
    found |= _of_middle(marks, pelvis, trunk, has_vertical=up_axis is not None)
    order = [f"{side}_{name}" for side, _ in _SIDES for name in _OF_SIDE] + list(_OF_MIDDLE)
    return {name: value for name in order if (value := found[name]) is not None}


def _of_middle(
    marks: Landmarks, pelvis: np.ndarray | None, trunk: np.ndarray | None, *, has_vertical: bool
) -> dict[str, np.ndarray | None]:
    """The angles of neck and trunk."""
    head = marks.middle("ear")
    head = marks.any_of("head", "nose") if head is None else head
    neck = _direction(marks.middle("shoulder"), head)
    up = None if trunk is None else trunk[..., 2, :]
    level = _level(pelvis) if has_vertical else None
    found = {
        "neck_flexion": _flexion(trunk, neck, down=-1.0),
        "neck_bend": _aside(trunk, neck, 1.0),
        "trunk_flexion": _flexion(level, up, down=-1.0),
        "trunk_bend": _aside(level, up, 1.0),
        "trunk_rotation": None,
    }
    hips = _direction(marks.any_of("right_hip"), marks.any_of("left_hip"))
    if hips is not None and trunk is not None:
        found["trunk_rotation"] = np.degrees(
            np.arctan2(_dot(hips, trunk[..., 0, :]), _dot(hips, trunk[..., 1, :]))
        )
    return found


# --- Segments and directions ----------------------------------------------------------------------


def _segments(marks: Landmarks) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The axes of pelvis and trunk: (*B, 3, 3), rows forward, left, up; None without the joints."""
    hips = _direction(marks.any_of("right_hip"), marks.any_of("left_hip"))
    shoulders = _direction(marks.any_of("right_shoulder"), marks.any_of("left_shoulder"))
    up = _direction(marks.middle("hip"), marks.middle("shoulder"))
    if hips is None or shoulders is None or up is None:
        return None, None
    return _frame(hips, _across(up, hips)), _frame(_across(shoulders, up), up)


def _level(pelvis: np.ndarray | None) -> np.ndarray | None:
    """The axes of a pelvis turned level; the vertical is y."""
    if pelvis is None:
        return None
    up = np.broadcast_to([0.0, 1.0, 0.0], pelvis[..., 1, :].shape)
    return _frame(_across(pelvis[..., 1, :], up), up)


def _frame(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    return np.stack([np.cross(left, up), left, up], axis=-2)


def _across(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The unit part of vectors across a unit axis."""
    return _unit(vectors - _dot(vectors, axis)[..., None] * axis)


def _direction(start: np.ndarray | None, end: np.ndarray | None) -> np.ndarray | None:
    return None if start is None or end is None else _unit(end - start)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1; NaN where there is no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 1e-9, length, np.nan)


# --- Angles ---------------------------------------------------------------------------------------


def _flexion(
    segment: np.ndarray | None, limb: np.ndarray | None, down: float = 1.0
) -> np.ndarray | None:
    """atan2(d.f, -d.u), or with `down` -1 atan2(d.f, d.u)."""
    if segment is None or limb is None:
        return None
    forward, left, up = (_dot(limb, segment[..., axis, :]) for axis in range(3))
    angle = np.degrees(np.arctan2(forward, -down * up))
    return np.where(np.abs(left) > _LEVEL, np.nan, angle)


def _aside(segment: np.ndarray | None, limb: np.ndarray | None, sign: float) -> np.ndarray | None:
    if segment is None or limb is None:
        return None
    return np.degrees(np.arcsin(np.clip(sign * _dot(limb, segment[..., 1, :]), -1, 1)))


def _between(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    """The angle between unit vectors, exact near 0 and 180 too."""
    if a is None or b is None:
        return None
    return np.degrees(
        2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    )


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1)
