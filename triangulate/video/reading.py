"""One door for video files and folders of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from triangulate.video.container import probe_video
from triangulate.video.decoder import read_video
from triangulate.video.images import probe_images, read_images
from triangulate.video.info import Frame, VideoInfo


def probe(path: str | Path, *, fps: float | None = None) -> VideoInfo:
    """What a video file or a folder of images holds; its first picture is decoded on the way.

    Timestamps come from the file's index where it has a complete one (MP4, MOV); other containers
    are read through once, without decoding.

    Args:
        path: a video file, or a folder of images in the natural order of their names.
        fps: the rate of a folder of images, which cannot tell; videos know theirs.

    Raises:
        InputError: missing, unreadable, empty, cut off before its index, without a picture.
    """
    path = Path(path)
    return probe_images(path, fps) if path.is_dir() else probe_video(path)


def read_frames(
    video: str | Path | VideoInfo,
    indices: Sequence[int] | np.ndarray | None = None,
    *,
    threads: int = 1,
) -> Iterator[Frame]:
    """The frames of a video or a folder of images, one after the other.

    Frames between the wanted ones are skipped cheaply: by a jump to a key frame where one lies on
    the way, and never converted to RGB. A frame that is damaged is left out.

    Args:
        video: path or what `probe` said about it.
        indices: which frames, in growing order; None for all.
        threads: how many threads decode. One is the most efficient where several videos are read
            side by side.

    Raises:
        InputError: the file breaks off before the last wanted frame.
    """
    info = video if isinstance(video, VideoInfo) else probe(video)
    wanted = np.arange(info.num_frames) if indices is None else np.asarray(indices, dtype=np.int64)
    if wanted.size and (wanted[0] < 0 or wanted[-1] >= info.num_announced):
        raise ValueError(f"indices must lie in 0..{info.num_announced - 1}, got {wanted.tolist()}")
    if np.any(np.diff(wanted) <= 0):
        raise ValueError("indices must grow")
    return read_images(info, wanted) if info.files else read_video(info, wanted, threads=threads)
