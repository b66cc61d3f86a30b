"""What is known of a video before its frames are read, and a frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

VIDEO_SUFFIXES = frozenset(
    ".mp4 .mov .m4v .avi .mkv .webm .mts .m2ts .ts .mpg .mpeg .wmv .3gp .flv .ogv .mxf".split()
)


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """A video file or a folder of images, seen from outside.

    Attributes:
        path: the file or folder.
        size: (width, height) of the frames as they are delivered, after rotation.
        codec: such as "h264"; "images" for a folder.
        times_s: (T,) when each frame is shown, counted from the first one; NaN where unknown
            (images without a rate).
        fps: average rate, None where unknown.
        is_variable_rate: the steps between timestamps differ.
        num_announced: how many frames the file promises; more than it has where it breaks off.
        quarter_turns: how often every frame is turned by 90 degrees counterclockwise.
        notes: what deserves attention, for people.
        timestamps: (T,) int64 in the stream's time base. None where the file has none to be
            trusted: its frames are counted then, and every reading starts at the first.
        keyframes: (K,) about which frames decoding can begin at; empty where unknown.
        files: the images of a folder.
    """

    path: Path
    size: tuple[int, int]
    codec: str
    times_s: np.ndarray
    fps: float | None
    is_variable_rate: bool
    num_announced: int
    quarter_turns: int = 0
    notes: tuple[str, ...] = ()
    timestamps: np.ndarray | None = None
    keyframes: np.ndarray | None = None
    files: tuple[Path, ...] = ()

    @property
    def num_frames(self) -> int:
        """How many frames are in the file."""
        return len(self.times_s)

    @property
    def duration_s(self) -> float | None:
        """From the first frame to the end of the last, None where the rate is unknown."""
        return None if self.fps is None else float(self.times_s[-1]) + 1 / self.fps


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        index: which frame of the file, counted from 0 in the order of presentation.
        time_s: when it is shown, counted from the file's first frame; NaN where unknown.
        image_rgb: (H, W, 3) uint8.
    """

    index: int
    time_s: float
    image_rgb: np.ndarray
