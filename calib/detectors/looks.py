"""Ways of looking at a picture: as it is, as a negative, in a mirror."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from calib.detectors import Sighting, find_target
from calib.targets import AprilGrid, Charuco, CircleGrid, Target


@dataclass(frozen=True)
class Look:
    """What is done to a picture before a target is looked for in it.

    Attributes:
        inverted: dark and bright are exchanged against what the target's description says.
        mirrored: left and right are exchanged: the target is seen from behind.
    """

    inverted: bool = False
    mirrored: bool = False


def looks_at(target: Target) -> tuple[Look, ...]:
    """The ways in which a target may have to be looked at, the usual one first.

    A chessboard is found in either colour, and from behind it looks like itself.
    """
    match target:
        case Charuco() | AprilGrid():
            return Look(), Look(inverted=True), Look(mirrored=True), Look(True, True)
        case CircleGrid():
            return Look(), Look(inverted=True)
        case _:
            return (Look(),)


def grey_of(image_rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H, W), both uint8."""
    return cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)


def prepared(grey: np.ndarray, target: Target, look: Look) -> np.ndarray:
    """The picture in which the target is dark on bright, and not mirrored, if `look` is right."""
    if look.inverted != is_inverted(target):
        grey = cv2.bitwise_not(grey)
    return cv2.flip(grey, 1) if look.mirrored else grey


def is_inverted(target: Target) -> bool:
    """Whether the target is described as bright on dark."""
    return isinstance(target, Charuco) and target.inverted


def see(grey: np.ndarray, target: Target, look: Look) -> Sighting | None:
    """The target's points in a picture (H, W), looked at in one way; pixels of the picture."""
    sighting = find_target(prepared(grey, target, look), target)
    if sighting is None or not look.mirrored:
        return sighting
    points_px = sighting.points_px.copy()
    points_px[:, 0] = grey.shape[1] - 1 - points_px[:, 0]
    return Sighting(points_px, sighting.spread)
