"""Looking for a target through whole recordings: in parallel, and remembered on disk.

Stretches of a camera's frames are searched side by side in threads. Each finished one is kept in
the user's cache folder under a fingerprint of all that it depends on, so that a search that was
stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from calib.detectors import Sighting
from calib.detectors.looks import Look, grey_of, see
from calib.targets import Target
from triangulate.files import atomic_path, cache_folder
from triangulate.recording import content_key
from triangulate.video import VideoInfo, read_frames

DETECTION_REVISION = 4
"""Goes up with every change that makes detections differ: kept ones are then done again."""

STRETCH_FRAMES = 32
_ENOUGH = 0.5  # of a target's points, to look no further
_REMEDY = "name another cache folder in $TRIANGULATE_CACHE"

Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass(frozen=True, eq=False)
class Found:
    """A target in a frame, and how the frame was looked at."""

    look: Look
    sighting: Sighting


@dataclass(frozen=True, eq=False)
class Search:
    """Frames of one video to search.

    Attributes:
        video: the video or folder of images.
        frames: (K,) of the file, in growing order.
        looks: ways of looking at each, the likeliest first.
    """

    video: VideoInfo
    frames: np.ndarray
    looks: tuple[Look, ...]


class FrameCount:
    """Frames done of frames in all, told to whoever wants to know."""

    def __init__(self, tell: Progress | None, total: int) -> None:
        """Nothing is done yet."""
        self._tell, self._total, self._done = tell, total, 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """So many more are done."""
        with self._lock:
            self._done += count
            if self._tell is not None:
                self._tell(self._done, self._total)


def search_videos(
    searches: Sequence[Search],
    target: Target,
    counter: FrameCount,
    *,
    cache: bool = True,
    workers: int | None = None,
) -> list[dict[int, Found]]:
    """Look for a target in frames of several videos.

    Args:
        searches: what to look at.
        target: what to look for.
        counter: is told of every frame.
        cache: take finished stretches from the user's cache folder, and leave them there.
        workers: threads; as many as there are processors by default.

    Returns:
        For each search, what was found by the number of the frame.
    """
    found: list[dict[int, Found]] = [{} for _ in searches]
    stop = threading.Event()
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="board")
    jobs: dict[Future[dict[int, Found]], int] = {}
    try:
        with _one_opencv_thread():
            for number, part in _stretches(searches):
                key = _cache_path(part, target) if cache else None
                job = pool.submit(_search_stretch, part, target, key, counter, stop)
                jobs[job] = number
            for job, number in jobs.items():
                found[number] |= job.result()
            return found
    finally:  # also where Ctrl-C ends it: threads end with the frame that they are at
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _stretches(searches: Sequence[Search]) -> Iterator[tuple[int, Search]]:
    """Parts of the searches, the videos in turn, so that several are read at a time."""
    longest = max((len(search.frames) for search in searches), default=0)
    for start in range(0, longest, STRETCH_FRAMES):
        for number, search in enumerate(searches):
            part = search.frames[start : start + STRETCH_FRAMES]
            if len(part):
                yield number, Search(search.video, part, search.looks)


def _search_stretch(
    part: Search, target: Target, path: Path | None, counter: FrameCount, stop: threading.Event
) -> dict[int, Found]:
    if path is not None and (kept := _load(path)) is not None:
        counter.add(len(part.frames))
        return kept
    found: dict[int, Found] = {}
    told = 0
    for frame in read_frames(part.video, part.frames):
        if stop.is_set():
            return {}
        grey = grey_of(frame.image_rgb)
        best = _best_look(grey, target, part.looks)
        if best is not None:
            found[frame.index] = best
        counter.add(1)
        told += 1
    if told < len(part.frames):  # damaged frames are left out
        counter.add(len(part.frames) - told)
    if path is not None:
        _save(path, found, len(target.points_m))
    return found


def _best_look(grey: np.ndarray, target: Target, looks: Sequence[Look]) -> Found | None:
    """The first look that shows half of the points, else the one that shows most."""
    best = None
    for look in looks:
        sighting = see(grey, target, look)
        if sighting is not None and (best is None or sighting.count > best.sighting.count):
            best = Found(look, sighting)
        if best is not None and best.sighting.count >= _ENOUGH * len(target.points_m):
            break
    return best


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """The stretches run side by side already."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _cache_path(part: Search, target: Target) -> Path:
    """Where a stretch is kept; everything that it depends on is in the name."""
    digest = hashlib.blake2b(digest_size=16)
    settings = (DETECTION_REVISION, cv2.__version__, target, part.looks, part.video.size)
    digest.update(repr(settings).encode())
    digest.update(content_key(part.video).encode())
    digest.update(np.ascontiguousarray(part.frames, dtype=np.int64).tobytes())
    return cache_folder() / "boards" / f"{digest.hexdigest()}.npz"


def _save(path: Path, found: Mapping[int, Found], num_points: int) -> None:
    looks = [(item.look.inverted, item.look.mirrored) for item in found.values()]
    points = [item.sighting.points_px for item in found.values()]
    spread = [item.sighting.spread for item in found.values()]
    with atomic_path(path, _REMEDY) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            frames=np.array(list(found), dtype=np.int64),
            looks=np.array(looks, dtype=bool).reshape(-1, 2),
            points_px=np.array(points).reshape(-1, num_points, 2),
            spread=np.array(spread).reshape(-1, num_points),
        )


def _load(path: Path) -> dict[int, Found] | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts = (archive[name] for name in ("frames", "looks", "points_px", "spread"))
            return {
                int(frame): Found(Look(*map(bool, look)), Sighting(points_px, spread))
                for frame, look, points_px, spread in zip(*parts, strict=True)
            }
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None  # a damaged stretch is done again
