"""What a video file says about itself: size, rotation, and when each of its frames is shown."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from triangulate.errors import InputError
from triangulate.video.info import VideoInfo


@dataclass(frozen=True, eq=False)
class _Table:
    """When frames are shown, in the order of presentation, in the stream's time base.

    Attributes:
        timestamps: (T,) int64, growing; None where the file has none to be trusted.
        keyframes: (K,) frame numbers.
        num_frames: T.
        num_announced: at least T.
    """

    timestamps: np.ndarray | None
    keyframes: np.ndarray
    num_frames: int
    num_announced: int


def probe_video(path: Path) -> VideoInfo:
    """What a video file holds. See `triangulate.video.probe`."""
    with opened(path) as (container, stream):
        table = _table_from_index(path, container, stream) or _table_by_reading(
            path, container, stream
        )
        rate = float(stream.average_rate or stream.guessed_rate or 0) or None
        time_base = float(stream.time_base or 0)
        codec = stream.codec_context.name
    if not table.num_frames:
        raise _unreadable(path, "no frame of it is whole")
    size, quarter_turns, notes = _first_picture(path)
    times_s, fps, is_variable = _times(table, time_base, rate)
    return VideoInfo(
        path=path,
        size=size,
        codec=codec,
        times_s=times_s,
        fps=fps,
        is_variable_rate=is_variable,
        num_announced=table.num_announced,
        quarter_turns=quarter_turns,
        notes=notes,
        timestamps=table.timestamps,
        keyframes=table.keyframes,
    )


@contextmanager
def opened(path: Path, *, threads: int = 1) -> Iterator[tuple[InputContainer, VideoStream]]:
    """An open video file and its (first) video stream.

    Raises:
        InputError: it cannot be opened, or holds no video.
    """
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{path}: there is no such file") from None
        raise _unreadable(path, _reason(path, error)) from None
    with container:
        stream = next((s for s in container.streams.video if not _is_cover(s)), None)
        if stream is None:
            raise _unreadable(path, "it holds no video stream")
        if stream.codec_context is None:
            raise _unreadable(path, "its codec is not known")
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = "AUTO" if threads > 1 else "NONE"
        yield container, stream


def decoded_frames(container: InputContainer, stream: VideoStream) -> Generator[VideoFrame]:
    """The frames that can be decoded, from where the container stands; damaged ones left out."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)


def _table_from_index(path: Path, container: InputContainer, stream: VideoStream) -> _Table | None:
    """The times from the file's own index, None where they cannot be had exactly.

    The index of an MP4 holds the times of *decoding*: those of presentation, sorted, are the same
    but for a shift, if frames are not reordered or all steps are alike.
    """
    entries = stream.index_entries
    if "mp4" not in container.format.name or not 0 < stream.frames == len(entries):
        return None
    rows = np.array(
        [(e.timestamp, e.pos + e.size, e.is_keyframe, e.is_discard) for e in entries],
        dtype=np.int64,
    )
    decoded, end_byte, is_key, is_discard = rows.T
    if np.any(is_discard) or stream.start_time is None:
        return None
    if stream.codec_context.has_b_frames and not _is_even(decoded):
        return None
    shown = decoded - decoded[0] + stream.start_time
    if np.any(np.diff(shown) <= 0):
        return None
    cut = np.nonzero(end_byte > path.stat().st_size)[0]
    # What is shown before the first missing frame is decoded does not need it.
    present = len(shown) if not len(cut) else int(np.searchsorted(shown, decoded[cut[0]]))
    keyframes = np.nonzero(is_key)[0]
    return _Table(shown[:present], keyframes[keyframes < present], present, len(shown))


def _table_by_reading(path: Path, container: InputContainer, stream: VideoStream) -> _Table:
    """The times of all packets, read through once without decoding."""
    rows: list[tuple[int | None, bool]] = []
    decoded = 0  # up to which time: packets come in the order of decoding
    try:
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard and not packet.is_corrupt:
                rows.append((packet.pts, packet.is_keyframe))
                decoded = packet.dts if packet.dts is not None else decoded
    except av.FFmpegError:
        pass  # It breaks off here: what was announced tells.
    times = [pts for pts, _ in rows if pts is not None]
    shown = np.sort(np.array(times, dtype=np.int64))
    announced = _announced(container, stream, len(rows), shown)
    reordered_avi = container.format.name == "avi" and stream.codec_context.has_b_frames
    if reordered_avi or len(times) < len(rows) or np.any(np.diff(shown) <= 0):
        return _Table(None, np.zeros(0, int), len(rows), announced)
    if announced > len(rows):  # A frame shown later may be there while one before it is lost.
        shown = shown[shown <= decoded]
    keyframes = np.searchsorted(
        shown, sorted(pts for pts, is_key in rows if is_key and pts is not None)
    )
    return _Table(shown, keyframes[keyframes < len(shown)], len(shown), announced)


def _announced(
    container: InputContainer, stream: VideoStream, count: int, shown: np.ndarray
) -> int:
    """How many frames the file promises; `count`, which it has, where that is nearly the same."""
    announced = count
    if "mp4" in container.format.name:
        file_size = container.size
        if any(entry.pos + entry.size > file_size for entry in stream.index_entries):
            announced = max(stream.frames, count + 1)
        return announced
    if container.format.name == "avi":
        announced = stream.frames
    elif "matroska" in container.format.name and len(shown) > 1:
        tag = stream.metadata.get("DURATION")
        alone = len(container.streams.get()) == 1
        whole_s = (container.duration or 0) / av.time_base if alone else 0.0
        promised_s = _seconds(tag) if tag else whole_s
        reached_s = float(shown[-1] * (stream.time_base or 0))
        announced = count + round((promised_s - reached_s) * (count - 1) / max(reached_s, 1e-9))
    return announced if announced > 1.01 * count + 5 else count


def _times(
    table: _Table, time_base: float, rate: float | None
) -> tuple[np.ndarray, float | None, bool]:
    """(T,) seconds since the first frame, the average rate, and whether the steps differ."""
    if table.timestamps is None or len(table.timestamps) < 2:
        return np.arange(table.num_frames) / (rate or np.nan), rate, False
    times_s = (table.timestamps - table.timestamps[0]) * time_base
    fps = (len(times_s) - 1) / float(times_s[-1])
    if rate and abs(fps / rate - 1) < 1e-3:
        fps = rate  # what the file says is free of rounding
    return times_s, fps, not _is_even(table.timestamps)


def _is_even(timestamps: np.ndarray) -> bool:
    """Whether all steps are alike, but for the rounding to the time base."""
    steps = np.diff(timestamps)
    step = np.median(steps) if len(steps) else 0
    return bool(np.all(np.abs(steps - step) <= max(0.1 * step, 1)))


def _first_picture(path: Path) -> tuple[tuple[int, int], int, tuple[str, ...]]:
    """Size after rotation, quarter turns, and notes, from the first frame that decodes."""
    with opened(path) as (container, stream):
        frame = next(decoded_frames(container, stream), None)
        if frame is None:
            raise _unreadable(path, "no frame of it can be decoded")
        aspect = stream.sample_aspect_ratio
        quarter_turns = _quarter_turns(path, frame)
    notes = []
    if aspect and aspect != 1:
        notes.append(
            f"{path.name}: its pixels are {float(aspect):.3f} times as wide as high: "
            "taken as stored, as the calibration must have been"
        )
    if frame.interlaced_frame:
        notes.append(f"{path.name}: it is interlaced: every other row is half a frame late")
    size = (frame.width, frame.height)
    return (size[::-1] if quarter_turns % 2 else size), quarter_turns, tuple(notes)


def _quarter_turns(path: Path, frame: VideoFrame) -> int:
    side_data: Any = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return 0
    matrix = np.frombuffer(side_data, dtype=np.int32).astype(np.float64)
    a, b, _, c, d = matrix[:5]
    if a * d - b * c < 0:
        raise InputError(
            f"{path}: its metadata ask for a mirrored picture, which no camera model describes: "
            "encode it again without"
        )
    turns = frame.rotation / 90
    if abs(turns - round(turns)) > 0.02:
        raise InputError(
            f"{path}: its metadata ask for a rotation of {frame.rotation} degrees; only quarter "
            "turns are possible: encode it again without"
        )
    return round(turns) % 4


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _seconds(tag: str) -> float:
    hours, minutes, seconds = (float(part) for part in tag.split(":"))
    return 3600 * hours + 60 * minutes + seconds


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "reading it is not permitted"
    if not path.is_file():
        return "it is no file"
    if path.stat().st_size == 0:
        return "the file is empty"
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return "it is cut off: the index at its end is missing"
    return "it is damaged or no video"


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: cannot be opened as a video ({reason}); copy it again from the camera, or leave "
        "the camera out with --cameras"
    )
