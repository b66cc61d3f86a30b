"""Following people through the videos of all cameras with BlazePose.

Each view remembers a region for every person it follows. In the next frame the landmark network
looks there; what it finds gives the region for the frame after. The detector looks at the whole
image where nobody is followed, and once in a while where there is room for one more. A hint, such
as the region around the reprojected 3D pose, is looked at where nobody is followed yet.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from triangulate.pose2d.blazepose import NUM_LANDMARKS, BlazePose, region_from_landmarks
from triangulate.pose2d.model_files import BlazePoseFiles, blazepose_files
from triangulate.pose2d.regions import Region, overlap, region_from_body
from triangulate.pose2d.source import FramePoses, ViewState
from triangulate.skeleton import Skeleton

MIN_POSE_FLAG = 0.5
"""Below this the person is lost (`tensors_to_pose_landmarks_and_segmentation.pbtxt`)."""

SAME_PLACE = 0.5
"""Overlap of regions from which on a detection or a hint is of somebody already followed."""

SAME_PERSON = 0.75
"""Overlap of regions from which on two people are one. The joints are not compared: the network
may take left for right in one of two looks at a person."""


@dataclass(frozen=True)
class Person:
    """A person found in one view of one frame."""

    points_px: np.ndarray  # (33, 2)
    confidence: np.ndarray  # (33,)
    next_region: Region


def track_view(
    network: BlazePose,
    image: np.ndarray,
    state: ViewState,
    *,
    hint: Region | None = None,
    detect_every: int = 30,
) -> tuple[list[Person | None], ViewState]:
    """Find the people of one view in its next frame.

    Args:
        network: of this thread.
        image: (H, W, 3) uint8 RGB.
        state: what the view remembers.
        hint: where a person must be, if nobody is followed there.
        detect_every: frames after which the detector looks for more people, if there is room.

    Returns:
        The people by slot, and what the view remembers now.
    """
    people = [_look(network, image, region) if region else None for region in state.regions]
    people = _without_doubles(people, state.regions)
    if hint and not _is_at(hint, people, SAME_PLACE):
        found = _look(network, image, hint)
        if found and not _is_at(found.next_region, people, SAME_PERSON):
            people[_slot_to_give(people)] = found
    waited = state.frames_since_detection + 1
    pairs = zip(state.regions, people, strict=True)
    is_somebody_lost = any(region and not person for region, person in pairs)
    if not any(people) or (None in people and (is_somebody_lost or waited >= detect_every)):
        waited = 0
        _add_detected(network, image, people)
    return people, ViewState(tuple(p.next_region if p else None for p in people), waited)


def _look(network: BlazePose, image: np.ndarray, region: Region) -> Person | None:
    """The person in a region."""
    landmarks = network.landmarks(image, region)
    if landmarks.pose_flag < MIN_POSE_FLAG:
        return None
    points_px, confidence = landmarks.keypoints()
    next_region = region_from_landmarks(points_px)
    if next_region.size_px == 0:
        return None
    return Person(points_px[:NUM_LANDMARKS], confidence[:NUM_LANDMARKS], next_region)


def _without_doubles(
    people: Sequence[Person | None], before: Sequence[Region | None]
) -> list[Person | None]:
    """Drop the second of two slots that came to follow one person: the one that moved farther."""
    stayed = [
        overlap(region, person.next_region) if region and person else 0.0
        for region, person in zip(before, people, strict=True)
    ]
    kept: list[Person | None] = [None] * len(people)
    for slot in sorted(range(len(people)), key=lambda slot: -stayed[slot]):
        person = people[slot]
        if person and not _is_at(person.next_region, kept, SAME_PERSON):
            kept[slot] = person
    return kept


def _add_detected(network: BlazePose, image: np.ndarray, people: list[Person | None]) -> None:
    """Fill the free slots with those whom the detector finds and nobody follows."""
    for detection in network.detect(image):
        if None not in people:
            return
        if _is_at(detection.region, people, SAME_PLACE):
            continue
        found = _look(network, image, detection.region)
        if found and not _is_at(found.next_region, people, SAME_PERSON):
            people[people.index(None)] = found


def _is_at(region: Region, people: Sequence[Person | None], min_overlap: float) -> bool:
    """Whether somebody is there already."""
    return any(p and overlap(region, p.next_region) > min_overlap for p in people)


def _slot_to_give(people: Sequence[Person | None]) -> int:
    """A free slot, or that of the least certain person."""
    sums = [float(person.confidence.sum()) if person else -1.0 for person in people]
    return sums.index(min(sums))


class BlazePoseDetector:
    """Finds people in the frames of all views, one frame after the other.

    The views of a frame are worked on in parallel; what comes out does not depend on how many
    threads there are. It is a context manager; `close` ends the threads.
    """

    skeleton = Skeleton.named("mediapipe33")
    num_joints = NUM_LANDMARKS
    cache_key = "blazepose"

    def __init__(
        self,
        *,
        max_people: int = 2,
        threads: int = 2,
        detect_every: int = 30,
        files: BlazePoseFiles | None = None,
    ) -> None:
        """Prepare for the first frame; the networks are loaded with it, once a thread.

        Args:
            max_people: P, the people followed in a view.
            threads: how many views are worked on at a time.
            detect_every: frames after which a view with room looks for more people; where nobody
                is followed it looks in every frame.
            files: the networks, those of the cache by default.

        Raises:
            InputError: the networks are missing.
        """
        for name, value in (("max_people", max_people), ("threads", threads)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.max_people = max_people
        self.detect_every = detect_every
        self.state: tuple[ViewState, ...] = ()
        """What the views remember: set it to go on where another run stopped; () for a start."""
        self._files = files or blazepose_files()
        self._networks = threading.local()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="blazepose")

    def __call__(
        self,
        images: Sequence[np.ndarray | None],
        hints: Sequence[Region | None] | None = None,
    ) -> FramePoses:
        """The people in the next frame of all views.

        Args:
            images: V images (H, W, 3), uint8 RGB; a view without one (None) finds nobody and
                remembers what it did.
            hints: V regions to look into where nobody is followed; see `region_from_body`.

        Returns:
            Points (V, P, 33, 2) in pixels of the images, NaN in empty slots, and confidence
            (V, P, 33). Unpacks into the two.
        """
        hints = hints if hints is not None else [None] * len(images)
        if not self.state:
            self.state = (ViewState((None,) * self.max_people),) * len(images)
        if not len(images) == len(hints) == len(self.state):
            raise ValueError(
                f"expected {len(self.state)} views as before, "
                f"got {len(images)} images and {len(hints)} hints"
            )
        results = list(self._pool.map(self._work, images, self.state, hints))
        self.state = tuple(state for _, state in results)
        return _stack([people for people, _ in results])

    def reset(self) -> None:
        """Forget everybody: the next frame is the first one of another recording."""
        self.state = ()

    def region_around(self, points_px: np.ndarray) -> Region | None:
        """The region of a person whose landmarks (33, 2) are known, NaN where not."""
        return region_from_body(points_px)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> BlazePoseDetector:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    def _work(
        self, image: np.ndarray | None, state: ViewState, hint: Region | None
    ) -> tuple[list[Person | None], ViewState]:
        if image is None:
            return [None] * len(state.regions), state
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected a uint8 image (H, W, 3), got {image.dtype} {image.shape}")
        if not hasattr(self._networks, "network"):
            self._networks.network = BlazePose(self._files)
        return track_view(
            self._networks.network, image, state, hint=hint, detect_every=self.detect_every
        )


def _stack(views: Sequence[Sequence[Person | None]]) -> FramePoses:
    shape = (len(views), len(views[0]) if views else 0, NUM_LANDMARKS)
    points_px = np.full((*shape, 2), np.nan, np.float32)
    confidence = np.zeros(shape, np.float32)
    for view, people in enumerate(views):
        for slot, person in enumerate(people):
            if person:
                points_px[view, slot] = person.points_px
                confidence[view, slot] = person.confidence
    return FramePoses(points_px, confidence)
