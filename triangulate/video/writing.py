"""Write videos: MP4 with H.264, or MPEG-4 where there is no encoder for that; frame by frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from triangulate.errors import InputError
from triangulate.files import atomic_path

ENCODERS = {
    "libx264": ({"crf": "18", "preset": "veryfast", "threads": "1"}, Colorspace.ITU709),
    "mpeg4": ({"qmin": "2", "qmax": "3", "threads": "1"}, Colorspace.ITU601),
}
"""The first that is there is used: its options, and the colours that players expect of it.

Visually lossless; one thread, so that a file does not depend on the machine's processors.
"""

_SLOWEST_TICK, _FINEST_TICK = 1001, 65535  # MPEG-4 counts a second in no more ticks


class VideoWriter:
    """A video that grows by one frame at a time and is there when it is whole.

    >>> with VideoWriter("cam1.mp4", (1280, 720), fps=25) as video:
    ...     video.write(image_rgb)
    """

    def __init__(self, path: str | Path, size: tuple[int, int], fps: float) -> None:
        """Prepare to write.

        Args:
            path: of the file, which is replaced when the block ends without an error.
            size: (width, height), both even.
            fps: frames a second.

        Raises:
            InputError: there is no encoder.
        """
        if size[0] % 2 or size[1] % 2 or min(size) < 2 or not fps > 0:
            raise ValueError(f"size must be even and fps positive, got {size} and {fps}")
        self.path, self.size, self.num_frames = Path(path), size, 0
        self._encoder = _encoder(self.path)
        finest = max(1, min(_SLOWEST_TICK, int(_FINEST_TICK / fps)))
        self._fps = Fraction(fps).limit_denominator(finest)
        self._place = atomic_path(self.path)
        self._colours = VideoReformatter()

    def __enter__(self) -> VideoWriter:
        """Itself, open."""
        self._container = av.open(str(self._place.__enter__()), "w", format="mp4")
        options, self._colorspace = ENCODERS[self._encoder]
        stream: Any = self._container.add_stream(
            self._encoder, rate=self._fps, options=dict(options)
        )
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = 1 / self._fps
        stream.codec_context.colorspace = self._colorspace.value
        stream.codec_context.color_range = ColorRange.MPEG.value
        self._stream = stream
        return self

    def write(self, image_rgb: np.ndarray) -> None:
        """Append a frame (H, W, 3), uint8 RGB."""
        expected = (self.size[1], self.size[0], 3)
        if image_rgb.shape != expected or image_rgb.dtype != np.uint8:
            raise ValueError(
                f"expected a uint8 image {expected}, got {image_rgb.dtype} {image_rgb.shape}"
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_rgb), format="rgb24")
        frame = self._colours.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=self._colorspace,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = self.num_frames, 1 / self._fps
        self._container.mux(self._stream.encode(frame))
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Finish the file, or take it back after an error."""
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()
        return self._place.__exit__(kind, error, trace)


def _encoder(path: Path) -> str:
    """The first of the encoders that this installation has."""
    for name in ENCODERS:
        try:
            return av.Codec(name, "w").name
        except ValueError:  # unknown
            continue
    raise InputError(
        f"{path}: this installation's PyAV has no encoder for H.264 or MPEG-4: install PyAV's own "
        "build (pip install --force-reinstall av), or write pictures into a folder (--out FOLDER)"
    )
