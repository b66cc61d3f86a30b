"""What is gathered from a recording before anything is learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from triangulate.config.adaptation import AdaptConfig
from triangulate.detection import detect_recording
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.people.association import one_person
from triangulate.pose2d.heatmaps import Heatmaps2D, recording_heatmaps
from triangulate.recording import Recording

MIN_FRAMES, MIN_CAMERAS = 20, 3

Report = Callable[[str, int, int], None]  # what is done, done, all


@dataclass(frozen=True)
class Material:
    """What a recording holds for learning: T frames of one person.

    Attributes:
        recording: its frames thinned out.
        person: the detections that belong to the heatmaps.
        heatmaps: of the same frames.
    """

    recording: Recording
    person: Keypoints2D
    heatmaps: Heatmaps2D

    def part(self, frames: slice) -> Material:
        """Some of the frames."""
        index = np.arange(len(self.recording))[frames]
        return Material(
            _thinned(self.recording, index),
            self.person.select_frames(index),
            self.heatmaps.select_frames(index),
        )


def check_suffices(recording: Recording, settings: AdaptConfig) -> None:
    """Refuse what cannot be learned from before any work is done."""
    cameras = len(recording.names)
    if settings.student is not None and cameras < MIN_CAMERAS:
        raise InputError(
            f"the recording has {cameras} camera{'s' if cameras > 1 else ''} "
            f"({', '.join(recording.names)}): learning without labels needs {MIN_CAMERAS}, one of "
            "which tells whether it helped"
        )
    if len(recording) < MIN_FRAMES:
        raise InputError(
            f"the recording has {len(recording)} frames: learning without labels needs "
            f"{MIN_FRAMES}, half of them to tell whether it helped"
        )


def gather(
    recording: Recording,
    settings: AdaptConfig,
    *,
    cache: bool = True,
    report: Report | None = None,
) -> Material:
    """The person's detections and heatmaps in frames spread over the recording."""

    def telling(what: str) -> Callable[[int, int], None] | None:
        return (lambda done, total: report(what, done, total)) if report else None

    keypoints = detect_recording(recording, cache=cache, progress=telling("detecting"))
    if not (keypoints.confidence > 0).any():
        raise InputError("nobody was found in any view: check that the videos show a person")
    every = math.ceil(len(recording) / settings.max_frames)
    index = np.arange(0, len(recording), every)
    few = _thinned(recording, index)
    where = one_person(keypoints, recording.rig).select_frames(index)
    heatmaps = recording_heatmaps(few, where, cache=cache, progress=telling("looking again"))
    person = replace(
        where,
        points_px=heatmaps.points_px[:, :, None],
        confidence=heatmaps.confidence[:, :, None],
    )
    return Material(few, person, heatmaps)


def _thinned(recording: Recording, index: Sequence[int] | np.ndarray) -> Recording:
    return replace(
        recording,
        video_frames=recording.video_frames[index],
        frame_numbers=recording.frame_numbers[index],
        times_s=recording.times_s[index],
        late_s=None if recording.late_s is None else recording.late_s[index],
    )
