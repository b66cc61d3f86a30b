"""Offsets of cameras from what they saw of people, and keypoints put together by them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.keypoints import MIN_CONFIDENCE, Keypoints2D
from triangulate.people.association import one_person
from triangulate.recording.offsets import TimeOffsets
from triangulate.rig import Rig
from triangulate.sync.coarse import MAX_OFFSET_S, Doubt, coarse_offsets
from triangulate.sync.liveliness import liveliness_px, lively_frames
from triangulate.sync.refinement import RefinedOffsets, refine_offsets
from triangulate.sync.resampling import last_until, shift_points, usual_step_s

_MOST_FRAMES = 3000  # the liveliest stretch of a long recording tells enough
_LOOSE_STEPS, _LOOSE_S = 0.5, 0.005  # less sure than both is not sure
_STRAY_STEPS, _STRAY_S = 3, 0.1  # how far from the coarse offset the fine one may lie
_AGREEING = 0.5  # of a camera's observations, that must fit those of the others


@dataclass(frozen=True, eq=False)
class OffsetEstimate:
    """How late cameras are, and how sure that is.

    Attributes:
        names: V camera names.
        reference: the camera whose clock is meant.
        late_s: (V,) seconds, see `triangulate.sync`.
        sigma_s: (V,) standard deviations, NaN where there is a doubt.
        doubts: of the V cameras; None where the offset is told.
        fps: frames a second.
        num_frames: so many were looked at.
    """

    names: tuple[str, ...]
    reference: str
    late_s: np.ndarray
    sigma_s: np.ndarray
    doubts: tuple[Doubt | None, ...]
    fps: float
    num_frames: int

    def as_offsets(self, found: str) -> TimeOffsets:
        """What `sync.yaml` holds; `found` says where the figures come from."""
        return TimeOffsets(self.names, self.late_s, self.reference, self.sigma_s, found)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts."""
        cameras = [
            {"name": name, "late_s": late_s, "sigma_s": sigma_s, "late_frames": late_s * self.fps}
            for name, late_s, sigma_s in zip(
                self.names, self.late_s.tolist(), self.sigma_s.tolist(), strict=True
            )
        ]
        return {
            "reference": self.reference,
            "fps": self.fps,
            "frames": self.num_frames,
            "cameras": cameras,
        }


def estimate_offsets(
    keypoints: Keypoints2D,
    rig: Rig,
    reference: str | None = None,
    max_offset_s: float = MAX_OFFSET_S,
) -> OffsetEstimate:
    """Find how late each camera is from the motion of a person.

    First to about a frame, with the person that each view shows best; with the frames put together
    by that, the person on whom the views agree is followed and the offsets are refined.

    Args:
        keypoints: of the rig's cameras or more of them. Offsets that they were put together by
            already are counted in.
        rig: the cameras, calibrated at the images' sizes.
        reference: the camera whose clock is meant, by default the first.
        max_offset_s: how far apart clocks may be.
    """
    reference = rig.names[0] if reference is None else reference
    if reference not in rig.names:
        raise InputError(
            f"--reference {reference}: there is no such camera; there are {', '.join(rig.names)}"
        )
    if len(keypoints.points_px) < 2:
        raise InputError("one frame shows no motion: offsets need some dozens of frames")
    seen = _liveliest(keypoints.select_cameras(rig.names), max_offset_s)
    times_s, _ = _times(seen)
    index = rig.names.index(reference)
    coarse = coarse_offsets(_best_scored(seen), times_s, rig.cameras, index, max_offset_s)
    late_s, doubts = coarse.late_s, coarse.doubts
    sigma_s = np.full(len(rig), np.nan)
    if doubts.count(None) == len(rig):
        paired = pair_keypoints(seen, late_s)
        person = one_person(paired, rig)
        points_px = _confident(person.points_px[:, :, 0], person.confidence[:, :, 0])
        own_s = times_s[:, None] + (0.0 if paired.late_s is None else paired.late_s)
        refined = refine_offsets(points_px, own_s, rig.cameras, None, index)
        late_s, sigma_s = late_s + refined.late_s, refined.sigma_s
        doubts = _doubts(refined, usual_step_s(times_s))
    if seen.offsets_s is not None:
        late_s = late_s + seen.offsets_s - seen.offsets_s[index]
    fps = float(keypoints.fps or np.nan)
    return OffsetEstimate(rig.names, reference, late_s, sigma_s, doubts, fps, len(times_s))


def pair_keypoints(keypoints: Keypoints2D, late_s: np.ndarray) -> Keypoints2D:
    """Put the frames of each camera together by whole frames; what remains goes to `late_s`.

    Args:
        keypoints: of V cameras.
        late_s: (V,) how late they are, besides what is counted in already.

    Returns:
        The keypoints at the same frame numbers; NaN where a camera has no frame near the time.
    """
    times_s, step_s = _times(keypoints)
    num_views = len(keypoints.names)
    known_s = 0.0 if keypoints.late_s is None else keypoints.late_s
    taken_s = times_s[:, None] + known_s + late_s  # (T, V)
    wanted_s = np.repeat(times_s[:, None], num_views, axis=1)
    half_s = step_s / 2 * (1 + 1e-6)  # so that a half is rounded one way throughout
    frame = last_until(taken_s, wanted_s + half_s).clip(0, None)
    views = np.arange(num_views)
    rest_s = taken_s[frame, views] - wanted_s
    there = np.abs(rest_s) <= half_s
    there[1:] &= (frame[1:] > frame[:-1]) | ~there[:-1]  # no frame twice
    if not there.any(axis=0).all():
        view = int((~there.any(axis=0)).argmax())
        raise InputError(
            f"camera {keypoints.names[view]!r} is {late_s[view]:+.3f} s late by its offset, which "
            f"is more than the keypoints last ({times_s[-1] - times_s[0]:.3f} s)"
        )
    offsets_s = late_s if keypoints.offsets_s is None else keypoints.offsets_s + late_s
    return replace(
        keypoints,
        points_px=np.where(there[..., None, None, None], keypoints.points_px[frame, views], np.nan),
        confidence=np.where(there[..., None, None], keypoints.confidence[frame, views], 0),
        late_s=np.where(there, rest_s, 0.0),
        offsets_s=offsets_s,
    )


def at_frame_times(keypoints: Keypoints2D) -> Keypoints2D:
    """One person's points moved along their paths to the times of the frames.

    A point that was not seen just before or after stays where it was seen.

    Args:
        keypoints: with P = 1.
    """
    if keypoints.late_s is None or not keypoints.late_s.any() or len(keypoints.points_px) < 2:
        return keypoints
    times_s, _ = _times(keypoints)
    points_px = keypoints.points_px[:, :, 0]
    moved_px = shift_points(points_px, times_s, keypoints.late_s)
    known = np.isfinite(moved_px).all(-1, keepdims=True) & np.isfinite(points_px)
    return replace(
        keypoints,
        points_px=np.where(known, moved_px, points_px)[:, :, None],
        late_s=np.zeros_like(keypoints.late_s),
    )


def _times(keypoints: Keypoints2D) -> tuple[np.ndarray, float]:
    """(T,) seconds of the frames, and the usual step."""
    if keypoints.fps is None:
        raise InputError(
            "the keypoints tell no frame rate, so that offsets mean nothing: say --fps"
        )
    times_s = np.asarray(keypoints.frames) / keypoints.fps
    return times_s, usual_step_s(times_s)


def _confident(points_px: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    return np.where((confidence >= MIN_CONFIDENCE)[..., None], points_px, np.nan)


def _best_scored(keypoints: Keypoints2D) -> np.ndarray:
    """(T, V, J, 2) the person that each view shows best in each frame."""
    best = keypoints.confidence.mean(-1).argmax(2)[:, :, None, None]
    confidence = np.take_along_axis(keypoints.confidence, best, axis=2)[:, :, 0]
    points_px = np.take_along_axis(keypoints.points_px, best[..., None], axis=2)[:, :, 0]
    return _confident(points_px, confidence)


def _liveliest(keypoints: Keypoints2D, max_offset_s: float) -> Keypoints2D:
    """The frames in which something moves, and what other clocks may call those."""
    points_px = _best_scored(keypoints)
    moved_px = liveliness_px(points_px)
    most = min(_MOST_FRAMES, len(moved_px))
    total = np.concatenate([[0.0], moved_px.cumsum()])
    start = int((total[most:] - total[: len(total) - most]).argmax())
    lively = start + np.flatnonzero(lively_frames(points_px[start : start + most]))
    times_s, _ = _times(keypoints)
    first_s, last_s = times_s[lively[[0, -1]]] + [-max_offset_s, max_offset_s]
    return keypoints.select_frames(np.flatnonzero((times_s >= first_s) & (times_s <= last_s)))


def _doubts(refined: RefinedOffsets, step_s: float) -> tuple[Doubt | None, ...]:
    """What speaks against refined offsets."""
    strayed = np.abs(refined.late_s) > max(_STRAY_STEPS * step_s, _STRAY_S)
    strayed |= refined.agreement < _AGREEING
    loose = ~(refined.sigma_s <= max(_LOOSE_STEPS * step_s, _LOOSE_S))
    codes = np.where(strayed, 2, np.where(loose, 1, 0)).tolist()
    return tuple((None, Doubt.loose, Doubt.contradicts)[code] for code in codes)
