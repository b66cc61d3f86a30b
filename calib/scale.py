"""How long a metre is in a rig that was found from images alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from calib.joint_bundle import Fit
from calib.joint_uncertainty import Known
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.skeleton import joint_places

_LEAST_FRAMES = 10


@dataclass(frozen=True)
class Baseline:
    """The distance between two cameras' centres of projection.

    Attributes:
        camera_a: name.
        camera_b: name.
        length_m: metres.
    """

    camera_a: str
    camera_b: str
    length_m: float

    def __post_init__(self) -> None:
        """Refuse what no distance is."""
        _check_length(self.length_m, f"between {self.camera_a!r} and {self.camera_b!r}")
        if self.camera_a == self.camera_b:
            raise InputError(f"a baseline takes two cameras, not {self.camera_a!r} twice")


@dataclass(frozen=True)
class Limb:
    """The distance between two joints of a person.

    Attributes:
        joint_a: number, or name where the joints have names.
        joint_b: likewise.
        length_m: metres.
    """

    joint_a: int | str
    joint_b: int | str
    length_m: float

    def __post_init__(self) -> None:
        """Refuse what no limb is."""
        _check_length(self.length_m, f"from {self.joint_a} to {self.joint_b}")
        if self.joint_a == self.joint_b:
            raise InputError(f"a limb takes two joints, not {self.joint_a} twice")


Scale = Literal["rig"] | Baseline | Limb


@dataclass(frozen=True)
class Measured:
    """A scale, and what it holds.

    Attributes:
        factor: from the fit's unit to metres.
        sigma: standard deviation of the factor's logarithm, beyond that of the cameras.
        row: (6V,) whose product with the cameras' motions the scale keeps at zero.
        text: for people.
    """

    factor: float
    sigma: float
    row: Tensor
    text: str


def scaled(fit: Fit, known: Known, scale: Scale, rig: Rig, joint_names: Sequence[str]) -> Measured:
    """The scale that a fit is to have.

    Args:
        fit: cameras and points in a unit of their own.
        known: how the points follow the cameras.
        scale: what is known.
        rig: as it was given, for "rig" and for names.
        joint_names: J names.
    """
    match scale:
        case Baseline():
            return _from_baseline(fit, scale, rig)
        case Limb():
            return _from_limb(fit, known, scale, joint_names)
        case "rig":
            return _from_rig(fit, rig)
    raise InputError(f"scale must be 'rig', a Baseline or a Limb, not {scale!r}")


def _from_baseline(fit: Fit, scale: Baseline, rig: Rig) -> Measured:
    views = []
    for name in (scale.camera_a, scale.camera_b):
        if name not in rig.names:
            raise InputError(f"scale: no camera {name!r} in the rig; it has {', '.join(rig.names)}")
        views.append(rig.names.index(name))
    a, b = views
    centre = fit.camera.centre_world
    apart = centre[b] - centre[a]
    length = float(apart.norm())
    if length < 1e-9:
        raise InputError(f"scale: {scale.camera_a!r} and {scale.camera_b!r} stand at one place")
    row = torch.zeros(len(centre), 6, dtype=centre.dtype)
    row[a, 3:], row[b, 3:] = -apart / length**2, apart / length**2
    text = f"{scale.camera_a} and {scale.camera_b} are {scale.length_m:g} m apart"
    return Measured(scale.length_m / length, 0.0, row.flatten(), text)


def _from_rig(fit: Fit, rig: Rig) -> Measured:
    """The median over pairs of cameras: those that moved have little say."""
    old, new = rig.cameras.centre_world, fit.camera.centre_world
    return Measured(scale_factor(new, old), 0.0, scale_row(new), "as the given poses have it")


def scale_factor(centre: Tensor, centre_m: Tensor) -> float:
    """From the unit of camera centres (V, 3) to metres, where they should be at others."""
    first, second = torch.triu_indices(len(centre), len(centre), 1)
    apart_m = (centre_m[first] - centre_m[second]).norm(dim=-1)
    apart = (centre[first] - centre[second]).norm(dim=-1)
    counted = (apart_m > 1e-6) & (apart > 1e-9)
    return float((apart_m[counted] / apart[counted]).median()) if bool(counted.any()) else 1.0


def scale_row(centre: Tensor) -> Tensor:
    """(6V,) whose product with the cameras' motions is the growth of the rig, as a part of it."""
    arm = centre - centre.mean(0)
    row = torch.zeros(len(centre), 6, dtype=centre.dtype)
    row[:, 3:] = arm / arm.square().sum()
    return row.flatten()


def _from_limb(fit: Fit, known: Known, scale: Limb, joint_names: Sequence[str]) -> Measured:
    """The median over frames; how much the frames differ is how far it can be trusted."""
    a, b = (_joint(joint, joint_names) for joint in (scale.joint_a, scale.joint_b))
    count = len(joint_names)
    place = torch.full((int(fit.index.max()) // count + 1, count), -1)
    place[fit.index // count, fit.index % count] = torch.arange(len(fit.index))
    both = place[(place[:, a] >= 0) & (place[:, b] >= 0)]
    if len(both) < _LEAST_FRAMES:
        raise InputError(
            f"scale: {scale.joint_a} and {scale.joint_b} are both known in {len(both)} frames, and "
            f"it takes {_LEAST_FRAMES}: take joints that are seen more often"
        )
    apart = fit.points_world[both[:, b]] - fit.points_world[both[:, a]]
    length = apart.norm(dim=-1)
    usual = length.median()
    spread = 1.4826 * (length - usual).abs().median() / usual
    direction = apart / length.clamp_min(1e-9)[:, None] / usual
    follows = known.point_gain[both[:, b]] - known.point_gain[both[:, a]]  # (F, 3, 6V)
    row = (direction[:, None] @ follows)[:, 0].mean(0)
    text = f"{scale.joint_a} and {scale.joint_b} are {scale.length_m:g} m apart"
    return Measured(scale.length_m / float(usual), float(spread), row, text)


def _joint(joint: int | str, joint_names: Sequence[str]) -> int:
    names = list(joint_names)
    if isinstance(joint, str):
        place = int(joint_places([joint], names)[0])
        if place < 0:
            raise InputError(f"scale: no joint {joint!r}; there are {', '.join(names)}")
        return place
    if not 0 <= joint < len(names):
        raise InputError(f"scale: no joint {joint}; there are {len(names)}, counted from 0")
    return joint


def _check_length(length_m: float, what: str) -> None:
    if not 1e-3 <= length_m <= 1e4:
        raise InputError(f"a length of {length_m:g} m {what} cannot be: lengths are in metres")
