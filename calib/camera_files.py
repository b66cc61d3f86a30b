"""The files that cameras are calibrated from: a camera each, named after the files.

There is no rig yet that could say what the cameras are called. Which frames belong together is
settled as for any recording (`triangulate.recording`); stills are paired by the last number in
their names where these go together, else one by one in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.recording import list_videos, pair_frames
from triangulate.recording.offsets import offsets_beside
from triangulate.video import VideoInfo, list_images, probe

Files = str | Path | Sequence[str | Path] | Mapping[str, str | Path]

_ENOUGH_SHARED = 0.5  # of the numbers of the camera with the fewest images


@dataclass(frozen=True, eq=False)
class CameraFiles:
    """What V cameras recorded, put together.

    Attributes:
        names: V cameras.
        videos: V videos or folders of images.
        video_frames: (T, V) which frame of each, -1 where it has none.
        frame_numbers: (T,) of the recording.
        times_s: (T,) when they were taken, NaN where unknown.
        notes: for people.
    """

    names: tuple[str, ...]
    videos: tuple[VideoInfo, ...]
    video_frames: np.ndarray
    frame_numbers: np.ndarray
    times_s: np.ndarray
    notes: tuple[str, ...]

    @classmethod
    def open(
        cls,
        source: Files,
        *,
        bind: Mapping[str, str] | None = None,
        cameras: Sequence[str] | None = None,
        match: str = "auto",
        fps: float | None = None,
        sync: str | Path | None = None,
    ) -> CameraFiles:
        """Find the files, name the cameras, and put the frames together.

        Args:
            source: a folder, paths of videos and image folders, or camera name -> path.
            bind: file name or stem -> camera name, for files that are named otherwise.
            cameras: which to use, in this order; None for all.
            match: "auto", "number" or "time". See `triangulate.recording`.
            fps: the rate of image folders, which cannot tell it.
            sync: the file of offsets; see `triangulate.recording.offsets`.

        Raises:
            InputError: no files, two of one name, a camera asked for that is not there.
        """
        paths = _named(source, bind or {})
        if cameras is not None:
            paths = _chosen(paths, cameras)
        names = tuple(paths)
        with ThreadPoolExecutor() as pool:
            videos = tuple(pool.map(partial(probe, fps=fps), paths.values()))
        notes = [note for video in videos for note in video.notes]
        numbered = None
        if match == "auto" and len(videos) > 1 and all(video.files for video in videos):
            numbered = _pair_by_names(names, videos)
        if numbered is not None:
            frames, numbers, pair_notes = numbered
            times = np.full(len(numbers), np.nan)
            return cls(names, videos, frames, numbers, times, (*notes, *pair_notes))
        late_s, sync_notes = offsets_beside(source, sync, names, names)
        pairing = pair_frames(names, videos, match, late_s)
        notes += [*pairing.notes, *sync_notes, *_broken(videos)]
        numbers = np.arange(len(pairing.video_frames))
        return cls(names, videos, pairing.video_frames, numbers, pairing.times_s, tuple(notes))


def _named(source: Files, bind: Mapping[str, str]) -> dict[str, Path]:
    """Camera name -> file."""
    if isinstance(source, Mapping):
        return {name: Path(path) for name, path in source.items()}
    files = _listed(Path(source)) if isinstance(source, str | Path) else list(map(Path, source))
    if not files:
        raise InputError("no videos are given: name a folder, or the videos")
    if len(files) == 1 and not bind and files[0].is_dir() and not list_images(files[0]):
        files = _listed(files[0])
    names = _names(files)
    for key, camera in bind.items():
        meant = [n for n, f in enumerate(files) if key in (str(f), f.name)]
        meant = meant or [n for n, f in enumerate(files) if key in (f.stem, names[n])]
        if not meant:
            listed = ", ".join(file.name for file in files)
            raise InputError(
                f"--camera {key}={camera}: there is no file {key!r}; there are {listed}"
            )
        for number in meant:
            names[number] = camera
    for number, name in enumerate(names):
        if name in names[:number]:
            other = files[names.index(name)]
            if other == files[number]:
                raise InputError(f"{other}: is given twice")
            raise InputError(
                f"{other} and {files[number]} would both be camera {name!r}: rename one, or say "
                f"which is which with --camera {files[number]}=NAME"
            )
    return dict(zip(names, files, strict=True))


def _listed(path: Path) -> list[Path]:
    """The cameras' files of a recording; a single video, or folder of images, is one camera."""
    if path.is_file() or (path.is_dir() and list_images(path)):
        return [path]
    return list_videos(path)


def _names(files: Sequence[Path]) -> list[str]:
    """The files' names without what they share, where their own names are the same.

    `back/stills` and `top/stills` are `back` and `top`.
    """
    own = [file.name if file.is_dir() else file.stem for file in files]
    absolute = [file.absolute() for file in files]
    levels = [own, *([file.parents[level].name for file in absolute] for level in range(3))]
    return next((names for names in levels if len(set(names)) > 1), own)


def _chosen(paths: Mapping[str, Path], cameras: Sequence[str]) -> dict[str, Path]:
    for name in cameras:
        if name not in paths:
            raise InputError(
                f"--cameras: there is no camera {name!r}; there are {', '.join(paths)}"
            )
    return {name: paths[name] for name in cameras}


def _pair_by_names(
    names: Sequence[str], videos: Sequence[VideoInfo]
) -> tuple[np.ndarray, np.ndarray, list[str]] | None:
    """Stills by the last number in their names; None where the numbers do not go together."""
    columns = [_numbers(video) for video in videos]
    if any(column is None or len(set(column)) < len(column) for column in columns):
        return None
    sets = [set(column) for column in columns if column is not None]
    shared, everything = set.intersection(*sets), sorted(set.union(*sets))
    if len(shared) < _ENOUGH_SHARED * min(map(len, sets)):
        return None
    places = {number: place for place, number in enumerate(everything)}
    frames = np.full((len(everything), len(videos)), -1)
    for view, column in enumerate(columns):
        for index, number in enumerate(column or ()):
            frames[places[number], view] = index
    notes = []
    lacking = (frames < 0).sum(0)
    if lacking.any():
        lacks = (f"{name} lacks {n}" for name, n in zip(names, lacking, strict=True) if n)
        notes = [
            "stills are paired by the last number in their names; of "
            f"{len(everything)}, {', '.join(lacks)}"
        ]
    return frames, np.array(everything, dtype=np.int64), notes


def _numbers(video: VideoInfo) -> list[int] | None:
    """The last number in the name of each image, None where one has none."""
    found = [re.findall(r"\d+", file.stem) for file in video.files]
    return [int(digits[-1]) for digits in found] if all(found) else None


def _broken(videos: Sequence[VideoInfo]) -> list[str]:
    return [
        f"{video.path}: breaks off after frame {video.num_frames} of {video.num_announced}"
        for video in videos
        if video.num_announced > video.num_frames
    ]
