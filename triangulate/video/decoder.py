"""Decoding: from a video file to the wanted frames, forwards, with jumps to key frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from triangulate.errors import InputError
from triangulate.video.container import decoded_frames, opened
from triangulate.video.info import Frame, VideoInfo

# A jump empties the decoder, which costs a few frames.
JUMP_SAVES_FRAMES = 8
# Many whole files hold a frame or two less than they announce.
TAIL_FRAMES = 3

_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def read_video(info: VideoInfo, wanted: np.ndarray, *, threads: int = 1) -> Iterator[Frame]:
    """The wanted frames of a video file. See `triangulate.video.read_frames`."""
    with _Decoder(info, threads) as decoder:
        to_rgb = _RGBConverter(info.quarter_turns)
        for index in wanted.tolist():
            frame = decoder.frame(index)
            if frame is not None:
                yield Frame(index, float(info.times_s[index]), to_rgb(frame))


class _Decoder:
    """One open file, and how far it is decoded."""

    def __init__(self, info: VideoInfo, threads: int) -> None:
        self._info = info
        self._stack = ExitStack()
        self._container, self._stream = self._stack.enter_context(
            opened(info.path, threads=threads)
        )
        self._frames = decoded_frames(self._container, self._stream)
        self._index = -1
        self._frame: VideoFrame | None = None
        self._can_jump = info.timestamps is not None

    def __enter__(self) -> _Decoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._frame = None
        self._frames.close()
        self._stack.close()

    def frame(self, index: int) -> VideoFrame | None:
        """A frame further on than the last one asked for; None where it is damaged."""
        start = self._best_start(index)
        if start is not None:
            self._jump(start, index)
        while self._index < index:
            if not self._advance():
                self._refuse_end(index)
                return None
        return self._frame if self._index == index else None

    def _best_start(self, index: int) -> int | None:
        """Which of the key frames to jump to on the way to `index`, None to decode on."""
        keyframes = self._info.keyframes
        if not self._can_jump or keyframes is None or not len(keyframes):
            return None
        which = int(np.searchsorted(keyframes, index, side="right")) - 1
        pays = which >= 0 and keyframes[which] - self._index > JUMP_SAVES_FRAMES
        return which if pays else None

    def _jump(self, which: int, index: int) -> None:
        """Go to key frame number `which`, or an earlier one, so that `index` still comes."""
        keyframes, timestamps = self._info.keyframes, self._info.timestamps
        if keyframes is None or timestamps is None:
            return
        for goal in (which, max(which - 1, 0), 0):
            self._frames.close()
            try:
                self._container.seek(int(timestamps[keyframes[goal]]), stream=self._stream)
            except av.FFmpegError:  # no way to jump in this file: it goes on from here
                self._can_jump = False
                self._frames = decoded_frames(self._container, self._stream)
                return
            self._frames = decoded_frames(self._container, self._stream)
            self._index = -1
            if self._advance() and self._index <= index:
                return

    def _advance(self) -> bool:
        """Decode one frame more; False at the end."""
        for frame in self._frames:
            index = self._number(frame)
            if index > self._index:
                self._index, self._frame = index, frame
                return True
        return False

    def _number(self, frame: VideoFrame) -> int:
        """Which frame of the file this is."""
        timestamps = self._info.timestamps
        pts = frame.pts if frame.pts is not None else frame.dts
        if timestamps is None or pts is None:
            return self._index + 1
        if len(timestamps) < 2:
            return 0
        after = int(np.searchsorted(timestamps, pts).clip(1, len(timestamps) - 1))
        return after - int(pts - timestamps[after - 1] < timestamps[after] - pts)

    def _refuse_end(self, index: int) -> None:
        """Raise where the file ends before `index`, unless that is nearly its announced end."""
        if index < self._info.num_announced - TAIL_FRAMES:
            raise breaks_off(self._info, self._index + 1)


class _RGBConverter:
    """To RGB, turned upright. Keeps the tables of swscale between frames."""

    def __init__(self, quarter_turns: int) -> None:
        self._turn = _TURNS.get(quarter_turns)
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        rgb = self._reformatter.reformat(
            frame, format="rgb24", dst_color_range=ColorRange.JPEG, threads=1
        )
        image = rgb.to_ndarray()
        return image if self._turn is None else cv2.rotate(image, self._turn)


def breaks_off(info: VideoInfo, reached: int) -> InputError:
    """The error for a file that ends before what it announces."""
    return InputError(
        f"{info.path}: breaks off after frame {reached} of {info.num_announced}: copy it again, or "
        f"take what is there with --frames :{reached}"
    )
