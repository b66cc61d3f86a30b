"""Where the crops of a data set come from: image files, or videos.

Training asks for moments in any order, and a video gives its frames fast in one order only. So the
crops of a video are cut once, in one pass, and kept in the user's cache folder (`crops/` in
`triangulate.files.cache_folder`): a file of JPEGs one after the other for each camera, and where
each begins. They go by the video's content, the frames, the windows and the crops' size, so that
nothing is cut twice, and another choice is never mistaken for this one.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from triangulate.data.crops import Size, cut
from triangulate.errors import InputError
from triangulate.files import atomic_path, cache_folder
from triangulate.recording import content_key
from triangulate.video import VideoInfo, read_frames, read_image

Progress = Callable[[int, int], None]  # frames done, frames in all

CROPS_REVISION = 1
"""Goes up with every change that makes crops differ: kept ones are then cut again."""

_REMEDY = "name another cache folder in $TRIANGULATE_CACHE"
_JPEG: Sequence[int] = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)


class Crops(Protocol):
    """The crops of N moments and V views."""

    def crop(self, moment: int, view: int) -> np.ndarray | None:
        """(height, width, 3) uint8 RGB; None where there is none."""
        ...


@dataclass(frozen=True, eq=False)
class FileCrops:
    """Crops out of image files.

    Attributes:
        files: the images of each of V cameras.
        places: (N, V) which of them; -1: none.
        windows: (N, V, 4), see `triangulate.data.crops`; without area: no crop.
        size: (width, height) of the crops.
        image_sizes: V sizes that the images must have.
    """

    files: Sequence[Sequence[Path]]
    places: np.ndarray
    windows: np.ndarray
    size: Size
    image_sizes: Sequence[Size]

    def crop(self, moment: int, view: int) -> np.ndarray | None:
        """See `Crops`."""
        place, window = int(self.places[moment, view]), self.windows[moment, view]
        if place < 0 or not window[2:].all():
            return None
        file = self.files[view][place]
        image = read_image(file)
        found, expected = image.shape[1::-1], tuple(self.image_sizes[view])
        if found != expected:
            raise InputError(
                f"{file}: {found[0]} x {found[1]} pixels, while {expected[0]} x {expected[1]} are "
                "expected: extract the images of this camera again"
            )
        return cut(image, window, self.size)


@dataclass(frozen=True, eq=False)
class VideoCrops:
    """Crops out of videos, cut in advance.

    Attributes:
        files: V files of JPEGs.
        places: (V, N, 2) where in its file a JPEG begins and how long it is; 0: there is none.
    """

    files: tuple[Path, ...]
    places: np.ndarray

    @classmethod
    def of(
        cls,
        videos: Sequence[VideoInfo],
        frames: np.ndarray,
        windows: np.ndarray,
        size: Size,
        progress: Progress | None = None,
    ) -> VideoCrops:
        """Cut the crops, or find them in the cache.

        Args:
            videos: V videos.
            frames: (N, V) which frame of each; -1: none.
            windows: (N, V, 4), see `triangulate.data.crops`; without area: no crop.
            size: (width, height) of the crops.
            progress: called as frames are done, of all videos.
        """
        wanted = np.where(windows[..., 2:].all(-1), frames, -1)
        files = [
            _file_of(video, wanted[:, view], windows[:, view], size)
            for view, video in enumerate(videos)
        ]
        missing = [view for view, file in enumerate(files) if not _is_there(file)]
        report = _Counter(progress, sum(_num_frames(wanted[:, view]) for view in missing))

        def extract(view: int) -> None:
            _extract(videos[view], wanted[:, view], windows[:, view], size, files[view], report)

        with ThreadPoolExecutor() as pool:
            list(pool.map(extract, missing))
        return cls(tuple(files), np.stack([_load_places(file) for file in files]))

    def crop(self, moment: int, view: int) -> np.ndarray | None:
        """See `Crops`."""
        start, length = self.places[view, moment].tolist()
        if not length:
            return None
        try:
            with self.files[view].open("rb") as stream:
                stream.seek(start)
                jpeg = np.frombuffer(stream.read(length), np.uint8)
        except FileNotFoundError:
            raise InputError(f"{self.files[view]}: is gone; start again to cut it anew") from None
        image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB) if jpeg.size == length else None
        if image is None:
            raise InputError(
                f"{self.files[view]}: is damaged; remove it and start again to cut it anew"
            )
        return image


class _Counter:
    """Counts what several threads do, and tells `progress`."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._total)


def _extract(
    video: VideoInfo,
    frames: np.ndarray,
    windows: np.ndarray,
    size: Size,
    file: Path,
    report: Callable[[], None],
) -> None:
    """Cut one video's crops, (N,) frames and (N, 4) windows; the places come last."""
    order = np.argsort(frames, kind="stable")
    ordered = frames[order]
    places = np.zeros((len(frames), 2), np.int64)
    with atomic_path(file, _REMEDY) as temporary, temporary.open("wb") as stream:
        for frame in read_frames(video, np.unique(ordered[ordered >= 0])):
            first, behind = np.searchsorted(ordered, [frame.index, frame.index + 1])
            for moment in order[first:behind]:
                bgr = cv2.cvtColor(cut(frame.image_rgb, windows[moment], size), cv2.COLOR_RGB2BGR)
                _, jpeg = cv2.imencode(".jpg", bgr, _JPEG)
                places[moment] = stream.tell(), jpeg.size
                stream.write(jpeg.tobytes())
            report()
    with atomic_path(_places_file(file), _REMEDY) as temporary:
        np.save(temporary, places)


def _file_of(video: VideoInfo, frames: np.ndarray, windows: np.ndarray, size: Size) -> Path:
    """The file of one video's crops; all that they depend on is in its name."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{CROPS_REVISION} {size} {list(_JPEG)} {content_key(video)}".encode())
    digest.update(np.ascontiguousarray(frames, np.int64).tobytes())
    digest.update(np.ascontiguousarray(windows, np.int64).tobytes())
    return cache_folder() / "crops" / f"{digest.hexdigest()}.jpegs"


def _places_file(file: Path) -> Path:
    return file.with_suffix(".npy")


def _is_there(file: Path) -> bool:
    return file.is_file() and _places_file(file).is_file()


def _load_places(file: Path) -> np.ndarray:
    try:
        places: Any = np.load(_places_file(file), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise InputError(
            f"{_places_file(file)}: is damaged; remove it and start again to cut the crops anew"
        ) from None
    return places


def _num_frames(frames: np.ndarray) -> int:
    return len(np.unique(frames[frames >= 0]))
