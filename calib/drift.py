"""Over time: which camera moved since the rig was calibrated, and by how much.

* A board's observations are solved anew with the lenses held (`board_difference.py`); people's
  joints are adjusted as in self-calibration (`people_difference.py`).
* Either gives motions of the cameras with their covariance (`rig_difference.py`).
* The fewest cameras are looked for without which the rest stands as it did (`congruence.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from calib.board_difference import board_difference
from calib.camera_motion import motions, world_motions
from calib.congruence import Congruence, compare
from calib.observations import Observations
from calib.people_difference import keypoints_difference, people_difference
from calib.rig_difference import Difference
from calib.solution import Solution
from triangulate.errors import InputError
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.threads import one_thread
from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig

_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Drift:
    """What `check` found, for the V cameras of the rig.

    Attributes:
        names: V.
        checked: (V,) whether the recording tells anything of a camera; if not, its numbers are NaN.
        moved: (V,) whether it moved. Where two sets of cameras explain the same, nobody is named.
        shift_m: (V,) how far its centre moved against the cameras that stand.
        shift_sigma_m: (V,) standard deviation of that.
        turn_deg: (V,) by what angle it turned.
        turn_sigma_deg: (V,).
        motion: (V, 6) the turn about its own axes (rotation vector, radians) and the shift in the
            world (metres).
        image_shift_px: (V,) what that does to what it sees, root mean square.
        zoom: (V,) by what part its focal length grew; 0 where it did not, or nobody looked.
        zoom_sigma: (V,).
        before_px: (V,) median distance of what it saw from where the old rig has it.
        after_px: (V,) likewise once it is moved to where it is now.
        verdict: one line.
        notes: what was assumed.
        rig: the rig as it is now: cameras that moved in their new places, the others as they were.
    """

    names: tuple[str, ...]
    checked: np.ndarray
    moved: np.ndarray
    shift_m: np.ndarray
    shift_sigma_m: np.ndarray
    turn_deg: np.ndarray
    turn_sigma_deg: np.ndarray
    motion: np.ndarray
    image_shift_px: np.ndarray
    zoom: np.ndarray
    zoom_sigma: np.ndarray
    before_px: np.ndarray
    after_px: np.ndarray
    verdict: str
    notes: tuple[str, ...]
    rig: Rig

    @property
    def moved_names(self) -> tuple[str, ...]:
        """The cameras that moved."""
        return tuple(np.array(self.names)[self.moved].tolist())

    def __str__(self) -> str:
        """The verdict."""
        return self.verdict


@one_thread()
def check(
    rig: Rig | Solution,
    seen: Observations | Keypoints2D | np.ndarray,
    target: Any = None,
    *,
    confidence: np.ndarray | None = None,
) -> Drift:
    """Find the cameras that moved since a rig was calibrated.

    Lenses are held. The cameras' poses are found anew from the recording; the largest part of them
    that stands to each other as it did is taken to stand still. What is a motion and what chance is
    judged by the uncertainty of both: the old rig's from its solution, or else taken to be as large
    as that of this recording.

    Args:
        rig: the calibration, or its solution, which tells how far it was right.
        seen: a board's observations; or of people, what a detector wrote, or points_px
            (T, V, J, 2) as for `calib.selfcal`.
        target: the board, or its points (N, 3) in metres; by default that of the solution.
        confidence: (T, V, J), with points_px.

    Raises:
        InputError: a recording of other cameras, or one that tells nothing of them.
    """
    solution = rig if isinstance(rig, Solution) else None
    before = rig.rig if isinstance(rig, Solution) else rig
    if isinstance(seen, Observations):
        if target is None and solution is None:
            raise InputError("target= is missing: which board was it? (--board)")
        board = solution.target_m if target is None and solution is not None else target
        difference = board_difference(before, seen, board, solution)
    elif isinstance(seen, Keypoints2D):
        difference = keypoints_difference(before, seen, solution)
    else:
        difference = people_difference(before, seen, confidence, solution)
    return _judged(before, difference)


def _judged(before: Rig, difference: Difference) -> Drift:
    found, now = _compared(difference)
    named = torch.zeros(len(now.names), dtype=torch.bool)
    if found.explained and not found.others:
        named[list(found.moved)] = True
    place = [before.names.index(name) for name in difference.names]
    values = _figures(found, now) | {"moved": named.numpy()}
    everywhere = {key: _scattered(value, place, len(before)) for key, value in values.items()}
    drift = Drift(
        names=before.names,
        verdict=_verdict(found, now, named),
        notes=(*now.notes, _borne_text(now)),
        rig=_renewed(before, now, named),
        **everywhere,
    )
    return drift


def _compared(difference: Difference) -> tuple[Congruence, Difference]:
    """The cameras that moved, and the difference in the world in which the others stand.

    Where the new rig is put decides how small the motions are, and they which cameras stand.
    """
    pose = difference.old.cameras.cam_from_world
    free = world_motions(pose)[:, : 7 if difference.scale_free else 6]
    standing = list(range(len(difference.names)))
    for _ in range(_ROUNDS):
        difference = difference.aligned(standing)
        moved = motions(pose, difference.rig.cameras.cam_from_world)
        found = compare(moved, difference.covariance(), difference.harmless_covariance(), free)
        rest = [v for v in range(len(difference.names)) if v not in found.moved]
        if rest == standing:
            break
        standing = rest
    return found, difference


def _figures(found: Congruence, now: Difference) -> dict[str, np.ndarray]:
    """The numbers of the checked cameras."""
    turn, shift = found.motion[:, :3], found.motion[:, 3:]
    turn_sigma = _sigma_along(turn, found.covariance[:, :3, :3])
    return {
        "checked": np.ones(len(now.names), dtype=bool),
        "shift_m": shift.norm(dim=-1).numpy(),
        "shift_sigma_m": _sigma_along(shift, found.covariance[:, 3:, 3:]).numpy(),
        "turn_deg": torch.rad2deg(turn.norm(dim=-1)).numpy(),
        "turn_sigma_deg": torch.rad2deg(turn_sigma).numpy(),
        "motion": found.motion.numpy(),
        "image_shift_px": now.shifts_px(found.motion).numpy(),
        "zoom": now.zoom,
        "zoom_sigma": now.zoom_sigma,
        "before_px": now.distances_px(now.old),
        "after_px": now.distances_px(now.rig),
    }


def _sigma_along(vector: Tensor, covariance: Tensor) -> Tensor:
    """(V,) standard deviation of vectors (V, 3) along themselves, which is that of their length."""
    length = vector.norm(dim=-1, keepdim=True)
    unit = vector / length.clamp_min(1e-12)
    variance = ((unit[:, None] @ covariance)[:, 0] * unit).sum(-1)
    mean = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)
    return torch.where(length[:, 0] > 1e-9, variance, mean).clamp_min(0).sqrt()


def _scattered(values: np.ndarray, place: list[int], count: int) -> np.ndarray:
    """Values of the checked cameras among all of them; NaN, or False, for the others."""
    empty = False if values.dtype == bool else np.nan
    out = np.full((count, *values.shape[1:]), empty, dtype=values.dtype)
    out[place] = values
    return out


def _renewed(before: Rig, now: Difference, named: Tensor) -> Rig:
    """The rig with the moved cameras in their new places, and the zoomed ones' lenses."""
    K, pose = before.cameras.K.clone(), before.cameras.cam_from_world
    rotation, translation = pose.rotation.clone(), pose.translation.clone()
    for v, name in enumerate(now.names):
        at = before.names.index(name)
        if now.zoom[v] != 0:
            K[at] = now.rig.cameras.K[v]
        if named[v] or now.zoom[v] != 0:
            rotation[at] = now.rig.cameras.cam_from_world.rotation[v]
            translation[at] = now.rig.cameras.cam_from_world.translation[v]
    cameras = replace(before.cameras, K=K, cam_from_world=Rigid(rotation, translation))
    changed = [name for v, name in enumerate(now.names) if named[v] or now.zoom[v] != 0]
    notes = before.notes
    if changed:
        notes = (*notes, f"found again after a check: {', '.join(changed)}")
    return replace(before, cameras=cameras, notes=notes)


def _verdict(found: Congruence, now: Difference, named: Tensor) -> str:
    """One line: who moved, by how much."""
    names = now.names
    said = [_moved_text(found, now, v) for v in range(len(names)) if named[v]]
    said += [
        f"the focal length of {name} changed by {100 * grown:+.1f} +- {100 * sigma:.1f} %"
        for name, grown, sigma in zip(names, now.zoom, now.zoom_sigma, strict=True)
        if grown != 0
    ]
    if not found.explained and len(names) == 2:
        text = _moved_text(found, now, 1).replace(" moved", f" moved against {names[0]}", 1)
        said.insert(0, f"{text}; with two cameras it cannot be told which of them did")
    elif not found.explained:
        said.insert(
            0,
            "the cameras do not stand as they did, and no two of them agree on which moved: "
            "calibrate again",
        )
    elif found.others:
        sets = [found.moved, *found.others]
        told = ", or ".join(" and ".join(names[v] for v in some) for some in sets)
        said.insert(0, f"moved are {told}: the recording does not tell which")
    return "; ".join(said) if said else "no camera moved"


def _borne_text(now: Difference) -> str:
    """What is not taken for a motion, however sure it is."""
    borne_px = now.harmless * float(now.sigma_px.median())
    return (
        f"what shifts an image by {borne_px:.2g} px or less may come from elsewhere (lenses, the "
        "board, a detector's habits), and counts as a motion only where it is more than that"
    )


def _moved_text(found: Congruence, now: Difference, v: int) -> str:
    turn, shift = found.motion[v : v + 1, :3], found.motion[v : v + 1, 3:]
    covariance = found.covariance[v : v + 1]
    shift_sigma = float(_sigma_along(shift, covariance[:, 3:, 3:]))
    turn_sigma = float(torch.rad2deg(_sigma_along(turn, covariance[:, :3, :3])))
    return (
        f"{now.names[v]} moved by {1000 * float(shift.norm()):.1f} +- {1000 * shift_sigma:.1f} mm "
        f"and turned by {float(torch.rad2deg(turn.norm())):.2f} +- {turn_sigma:.2f} deg"
    )
