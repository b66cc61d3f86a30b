"""`Recording`: files checked against a rig, and read together."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.recording.choice import FrameChoice, select_frames
from triangulate.recording.content import content_key
from triangulate.recording.offsets import offsets_beside
from triangulate.recording.pairing import Pairing, pair_frames
from triangulate.recording.prefetch import read_ahead
from triangulate.recording.sizes import fit_rig
from triangulate.recording.sources import bind_videos, list_videos
from triangulate.rig import Rig, Size
from triangulate.video import VideoInfo, probe, read_frames

Files = str | Path | Sequence[str | Path] | Mapping[str, str | Path]


@dataclass(frozen=True, eq=False)
class FrameSet:
    """What V cameras saw at one moment.

    Attributes:
        index: which frame of the recording, counted from its start whatever was selected.
        time_s: since the start of the recording, NaN where unknown.
        images: V pictures (H, W, 3) uint8 RGB of each camera's own size; None where a camera has
            no frame (dropped, or damaged).
    """

    index: int
    time_s: float
    images: list[np.ndarray | None]


@dataclass(frozen=True, eq=False)
class Recording:
    """Several cameras' videos, bound to a rig, with the frames chosen from them.

    Attributes:
        rig: the V cameras that have a video, as the videos show them (see `sizes.fit_rig`).
        image_from_rig: (V, 3, 3) affine map from the calibration's pixels to the videos'.
        videos: V videos.
        video_frames: (T, V) which frame of each video, -1 where it has none.
        frame_numbers: (T,) the chosen frames of the recording.
        times_s: (T,) when they were taken, since its start; NaN where unknown.
        fps: rate of the recording, whatever frames are chosen; None where unknown or uneven.
        notes: what was assumed, for people.
        num_frames: how many frames the recording has, chosen or not.
        late_s: (T, V) how much later than `times_s` each picture was taken, where offsets or
            timestamps tell; else None.
        offsets_s: (V,) how late the cameras are by `sync.yaml`; None without it.
    """

    rig: Rig
    image_from_rig: np.ndarray
    videos: tuple[VideoInfo, ...]
    video_frames: np.ndarray
    frame_numbers: np.ndarray
    times_s: np.ndarray
    fps: float | None
    notes: tuple[str, ...]
    num_frames: int
    late_s: np.ndarray | None = None
    offsets_s: np.ndarray | None = None

    @classmethod
    def open(
        cls,
        source: Files,
        rig: Rig,
        *,
        bind: Mapping[str, str] | None = None,
        cameras: Sequence[str] | None = None,
        frames: FrameChoice | None = None,
        every: int = 1,
        on_size_mismatch: str = "crop",
        match: str = "auto",
        fps: float | None = None,
        sync: str | Path | None = None,
    ) -> Recording:
        """Find the videos, check them against the rig, and choose frames.

        Args:
            source: a folder, paths of videos and image folders, or camera name -> path.
            rig: the cameras; those without a video are left out.
            bind: file name or stem -> camera name, for files that are named otherwise.
            cameras: names of the cameras to use; None for all.
            frames: which frames: "100:200" (the last is not included), "100:", ":50", a range, or
                numbers in growing order.
            every: of these, only every nth.
            on_size_mismatch: "crop", "scale" or "error". See `fit_rig`.
            match: "auto", "number" or "time". See `triangulate.recording`.
            fps: the rate of image folders, which cannot tell it.
            sync: the file of offsets between the cameras (`triangulate.recording.offsets`); by
                default `sync.yaml` beside the videos, where there is one; "none": no offsets.

        Raises:
            InputError: anything that keeps the recording from being used, with what to do.
        """
        paths, notes = _bind(source, rig.names, bind, cameras)
        names = tuple(paths)
        with ThreadPoolExecutor() as pool:
            videos = tuple(pool.map(partial(probe, fps=fps), paths.values()))
        fitted, size_notes = fit_rig(rig.select(names), videos, on_size_mismatch)
        offsets_s, sync_notes = offsets_beside(source, sync, names, rig.names)
        pairing = pair_frames(names, videos, match, offsets_s)
        numbers = select_frames(frames, every, pairing.num_announced)
        _check_whole(videos, pairing, numbers)
        notes += [note for video in videos for note in video.notes]
        if fps is not None and not any(video.files for video in videos):
            notes.append(f"--fps {fps:g} is left aside: the videos tell their own rate")
        return cls(
            rig=fitted,
            image_from_rig=(fitted.cameras.K @ rig.select(names).cameras.K.inverse()).numpy(),
            videos=videos,
            video_frames=pairing.video_frames[numbers],
            frame_numbers=numbers,
            times_s=pairing.times_s[numbers],
            fps=pairing.fps,
            notes=(*notes, *size_notes, *pairing.notes, *sync_notes),
            num_frames=pairing.num_announced,
            late_s=None if pairing.late_s is None else pairing.late_s[numbers],
            offsets_s=offsets_s,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """V camera names, in the rig's order."""
        return self.rig.names

    @property
    def sizes(self) -> tuple[Size, ...]:
        """V sizes (width, height) of the videos."""
        return tuple(video.size for video in self.videos)

    def __len__(self) -> int:
        """How many frames are chosen."""
        return len(self.frame_numbers)

    def select_frames(self, index: np.ndarray) -> Recording:
        """The recording with some of its chosen frames, by their place among these."""
        return replace(
            self,
            video_frames=self.video_frames[index],
            frame_numbers=self.frame_numbers[index],
            times_s=self.times_s[index],
            late_s=None if self.late_s is None else self.late_s[index],
        )

    def check_not_in(self, path: str | Path) -> None:
        """Refuse to write where one of the videos is.

        Raises:
            InputError: the path is that of a video, or of a folder of images.
        """
        target = Path(path).absolute().resolve()
        for video in self.videos:
            if target == Path(video.path).absolute().resolve():
                raise InputError(f"{path}: is a video of the recording; choose another with --out")

    def as_dict(self) -> dict[str, Any]:
        """What is known of the videos, as plain numbers and texts."""
        cameras = [
            {
                "name": name,
                "file": str(video.path),
                "size": list(video.size),
                "frames": video.num_frames,
                "fps": video.fps,
                "codec": video.codec,
            }
            for name, video in zip(self.names, self.videos, strict=True)
        ]
        return {
            "cameras": cameras,
            "frames": len(self),
            "first_frame": int(self.frame_numbers[0]),
            "last_frame": int(self.frame_numbers[-1]),
            "fps": self.fps,
            "notes": [*self.rig.notes, *self.notes],
        }

    def frames(
        self, *, decode_threads: int = 2, prefetch: int = 2
    ) -> Generator[FrameSet, None, None]:
        """The chosen frames, one set after the other, decoded in the background.

        Memory holds about `prefetch` + 2 pictures of each camera. Threads end with the generator,
        also where the loop over it is left early.

        Args:
            decode_threads: how many cameras are decoded at the same time.
            prefetch: how many frames each camera may be ahead.

        Raises:
            InputError: a file breaks off.
        """
        sources = [self._images(view) for view in range(len(self.videos))]
        with closing(read_ahead(sources, threads=decode_threads, depth=prefetch)) as sets:
            for images, number, time_s in zip(sets, self.frame_numbers, self.times_s, strict=True):
                yield FrameSet(int(number), float(time_s), images)

    def content_key(self, camera: str | None = None) -> str:
        """A fingerprint of a camera's file, or of all: same content, same key, whatever the name.

        Cheap: from the size and three pieces of the file.
        """
        if camera is None:
            keys = "".join(self.content_key(name) for name in self.names)
            return hashlib.blake2b(keys.encode(), digest_size=16).hexdigest()
        if camera not in self.names:
            raise ValueError(f"no camera {camera!r} in the recording; it has {self.names}")
        return content_key(self.videos[self.names.index(camera)])

    def _images(self, view: int) -> Iterator[np.ndarray | None]:
        """One camera's pictures for each of the chosen frames, None where there is none."""
        wanted = self.video_frames[:, view]
        frames = read_frames(self.videos[view], wanted[wanted >= 0])
        frame = None
        for index in wanted.tolist():
            if index >= 0 and (frame is None or frame.index < index):
                frame = next(frames, None)
            yield frame.image_rgb if frame is not None and frame.index == index else None


Source = Files | Recording
"""Files to open, or what they were opened as."""


def _bind(
    source: Files,
    names: Sequence[str],
    bind: Mapping[str, str] | None,
    cameras: Sequence[str] | None,
) -> tuple[dict[str, Path], list[str]]:
    if isinstance(source, Mapping):
        files = [Path(path) for path in source.values()]
        by_name = {str(path): name for path, name in zip(files, source, strict=True)}
        if len(by_name) < len(files):
            raise InputError("two cameras are given the same file")
        return bind_videos(files, names, by_name, cameras)
    if isinstance(source, str | Path):
        return bind_videos(list_videos(Path(source)), names, bind, cameras)
    return bind_videos([Path(path) for path in source], names, bind, cameras)


def _check_whole(videos: Sequence[VideoInfo], pairing: Pairing, numbers: np.ndarray) -> None:
    """Refuse frames that lie behind where a file breaks off."""
    present = len(pairing.video_frames)
    if numbers[-1] < present:
        return
    video = min(videos, key=lambda v: v.num_frames / v.num_announced)
    raise InputError(
        f"{video.path}: breaks off after frame {video.num_frames} of {video.num_announced}: copy "
        f"it again, or take what is there with --frames :{present}"
    )
