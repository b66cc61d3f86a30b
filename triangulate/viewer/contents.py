"""What there is to see: moving joints, cameras, videos and clouds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.viewer.shapes import Dots, Mesh

SAMPLED_FRAMES = 400
"""Of long recordings, what says how large everything is."""

_SEARCHED_AT_ONCE = 10_000  # frames


@dataclass(frozen=True)
class Motion:
    """Points over time, from whatever file.

    Attributes:
        positions_m: (T, P, J, 3) world, NaN where missing; it may lie in a file.
        skeleton: the J points, and the bones between them.
        frames: (T,) frame numbers, growing.
        fps: frames a second that `frames` count; None where unknown.
        up_axis: "z", "-y", ...; None where unknown.
        poses: all that is known of the points, where they are the program's own poses.
    """

    positions_m: np.ndarray
    skeleton: Skeleton
    frames: np.ndarray
    fps: float | None = None
    up_axis: str | None = None
    poses: Poses3D | None = None

    @classmethod
    def of(cls, poses: Poses3D) -> Motion:
        """The motion of poses."""
        return cls(
            poses.positions_m,
            poses.skeleton,
            np.asarray(poses.frames),
            poses.fps,
            poses.up_axis,
            poses,
        )

    @property
    def has_points(self) -> bool:
        """Whether any point has a position in any frame."""
        return bool(self._is_filled(self.sampled()).any())

    def sampled(self, count: int = SAMPLED_FRAMES) -> np.ndarray:
        """(S,) indices of frames all over it, at most `count`.

        Where nobody is in any of these, they are of the frames with somebody, if there are any.
        """
        total = len(self.positions_m)
        sample = _spread(np.arange(total), count)
        if self._is_filled(sample).any():
            return sample
        starts = range(0, total, _SEARCHED_AT_ONCE)
        parts = [self._is_filled(slice(start, start + _SEARCHED_AT_ONCE)) for start in starts]
        filled = np.flatnonzero(np.concatenate([np.zeros(0, bool), *parts]))
        return _spread(filled, count) if len(filled) else sample

    def _is_filled(self, rows: np.ndarray | slice) -> np.ndarray:
        """(F,) whether any point of these frames has a position."""
        return np.isfinite(self.positions_m[rows]).all(-1).any(axis=(1, 2))


@dataclass(frozen=True)
class Contents:
    """All that is shown.

    Attributes:
        title: of the window.
        motion: people, animals or markers.
        rig: cameras.
        recording: what the cameras saw, of the rig's cameras.
        still: clouds and meshes that are always there, by name.
        sequence: frame number -> file of the cloud to be shown then.
        up_axis: which way is up, where it is said; else what motion and rig tell.
    """

    title: str
    motion: Motion | None = None
    rig: Rig | None = None
    recording: Recording | None = None
    still: Mapping[str, Dots | Mesh] = field(default_factory=dict)
    sequence: Mapping[int, Path] = field(default_factory=dict)
    up_axis: str | None = None

    def __post_init__(self) -> None:
        """Refuse what shows nothing."""
        if self.motion is not None and not self.motion.has_points:
            raise InputError(f"{self.title}: no point of it has a position in any frame")
        if self.motion is None and self.rig is None and not self.still and not self.sequence:
            raise InputError(f"{self.title}: there is nothing in it to be seen")

    @property
    def frames(self) -> np.ndarray:
        """(T,) the frame numbers of the timeline, growing; one where nothing moves."""
        if self.motion is not None:
            return self.motion.frames
        if self.recording is not None:
            return self.recording.frame_numbers
        return np.array(sorted(self.sequence) or [0])

    @property
    def fps(self) -> float | None:
        """Frames a second that the frame numbers count; None where unknown."""
        known = (self.motion and self.motion.fps, self.recording and self.recording.fps)
        return next((rate for rate in known if rate), None)

    @property
    def rate(self) -> float | None:
        """Frames of the timeline a second; None where unknown."""
        if self.fps is None:
            return None
        steps = np.diff(self.frames[:100])
        return self.fps / max(float(np.median(steps)) if len(steps) else 1.0, 1.0)


def _spread(indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices (N,), evenly."""
    places = np.linspace(0, len(indices) - 1, min(count, len(indices)))
    return indices[np.unique(places.round().astype(int))]
