"""Which frames of a recording are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from triangulate.errors import InputError

FrameChoice = str | range | slice | Sequence[int] | np.ndarray


def select_frames(frames: FrameChoice | None, every: int, count: int) -> np.ndarray:
    """The numbers of the chosen frames, (T,) int64, growing.

    Args:
        frames: see `Recording.open`.
        every: take every nth of them.
        count: how many frames there are.

    Raises:
        InputError: none, or some outside the recording.
    """
    if every < 1:
        raise InputError(f"--every {every}: must be 1 or more")
    if frames is None:
        numbers = np.arange(count)
    elif isinstance(frames, str | slice):
        start, stop = _range(frames)
        numbers = np.arange(start, count if stop is None else stop)
    else:
        numbers = np.asarray(frames, dtype=np.int64)
        if np.any(np.diff(numbers) <= 0):
            raise InputError("--frames: the numbers must grow")
    if not len(numbers) or numbers[0] < 0 or numbers[-1] >= count:
        raise InputError(
            f"--frames {frames}: the recording has the frames 0 to {count - 1} (0:{count})"
        )
    return numbers[::every].astype(np.int64)


def _range(frames: str | slice) -> tuple[int, int | None]:
    if isinstance(frames, slice):
        if frames.step not in (None, 1):
            raise InputError("--frames: no step; use --every")
        return frames.start or 0, frames.stop
    match = re.fullmatch(r"\s*(\d*)\s*:\s*(\d*)\s*", frames)
    if match is None:
        raise InputError(f"--frames {frames}: write it as 100:200, 100: or :50")
    start, stop = match.groups()
    return int(start or 0), int(stop) if stop else None
