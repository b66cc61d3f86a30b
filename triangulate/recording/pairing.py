"""Which frames of several videos were taken together. See `triangulate.recording`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triangulate.errors import InputError
from triangulate.video import VideoInfo

MATCHES = ("auto", "number", "time")

SAME_RATE = 0.01
WORTH_SAYING = 0.0005  # 60 against 59.94 is twice as much


@dataclass(frozen=True, eq=False)
class Pairing:
    """The frames of V videos put together.

    Attributes:
        video_frames: (T, V) which frame of each video, -1 where it has none.
        times_s: (T,) since the start, NaN where unknown.
        fps: how often, None where unknown.
        num_announced: T as the files announce it; more where one of them breaks off.
        notes: for people.
        late_s: (T, V) how much later than `times_s` each frame was taken, as far as is known; None
            where nothing is.
    """

    video_frames: np.ndarray
    times_s: np.ndarray
    fps: float | None
    num_announced: int
    notes: tuple[str, ...] = ()
    late_s: np.ndarray | None = None


def pair_frames(
    names: Sequence[str],
    videos: Sequence[VideoInfo],
    match: str = "auto",
    late_s: np.ndarray | None = None,
) -> Pairing:
    """Put the frames of videos together, by number or by time.

    Args:
        names: V camera names, for messages.
        videos: V videos.
        match: "number", "time", or "auto": by number where the rates are constant and the same.
        late_s: (V,) how late each camera is (see `triangulate.recording.offsets`), against one of
            these that is 0 late; None where they start together.

    Raises:
        InputError: rates that differ, times that are not known, or offsets that leave no frames.
    """
    if match not in MATCHES:
        raise InputError(f"match is one of {', '.join(MATCHES)}, not {match!r}")
    unknown = [n for n, v in zip(names, videos, strict=True) if np.isnan(v.times_s).any()]
    varying = [n for n, v in zip(names, videos, strict=True) if v.is_variable_rate]
    if match == "time" and unknown:
        raise InputError(f"{unknown[0]}: its frames have no times to match by; give --fps")
    if match == "time" or (match == "auto" and varying and not unknown):
        return _by_time(names, videos, varying, late_s)
    return _by_number(names, videos, varying, late_s, asked=match == "number")


def pair_by_time(
    times: Sequence[np.ndarray], reference: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Frames at the ticks of one video's clock.

    Args:
        times: V arrays (T_v,) of growing seconds since a common start.
        reference: which of them is the clock; its holes are filled with ticks.

    Returns:
        (T,) ticks in seconds, (T, V) the frame nearest to each within half a period or -1, and the
        period in seconds.
    """
    clock = times[reference]
    period = float(np.median(np.diff(clock))) if len(clock) > 1 else 1.0
    # A step of n periods becomes n steps.
    parts = np.maximum(np.rint(np.diff(clock) / period), 1).astype(np.int64)
    position = np.concatenate([[0], np.cumsum(parts)])
    ticks = np.interp(np.arange(position[-1] + 1), position, clock)
    ticks = ticks[ticks <= min(float(t[-1]) for t in times) + period / 2]
    columns = []
    for t in times:
        frame = _nearest(t, ticks)
        mutual = _nearest(ticks, t)[frame] == np.arange(len(ticks))
        near = np.abs(t[frame] - ticks) <= period / 2
        columns.append(np.where(mutual & near, frame, -1))
    return ticks, np.stack(columns, axis=1), period


def _nearest(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which of the growing `values` is nearest to each of `at`."""
    if len(values) == 1:
        return np.zeros(len(at), dtype=np.int64)
    after = np.searchsorted(values, at).clip(1, len(values) - 1)
    return after - (at - values[after - 1] <= values[after] - at)


def _by_number(
    names: Sequence[str],
    videos: Sequence[VideoInfo],
    varying: Sequence[str],
    late_s: np.ndarray | None,
    *,
    asked: bool,
) -> Pairing:
    notes = _rate_notes(names, videos, asked=asked)
    if varying:
        why = "as asked for" if asked else "there are cameras whose frames have no times"
        notes.append(f"{', '.join(varying)}: the frame rate varies; paired by number, {why}")
    with_times = next((v for v in videos if not np.isnan(v.times_s).any()), videos[0])
    step_s = None if with_times.fps is None else 1 / with_times.fps
    shift = np.zeros(len(videos), dtype=np.int64)  # the frame of the clock at which each begins
    if late_s is not None:
        if step_s is None:
            raise InputError("the images have no times, so that offsets mean nothing: give --fps")
        shift = np.rint(late_s / step_s).astype(np.int64)
    announced = [video.num_announced for video in videos] + shift
    count = int(announced.min())
    lengths = np.array([video.num_frames for video in videos])
    _check_together(names, late_s, shift, lengths + shift - 1)
    if announced.max() > count and late_s is None:
        counts = ", ".join(f"{name} {n}" for name, n in zip(names, announced, strict=True))
        notes.append(f"the cameras differ in frames ({counts}); the first {count} are taken")
    present = min(count, int((lengths + shift).min()))
    ticks = np.arange(present)[:, None]
    frames = np.where(ticks >= shift, ticks - shift, -1)
    times_s = with_times.times_s[:present]
    rest_s = None
    if late_s is not None and step_s is not None:
        times_s = ticks[:, 0] * step_s
        rest_s = np.repeat((late_s - shift * step_s)[None], present, axis=0)
    return Pairing(frames, times_s, with_times.fps, count, tuple(notes), rest_s)


def _rate_notes(names: Sequence[str], videos: Sequence[VideoInfo], *, asked: bool) -> list[str]:
    rates = {n: v.fps for n, v in zip(names, videos, strict=True) if v.fps is not None}
    if not rates or max(rates.values()) <= (1 + WORTH_SAYING) * min(rates.values()):
        return []
    slow, fast = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    says = f"{fast} runs at {rates[fast]:.6g} frames a second, {slow} at {rates[slow]:.6g}"
    if rates[fast] > (1 + SAME_RATE) * rates[slow] and not asked:
        raise InputError(
            f"{says}: say --match time if the timestamps are right, --match number if frame i of "
            "each belongs together whatever the files say"
        )
    return [f"{says}: paired by number; --match time goes by the timestamps"]


def _by_time(
    names: Sequence[str],
    videos: Sequence[VideoInfo],
    varying: Sequence[str],
    late_s: np.ndarray | None,
) -> Pairing:
    reference = _reference(videos)
    known_s = np.zeros(len(videos)) if late_s is None else late_s
    taken = [video.times_s + late for video, late in zip(videos, known_s, strict=True)]
    ends = np.array([t[[0, -1]] for t in taken])
    _check_together(names, late_s, ends[:, 0], ends[:, 1])
    ticks, frames, period = pair_by_time(taken, reference)
    missing = (frames < 0).sum(axis=0)
    lacks = [f"{name} lacks {n}" for name, n in zip(names, missing, strict=True) if n]
    why = f"the frame rate of {', '.join(varying)} varies; " if varying else ""
    note = f"{why}frames are paired by their times, on the clock of {names[reference]}"
    if lacks:
        note += f"; of {len(ticks)}, {', '.join(lacks)}"
    breaks_off = any(video.num_announced > video.num_frames for video in videos)
    columns = [t[index] for t, index in zip(taken, frames.T, strict=True)]
    rest_s = np.where(frames >= 0, np.stack(columns, axis=1) - ticks[:, None], 0.0)
    return Pairing(frames, ticks, 1 / period, len(ticks) + breaks_off, (note,), rest_s)


def _check_together(
    names: Sequence[str], late_s: np.ndarray | None, first: np.ndarray, last: np.ndarray
) -> None:
    """Refuse offsets that leave no moment at which all cameras ran, from `first` to `last`."""
    if late_s is not None and first.max() > last.min():
        farthest = int(np.abs(late_s).argmax())
        raise InputError(
            f"camera {names[farthest]!r} is {late_s[farthest]:+.3f} s late by its offset, and has "
            "no frame together with all others: correct the file of offsets, or leave it aside "
            "with --sync none"
        )


def _reference(videos: Sequence[VideoInfo]) -> int:
    """The clock: the slowest video (else the others would lack frames), then the steadiest."""
    periods = [float(np.median(np.diff(v.times_s))) if v.num_frames > 1 else 0.0 for v in videos]
    slow = [v for v, p in enumerate(periods) if p >= (1 - SAME_RATE) * max(periods)]
    return min(slow, key=lambda v: (videos[v].is_variable_rate, -videos[v].num_frames, v))
