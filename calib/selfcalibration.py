"""Extrinsics without a board: people who move about are the target.

    keypoints -> Joints                 checked, thinned out                     joints.py
      -> start                          the rig as given, or essential matrices  essential_start.py
      -> fit_cameras                    noise, tracks, points and cameras        joint_bundle.py
      -> scale, world                   a length; where the given rig stood      camera_motion.py
      -> covariance                     joints as clusters                      joint_uncertainty.py

Intrinsics are taken as given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from calib.camera_motion import fitting_world, held_in_place, in_world, motions
from calib.essential_start import start_from_joints
from calib.joint_bundle import Fit, fit_cameras
from calib.joint_uncertainty import known_from
from calib.joints import Joints
from calib.scale import Baseline as Baseline
from calib.scale import Limb as Limb
from calib.scale import Scale, scaled
from calib.world import SCALE_NOTE, WORLD_NOTE
from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.threads import one_thread
from triangulate.keypoints import MIN_CONFIDENCE
from triangulate.rig import Rig

Start = Literal["auto", "rig", "essential"]
STARTS = get_args(Start)

_CLEARLY_BETTER = 0.8
_ROUGH_ROUNDS = 3
_MOST_MISFIT = 0.05  # of the image's longer side


@dataclass(frozen=True, eq=False)
class SelfCalibration:
    """What `selfcalibrate` found.

    Attributes:
        rig: the cameras, in the given rig's world where it has one.
        start: what it was found from, "rig" or "essential".
        shift_m: (V,) how far the centres lie from where the given rig has them; NaN without.
        turn_deg: (V,) likewise the axes.
        sigma_shift_m: (V,) standard deviation of a centre, all three directions together.
        sigma_turn_deg: (V,) likewise of the axes.
        residual_px: (V,) median distance of detections from their points' images.
    """

    rig: Rig
    start: str
    shift_m: np.ndarray
    turn_deg: np.ndarray
    sigma_shift_m: np.ndarray
    sigma_turn_deg: np.ndarray
    residual_px: np.ndarray


def selfcal(
    points_px: np.ndarray,
    confidence: np.ndarray | None,
    rig: Rig,
    *,
    scale: Scale = "rig",
    start: Start = "auto",
    joint_names: Sequence[str] | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    seed: int = 0,
) -> Rig:
    """Find or refine the extrinsics of a rig from 2D keypoints of people who move about.

    Args:
        points_px: (T, V, J, 2) distorted pixels, NaN where not seen; views in the rig's order. One
            person, or several whose joints follow each other, the same person in all views.
        confidence: (T, V, J) in [0, 1]; None: all alike.
        rig: its intrinsics are taken as they are. Where its cameras stand apart, their poses are
            where to start, and the world of the result.
        scale: how long a metre is: "rig" (as the given poses have it), a `Baseline` between two
            cameras, or a `Limb` between two joints.
        start: "rig", "essential" (the given poses are not started from), or "auto": both are
            tried, and the rig's is kept unless the other clearly fits better.
        joint_names: J names, for a `Limb` given by name.
        min_confidence: points below it are not used.
        seed: of the samples that are drawn.

    Returns:
        The rig; its notes say how far it is known. `selfcalibrate` returns that as numbers.

    Raises:
        InputError: arrays that do not fit the rig, cameras that share too little, no scale.
    """
    return selfcalibrate(
        points_px,
        confidence,
        rig,
        scale=scale,
        start=start,
        joint_names=joint_names,
        min_confidence=min_confidence,
        seed=seed,
    ).rig


@one_thread()
def selfcalibrate(
    points_px: np.ndarray,
    confidence: np.ndarray | None,
    rig: Rig,
    *,
    scale: Scale = "rig",
    start: Start = "auto",
    joint_names: Sequence[str] | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    seed: int = 0,
) -> SelfCalibration:
    """`selfcal`, with how far the result is known. Arguments are the same."""
    posed = has_poses(rig)
    _check_choice(start, scale, posed=posed)
    joints = Joints.of(points_px, confidence, rig, min_confidence)
    names = [str(j) for j in range(joints.num_joints)] if joint_names is None else joint_names
    generator = torch.Generator().manual_seed(seed)
    fit, began = _fitted(joints, rig, start if posed else "essential", generator)
    _check_fit(fit, rig)
    known = known_from(fit, joints.num_joints)
    measured = scaled(fit, known, scale, rig, names)
    camera = moved_scale(fit.camera, measured.factor)
    away_m = measured.factor * float(_distances(fit).median())
    old_from_new = _world(camera, rig, away_m, posed=posed)
    held = held_in_place(fit.camera.cam_from_world, away_m / measured.factor)
    covariance = known.covariance(torch.cat([held, measured.row[None]]))
    sigma_turn, sigma_shift = _sigmas(covariance, fit.camera, measured.sigma)
    camera = in_world(camera, old_from_new)
    shift_m, turn_deg = moved_from(rig, camera.cam_from_world)
    result = SelfCalibration(
        rig=replace(rig, cameras=camera, up_axis=rig.up_axis if posed else None, notes=()),
        start=began,
        shift_m=shift_m,
        turn_deg=turn_deg,
        sigma_shift_m=measured.factor * sigma_shift.numpy(),
        sigma_turn_deg=torch.rad2deg(sigma_turn).numpy(),
        residual_px=fit.residual_px().numpy(),
    )
    notes = _notes(result, rig, measured.text, posed=posed)
    return replace(result, rig=replace(result.rig, notes=notes))


def _check_choice(start: str, scale: Scale, *, posed: bool) -> None:
    """Refuse a start or a scale from poses that there are not."""
    if start not in STARTS:
        raise InputError(f"start must be one of {', '.join(STARTS)}, not {start!r}")
    if not posed and start == "rig":
        raise InputError(
            "the rig has no poses to start from (its cameras stand at one place): start='essential'"
        )
    if not posed and scale == "rig":
        raise InputError(
            "how long is a metre? The rig has no poses: give scale=Baseline(camera, camera, "
            "length_m) or Limb(joint, joint, length_m) (--distance, --limb)"
        )


def has_poses(rig: Rig) -> bool:
    """Whether the cameras stand anywhere: poses that were never found put all at one place."""
    return len(rig.coincident_cameras()) < len(rig) * (len(rig) - 1) // 2


def moved_from(rig: Rig, cam_from_world: Rigid) -> tuple[np.ndarray, np.ndarray]:
    """How far centres (metres) and axes (degrees) lie from those of a rig, (V,); NaN without."""
    off = motions(rig.cameras.cam_from_world, cam_from_world)
    off = off if has_poses(rig) else torch.full_like(off, torch.nan)
    return off[:, 3:].norm(dim=-1).numpy(), torch.rad2deg(off[:, :3].norm(dim=-1)).numpy()


def moved_scale(camera: Camera, factor: float) -> Camera:
    """The cameras in a world whose lengths are `factor` times as large."""
    pose = camera.cam_from_world
    return replace(camera, cam_from_world=Rigid(pose.rotation, factor * pose.translation))


def _fitted(joints: Joints, rig: Rig, start: str, generator: torch.Generator) -> tuple[Fit, str]:
    """The cameras from one start or the other, and which."""
    if start == "essential":
        return fit_cameras(joints, start_from_joints(joints, rig, generator)), "essential"
    fit = fit_cameras(joints, rig.cameras)
    if start == "rig":
        return fit, "rig"
    try:
        camera = start_from_joints(joints, rig, generator)
    except InputError:  # what is too little to start from may be enough to refine with
        return fit, "rig"
    other = fit_cameras(joints, camera, rounds=_ROUGH_ROUNDS)
    if _misfit_px(other) < _CLEARLY_BETTER * _misfit_px(fit):
        return fit_cameras(joints, other.camera), "essential"
    return fit, "rig"


def _misfit_px(fit: Fit) -> float:
    return float(fit.error_px().median())


def _check_fit(fit: Fit, rig: Rig) -> None:
    sides = [max(size) if size else 1000 for size in rig.sizes]
    misfit = fit.residual_px().numpy() / np.array(sides)
    if np.nanmedian(misfit) > _MOST_MISFIT:
        raise InputError(
            f"the views do not fit together (to {_misfit_px(fit):.0f} px at best): are the cameras "
            "synchronized, do the keypoints show the same person in all of them, and are the "
            "intrinsics theirs?"
        )


def _distances(fit: Fit) -> Tensor:
    """(V,) of each camera from the middle of what was seen."""
    return (fit.camera.centre_world - fit.points_world.median(0).values).norm(dim=-1)


def _world(camera: Camera, rig: Rig, away_m: float, *, posed: bool) -> Rigid:
    """Into the given rig's world, or into the first camera's frame."""
    if posed:
        return fitting_world(camera, rig.cameras, away_m)
    return camera.cam_from_world[0]


def _sigmas(covariance: Tensor, camera: Camera, scale_sigma: float) -> tuple[Tensor, Tensor]:
    """(V,) of turns in radians, and of centres, by what the scale itself is unknown too."""
    variances = covariance.diagonal().clamp_min(0).unflatten(0, (-1, 6))
    centre = camera.centre_world
    stretched = (scale_sigma * (centre - centre.mean(0))).square().sum(-1)
    return variances[:, :3].sum(-1).sqrt(), (variances[:, 3:].sum(-1) + stretched).sqrt()


def _notes(result: SelfCalibration, rig: Rig, scale_text: str, *, posed: bool) -> tuple[str, ...]:
    kept = [note for note in rig.notes if not note.startswith((SCALE_NOTE, "self-calibrated"))]
    if not posed:
        kept = [note for note in kept if not note.startswith(WORLD_NOTE)]
        kept.append(
            f"{WORLD_NOTE}the frame of camera {rig.names[0]!r} (x right, y down, z forward)"
        )
    return (
        *kept,
        f"self-calibrated from people: centres to {1000 * np.median(result.sigma_shift_m):.0f} mm, "
        f"axes to {np.median(result.sigma_turn_deg):.2f} deg (standard deviations, median), "
        f"detections {np.median(result.residual_px):.1f} px off",
        f"{SCALE_NOTE}{scale_text}",
    )
