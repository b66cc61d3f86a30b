"""What people show of a rig's cameras: their poses found anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from calib.joint_bundle import fit_cameras
from calib.joint_uncertainty import known_from
from calib.joints import Joints
from calib.old_uncertainty import pose_covariance
from calib.people import agreed_person, arrays_of, as_images
from calib.rig_difference import Difference
from calib.scale import scale_row
from calib.solution import Solution
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig

# Sigmas of a joint: detectors are off for all joints of a view together. Chosen on one real
# recording, so that two detectors' keypoints of it name nobody.
_HARMLESS = 2.0


def keypoints_difference(
    before: Rig, keypoints: Keypoints2D, solution: Solution | None
) -> Difference:
    """What the people that a detector found show of the cameras.

    Args:
        before: the rig as it was calibrated, also where the videos were resized or cut since.
        keypoints: of some of its cameras.
        solution: where the rig comes from, if that is known.
    """
    unknown = [name for name in keypoints.names if name not in before.names]
    if unknown:
        raise InputError(
            f"the rig has no camera {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(before.names)}: name the keypoints after its cameras"
        )
    names = [name for name in before.names if name in keypoints.names]
    in_images, seen, notes = as_images(before.select(names), keypoints)
    person = agreed_person(seen, in_images)
    difference = people_difference(in_images, *arrays_of(person), solution)
    missing = [name for name in before.names if name not in names]
    if missing:
        notes.append(f"not checked, as there are no keypoints of them: {', '.join(missing)}")
    return replace(difference, notes=(*notes, *difference.notes))


def people_difference(
    before: Rig,
    points_px: np.ndarray,
    confidence: np.ndarray | None,
    solution: Solution | None,
) -> Difference:
    """What people show of the cameras.

    Args:
        before: the rig as it was.
        points_px: (T, V, J, 2), see `calib.selfcalibration.selfcal`.
        confidence: (T, V, J).
        solution: where the rig comes from, if that is known.
    """
    joints = Joints.of(points_px, confidence, before)
    fit = fit_cameras(joints, before.cameras)
    known = known_from(fit, joints.num_joints)
    held = torch.zeros(7, 6 * len(before), dtype=torch.float64)
    held[:6, :6] = torch.eye(6)
    held[6] = scale_row(fit.camera.centre_world)
    covariance = known.covariance(held)
    old, note = covariance, "the old rig is taken to be as uncertain as people leave the new one"
    if solution is not None:
        old, note = (
            pose_covariance(solution, before.names),
            "the old rig is as uncertain as it says",
        )
    sigma, _ = fit.belief.at(joints)
    typical = [sigma[v][joints.observed[v]].median() for v in range(len(before))]
    middle = fit.points_world.median(0).values
    return Difference(
        names=before.names,
        old=before,
        rig=replace(before, cameras=fit.camera),
        new_covariance=covariance,
        old_covariance=old,
        scale_free=True,
        away_m=float((fit.camera.centre_world - middle).norm(dim=-1).median()),
        view=fit.views.camera,
        points_px=fit.views.points_px[:, 0],
        points_world=fit.points_world[fit.views.target],
        sigma_px=torch.stack(typical),
        harmless=_HARMLESS,
        zoom=np.zeros(len(before)),
        zoom_sigma=np.full(len(before), np.nan),
        notes=(note, "focal lengths are not looked at: that takes a board"),
    )
