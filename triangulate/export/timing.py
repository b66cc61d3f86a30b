"""When the rows of a file are: their times, and their rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triangulate.poses import Poses3D


@dataclass(frozen=True)
class Timing:
    """The times of T rows.

    Attributes:
        time_s: (T,) since frame 0 of the recording.
        rate_hz: rows a second (the usual one, where rows are not evenly spaced).
        recording_hz: frames a second of the recording, of which rows may be every nth.
        is_even: whether the rows are evenly spaced.
        is_known: whether the frame rate is; otherwise it is 1, and time counts frames.
    """

    time_s: np.ndarray
    rate_hz: float
    recording_hz: float
    is_even: bool
    is_known: bool

    def notes(self, name: str, *, has_times: bool) -> list[str]:
        """What a file of the format `name` had to assume.

        Args:
            name: of the format.
            has_times: whether it holds a time for each row, and not one rate for all.
        """
        notes = []
        if not self.is_known:
            what = "Time counts frames" if has_times else "frames are a second apart"
            notes.append(f"{name}: the frame rate is not known: it is written as 1, and {what}")
        if not (has_times or self.is_even):
            notes.append(
                f"{name}: frames are missing in between, and the file holds one rate "
                f"({self.rate_hz:.6g} a second): its rows are not in time"
            )
        return notes


def timing(poses: Poses3D) -> Timing:
    """The times of the frames of poses."""
    frames = np.asarray(poses.frames)
    recording_hz = 1.0 if poses.fps is None else poses.fps
    steps = np.diff(frames)
    step = float(np.median(steps)) if len(steps) else 1.0
    is_even = not len(steps) or bool((steps == steps[0]).all())
    rate_hz = recording_hz / max(step, 1.0)
    return Timing(frames / recording_hz, rate_hz, recording_hz, is_even, poses.fps is not None)
