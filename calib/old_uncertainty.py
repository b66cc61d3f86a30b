"""How far the old rig's cameras were right, as far as it matters for what a new recording shows.

New poses are found with the old lenses held. A lens that is a little off pushes them aside; but it
pushed the old ones too, so that most of it cancels. With S the slope of the new poses e by the held
lenses k, the difference of new and old poses has the covariance of the new ones, lenses held, and
on top that of e_old - S k_old.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from calib.camera_motion import motion_by_step
from calib.solution import Solution
from calib.space import vector_by_turn
from calib.uncertainty import pseudo_inverse

Pair = tuple[str, str]
_POSE = ("rx", "ry", "rz", "tx", "ty", "tz")


def pose_covariance(solution: Solution, names: Sequence[str]) -> Tensor:
    """The covariance (6V, 6V) of motions of some of a solution's cameras, its reference held."""
    rows = _motion_rows(solution, names)
    return rows @ torch.from_numpy(solution.covariance) @ rows.mT


def lens_slope(free: Solution, names: Sequence[str], lens: Sequence[Pair]) -> Tensor:
    """By how much the poses that a recording shows move with the lenses that are held, (6V, L).

    Args:
        free: a solution of the recording in which the lenses are refined too.
        names: V cameras.
        lens: L pairs of a camera and a parameter of its lens.
    """
    covariance = torch.from_numpy(free.covariance)
    at = _places(free, lens)
    across = _motion_rows(free, names) @ covariance[:, at]
    return across @ pseudo_inverse(covariance[at][:, at])


def old_covariance(
    old: Solution, names: Sequence[str], lens: Sequence[Pair], slope: Tensor
) -> Tensor:
    """The covariance (6V, 6V) of e_old - S k_old, see above.

    Args:
        old: the old rig's solution.
        names: V cameras.
        lens: L pairs of a camera and a parameter of its lens, which the two have in common.
        slope: (6V, L).
    """
    rows = _motion_rows(old, names)
    rows[:, _places(old, lens)] -= slope
    return rows @ torch.from_numpy(old.covariance) @ rows.mT


def lens_parameters(solution: Solution, names: Sequence[str]) -> list[Pair]:
    """The parameters of some cameras' lenses, in the solution's order."""
    return [
        (camera, name)
        for camera, name in solution.parameters
        if camera in names and name not in _POSE
    ]


def _places(solution: Solution, pairs: Sequence[Pair]) -> list[int]:
    places = {pair: number for number, pair in enumerate(solution.parameters)}
    return [places[pair] for pair in pairs]


def _motion_rows(solution: Solution, names: Sequence[str]) -> Tensor:
    """The derivative of the cameras' motions by the solution's parameters, (6V, P)."""
    rig = solution.rig
    pose = rig.cameras.cam_from_world
    reference_from_world = pose[rig.names.index(solution.reference)]
    back = reference_from_world.rotation.mT
    step = motion_by_step(pose @ reference_from_world.inverse())
    rows = torch.zeros(len(names), 6, len(solution.parameters), dtype=back.dtype)
    for number, name in enumerate(names):
        if name == solution.reference:
            continue
        at = _places(solution, [(name, key) for key in _POSE])
        own = step[rig.names.index(name)].clone()
        vector = torch.from_numpy(solution.values[at[:3]])
        own[:, :3] = own[:, :3] @ torch.linalg.inv(vector_by_turn(vector))
        own[3:] = back @ own[3:]
        rows[number, :, at] = own
    return rows.flatten(0, 1)
