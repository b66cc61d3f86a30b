"""Boards in recordings: `detect(videos, target)` -> `Observations`.

>>> observations = detect("recordings/board", load_target("board.yaml"))
>>> for note in observations.notes: print(note)

What the description says is tried first, then the negative, then both from behind: a board whose
print shows through, or that is printed on both sides, is used from either. What is unexpected is
told in the notes; what is found in no camera ends with a line that says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from calib.camera_files import CameraFiles, Files
from calib.detectors.looks import Look, grey_of, is_inverted, looks_at
from calib.diagnosis import check_board, explain
from calib.frame_choice import AUTO, choose_frames, new_places
from calib.observations import Observations
from calib.scanning import Found, FrameCount, Progress, Search, search_videos
from calib.targets import AprilGrid, Charuco, Chessboard, CircleGrid, Target, load_target
from triangulate.errors import InputError
from triangulate.video import read_frames

_SAMPLE_FRAMES = 16  # looked at in every way, to find out which one it is
_PICTURES = 4  # looked at to find out what is wrong


def detect(
    videos_or_folders: Files,
    target: Target | str | Path,
    *,
    frames: str | None = None,
    every: int | None = None,
    cameras: Sequence[str] | None = None,
    bind: Mapping[str, str] | None = None,
    match: str = "auto",
    fps: float | None = None,
    sync: str | Path | None = None,
    cache: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Observations:
    """Find a target in the videos, or image folders, of one or several cameras.

    Args:
        videos_or_folders: a recording's folder, a list of paths, or camera name -> path. Cameras
            are named after the files.
        target: the board, or the path of its `board.yaml`.
        frames: which frames: "100:200", "all", or "auto", which leaves out those in which the board
            has not moved; by default all, or 400 evenly spaced ones where there are more.
        every: of these, only every nth.
        cameras: which cameras, in this order; None for all.
        bind: file name or stem -> camera name, for files that are named otherwise.
        match: which frames belong together, see `triangulate.recording`.
        fps: the rate of image folders, which cannot tell it.
        sync: the file of offsets between the cameras; `sync.yaml` beside the videos by default.
        cache: take finished stretches from the user's cache folder, and leave them there.
        workers: how many threads; as many as processors by default.
        progress: called as frames are done, from any thread.

    Returns:
        The frames in which at least one camera sees the board.

    Raises:
        InputError: files that cannot be used, a board that is not as described, or none at all.
    """
    board = _as_target(target)
    files = CameraFiles.open(
        videos_or_folders, bind=bind, cameras=cameras, match=match, fps=fps, sync=sync
    )
    rows, choice_notes = choose_frames(frames, every, len(files.frame_numbers))
    wanted = [column[column >= 0] for column in files.video_frames[rows].T]
    found = _search(files, wanted, board, cache=cache, workers=workers, progress=progress)
    if not any(found):
        raise InputError(_nobody_sees(files, wanted, board))
    best = max(range(len(found)), key=lambda view: len(found[view]))
    seen = _pictures(files, best, np.array(sorted(found[best])), _PICTURES)
    check_board(seen, board, found[best])
    notes = [*files.notes, *choice_notes, *_look_notes(files.names, found, board)]
    notes += [
        f"{name} never sees the board: 0 of {len(frames)} frames: is it in view of this camera, "
        "sharp and lit? If it never was, leave the camera out with --cameras"
        for name, frames, items in zip(files.names, wanted, found, strict=True)
        if not items
    ]
    observations = _observations(files, rows, found, len(board.points_m), notes)
    missing = int((~observations.seen.any((0, 1))).sum())
    if missing:
        note = (
            f"{missing} of the board's {len(board.points_m)} points are never seen by any camera: "
            "if the print is smaller than board.yaml says, correct columns and rows"
        )
        observations = replace(observations, notes=(*observations.notes, note))
    if frames != AUTO:
        return observations
    widths = np.array([width for width, _ in observations.sizes])
    return observations.select_frames(new_places(observations.points_px, widths))


def _as_target(target: object) -> Target:
    match target:
        case str() | Path():
            return load_target(target)
        case Charuco() | Chessboard() | AprilGrid() | CircleGrid():
            return target
    raise InputError(
        "detection needs to know what the board looks like: give a calib.targets description, or "
        "the path of a board.yaml"
    )


def _search(
    files: CameraFiles,
    wanted: Sequence[np.ndarray],
    board: Target,
    *,
    cache: bool,
    workers: int | None,
    progress: Progress | None,
) -> list[dict[int, Found]]:
    """What each camera sees, by the frames of its video.

    Some frames of every camera are looked at in every way; the others in the ways that worked.
    """
    samples = [np.unique(frames[_evenly(len(frames), _SAMPLE_FRAMES)]) for frames in wanted]
    rest = [np.setdiff1d(frames, some) for frames, some in zip(wanted, samples, strict=True)]
    count = FrameCount(progress, sum(map(len, wanted)))

    def search(frames: Sequence[np.ndarray], looks: Sequence[tuple[Look, ...]]) -> list:
        parts = [Search(*part) for part in zip(files.videos, frames, looks, strict=True)]
        return search_videos(parts, board, count, cache=cache, workers=workers)

    first = search(samples, [looks_at(board)] * len(samples))
    then = search(rest, _looks_that_work(first, board))
    return _one_colour([a | b for a, b in zip(first, then, strict=True)])


def _looks_that_work(first: Sequence[Mapping[int, Found]], board: Target) -> list[tuple[Look, ...]]:
    """For each camera how to look on, judged by a first sample of its frames.

    Whether the print is a negative is the same for all. Where somebody sees the board from behind,
    it is seen from both sides, and each camera may see either.
    """
    tally = Counter(item.look for items in first for item in items.values())
    if not tally:
        return [looks_at(board)] * len(first)
    inverted = tally.most_common(1)[0][0].inverted
    is_two_sided = any(look.mirrored and look.inverted == inverted for look in tally)
    kept = []
    for items in first:
        own = [look for look, _ in Counter(item.look for item in items.values()).most_common()]
        if not own or is_two_sided:
            own += [Look(inverted, False), Look(inverted, True)]
        possible = [look for look in own if look.inverted == inverted and look in looks_at(board)]
        kept.append(tuple(dict.fromkeys(possible or own)))
    return kept


def _one_colour(found: list[dict[int, Found]]) -> list[dict[int, Found]]:
    """Without what was found in the other colour than most: a print has one."""
    points = Counter[bool]()
    for items in found:
        for item in items.values():
            points[item.look.inverted] += item.sighting.count
    if not points:
        return found
    colour = points.most_common(1)[0][0]
    return [{n: i for n, i in items.items() if i.look.inverted == colour} for items in found]


def _observations(
    files: CameraFiles,
    rows: np.ndarray,
    found: Sequence[Mapping[int, Found]],
    num_points: int,
    notes: Sequence[str],
) -> Observations:
    """The rows in which somebody sees the board."""
    views = len(files.names)
    points_px = np.full((views, len(rows), num_points, 2), np.nan)
    spread = np.full((views, len(rows), num_points), np.nan)
    for place, frames in enumerate(files.video_frames[rows].tolist()):
        for view, frame in enumerate(frames):
            if item := found[view].get(frame):
                points_px[view, place] = item.sighting.points_px
                spread[view, place] = item.sighting.spread
    used = np.isfinite(spread).any((0, 2))
    times_s = files.times_s[rows][used]
    return Observations.from_arrays(
        points_px[:, used],
        files.names,
        [video.size for video in files.videos],
        frames=files.frame_numbers[rows][used],
        times_s=times_s if np.isfinite(times_s).all() else None,
        spread=spread[:, used],
        notes=notes,
    )


def _pictures(
    files: CameraFiles, view: int, frames: np.ndarray, most: int
) -> list[tuple[int, np.ndarray]]:
    """A few of a camera's frames: numbers and grey pictures."""
    some = np.unique(frames[_evenly(len(frames), most)])
    return [
        (frame.index, grey_of(frame.image_rgb)) for frame in read_frames(files.videos[view], some)
    ]


def _evenly(count: int, most: int) -> np.ndarray:
    """At most so many places of `count`, in the middle of equal parts."""
    return ((np.arange(min(most, count)) + 0.5) * count / max(min(most, count), 1)).astype(int)


# --- Notes ----------------------------------------------------------------------------------------


def _look_notes(
    names: Sequence[str], found: Sequence[Mapping[int, Found]], board: Target
) -> list[str]:
    """What was not as described."""
    notes = []
    if any(item.look.inverted for items in found for item in items.values()):
        is_dark = is_inverted(board)
        printed, says = ("black on white", "false") if is_dark else ("white on black", "true")
        notes.append(
            f"found on the inverted image: the board is printed {printed} "
            f"(inverted: {says} in board.yaml)"
        )
    for name, items in zip(names, found, strict=True):
        behind = sum(item.look.mirrored for item in items.values())
        if behind:
            part = "" if behind == len(items) else f" in {behind} of {len(items)} frames"
            notes.append(f"{name} sees the board mirrored, from behind{part}")
    return notes


def _nobody_sees(files: CameraFiles, wanted: Sequence[np.ndarray], board: Target) -> str:
    """Why no camera sees the board, in one line."""
    each = -(-_PICTURES // len(files.names))
    pictures = [
        picture
        for view, frames in enumerate(wanted)
        for _, picture in _pictures(files, view, frames, each)
    ]
    whom = files.names[0] if len(files.names) == 1 else f"all {len(files.names)} cameras"
    count = f"0 of {sum(map(len, wanted))} frames"
    return f"{whom}: the board is found in {count}: {explain(pictures, board)}"
