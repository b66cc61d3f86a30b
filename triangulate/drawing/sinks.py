"""Where pictures go: into a video, a folder, or a single file.

>>> with picture_sink("out/overlay.mp4", size, fps=25, frames=numbers) as write:
...     for picture in pictures:
...         write(picture)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from triangulate.drawing.canvas import save_picture
from triangulate.errors import InputError
from triangulate.rig import Size
from triangulate.video.writing import VideoWriter

Write = Callable[[np.ndarray], None]

PICTURES = (".png", ".jpg", ".jpeg")


def check_target(path: str | Path, num_frames: int, option: str = "--out") -> None:
    """Fail before the work where pictures cannot go into `path`.

    Raises:
        InputError: its suffix is of no kind, a folder is in the place of a file or the other way
            round, or one picture should hold several frames.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in ("", ".mp4", *PICTURES):
        raise InputError(
            f"{option} {path}: name a video (.mp4), a picture (.png), or a folder of pictures"
        )
    if suffix and path.is_dir():
        raise InputError(f"{path}: is a folder: name the file, such as {path / 'overlay.mp4'}")
    if not suffix and path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file, not a folder; choose another place with {option}")
    if suffix in PICTURES and num_frames > 1:
        raise InputError(
            f"{option} {path}: is one picture, and {num_frames} frames are chosen: choose one with "
            "--frames, such as 50:51, or name a video (.mp4) or a folder"
        )


@contextmanager
def picture_sink(
    path: str | Path, size: Size, fps: float | None, frames: Sequence[int] | np.ndarray
) -> Iterator[Write]:
    """A function that takes one picture (H, W, 3) uint8 RGB after the other.

    Args:
        path: `.mp4`: a video; a picture's suffix: that picture; no suffix: a folder, in which each
            picture is named after its frame.
        size: (width, height) of the pictures.
        fps: of a video.
        frames: the numbers of the frames to come.

    Raises:
        InputError: see `check_target`; a video without a rate or an encoder.
    """
    path = Path(path)
    check_target(path, len(frames))
    if path.suffix.lower() == ".mp4":
        if fps is None:
            raise InputError(f"{path}: a video needs a frame rate, and none is known: say --fps")
        with VideoWriter(path, size, fps) as video:
            yield video.write
        return
    if path.suffix:
        files = iter([path])
    else:
        files = (path / f"frame_{number:06d}.png" for number in np.asarray(frames).tolist())
    yield lambda picture: save_picture(picture, next(files))
