"""From a recording's keypoints to one person's joints, and to a rig.

Detectors list the people of each view in an order of their own. Before the cameras are known, the
surest person of each view is taken; once they are, the one on whom the views agree
(`triangulate.people.association`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from calib.scale import Scale
from calib.selfcalibration import SelfCalibration, Start, moved_from, selfcalibrate
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.people.association import one_person
from triangulate.recording.sizes import fit_rig_to_keypoints
from triangulate.rig import Rig
from triangulate.sync.keypoints import at_frame_times

_CHOICES = 3  # of the person, each with the cameras that the one before gave
_SAME = 0.98  # of the views: the choice has settled


def selfcalibrate_people(
    keypoints: Keypoints2D,
    rig: Rig,
    *,
    scale: Scale = "rig",
    start: Start = "auto",
    on_size_mismatch: str = "crop",
    seed: int = 0,
) -> SelfCalibration:
    """`calib.selfcalibration.selfcalibrate` for what a detector wrote.

    Args:
        keypoints: of the rig's cameras or more of them, several people a view.
        rig: as calibrated, also where the videos were resized or cut since.
        scale: as in `selfcal`; the joints of a `Limb` go by name.
        start: as in `selfcal`.
        on_size_mismatch: see `triangulate.recording.sizes.fit_rig`.
        seed: of the samples that are drawn.

    Returns:
        The result, its rig with the lenses and image sizes of the given one.
    """
    in_images, seen, notes = as_images(rig, keypoints, on_size_mismatch)
    settings: dict[str, Any] = {"scale": scale, "seed": seed}
    settings["joint_names"] = seen.skeleton.joint_names
    person = surest_person(seen)
    found = selfcalibrate(*arrays_of(person), in_images, start=start, **settings)
    began = found.start
    for _ in range(_CHOICES):
        agreed = one_person(seen, found.rig)
        if _same_views(agreed, person) >= _SAME:
            break
        person = agreed
        found = selfcalibrate(*arrays_of(person), found.rig, **settings)
    pose = found.rig.cameras.cam_from_world
    shift_m, turn_deg = moved_from(rig, pose)
    cameras = replace(rig.cameras, cam_from_world=pose)
    now = replace(found.rig, cameras=cameras, sizes=rig.sizes, notes=(*found.rig.notes, *notes))
    return replace(found, rig=now, start=began, shift_m=shift_m, turn_deg=turn_deg)


def as_images(
    rig: Rig, keypoints: Keypoints2D, on_size_mismatch: str = "crop"
) -> tuple[Rig, Keypoints2D, list[str]]:
    """The rig as the keypoints' images show it, its keypoints, and notes."""
    seen = keypoints.select_cameras(rig.names)
    if not (seen.confidence > 0).any():
        raise InputError(
            f"nobody was found in any view ({keypoints.source or 'arrays'}): film people where "
            "several cameras see them"
        )
    in_images, notes = fit_rig_to_keypoints(rig, seen, on_size_mismatch)
    return in_images, seen, notes


def surest_person(keypoints: Keypoints2D) -> Keypoints2D:
    """In each view and frame, the person with the highest confidence (P = 1)."""
    surest = keypoints.confidence.sum(-1).argmax(-1)[..., None, None]  # (T, V, 1, 1)
    return replace(
        keypoints,
        points_px=np.take_along_axis(keypoints.points_px, surest[..., None], axis=2),
        confidence=np.take_along_axis(keypoints.confidence, surest, axis=2),
    )


def agreed_person(keypoints: Keypoints2D, rig: Rig) -> Keypoints2D:
    """The person on whom the views agree (P = 1); the surest where a view agrees on nobody.

    A camera that moved agrees with the others on nobody, and is the one that is looked for.
    """
    agreed, surest = one_person(keypoints, rig), surest_person(keypoints)
    there = np.asarray((agreed.confidence > 0).any(-1, keepdims=True))  # (T, V, 1, 1)
    return replace(
        agreed,
        points_px=np.where(there[..., None], agreed.points_px, surest.points_px),
        confidence=np.where(there, agreed.confidence, surest.confidence),
    )


def arrays_of(person: Keypoints2D) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, V, J, 2) and confidence (T, V, J) of one person, at the frames' times."""
    moved = at_frame_times(person)
    return moved.points_px[:, :, 0], moved.confidence[:, :, 0]


def _same_views(one: Keypoints2D, other: Keypoints2D) -> float:
    """The part of the views and frames that hold the same detection."""
    same = (one.confidence == other.confidence).all((-2, -1))
    return float(same.mean())
