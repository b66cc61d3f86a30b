"""What a frame adds to the scene from files: the cameras' images, and a cloud.

`read_images` reads frames one after the other; `Pictures` reads whichever is asked for, beside the
program, and leaves out those that nobody waits for any more. Both hold a few frames, however long
the recording is.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from triangulate.drawing.images import shrunk
from triangulate.drawing.overlay import hide_faces
from triangulate.keypoints import Keypoints2D
from triangulate.recording import FrameSet
from triangulate.viewer.contents import Contents
from triangulate.viewer.reading import read_cloud
from triangulate.viewer.scene import Images
from triangulate.viewer.shapes import Dots, Mesh

IMAGE_PX, BEHIND_PX = 192, 640
"""The longer side of images on the cameras' image planes, and of one that lies behind all."""

_AHEAD = 8  # frames that are read and left out rather than looked for anew


@dataclass(frozen=True)
class Faces:
    """Whose faces are made unrecognisable: everybody's who has a pose or is in the keypoints.

    Attributes:
        keypoints: of the same recording, with the frames of the poses; see `keypoints_at`.
    """

    keypoints: Keypoints2D | None = None


def read_images(
    contents: Contents,
    indices: Sequence[int] | np.ndarray,
    faces: Faces | None = None,
    view: int | None = None,
) -> Generator[tuple[int, Images]]:
    """The cameras' images, made small.

    Args:
        contents: what the frames are of.
        indices: of the frames, among those of the contents, growing.
        faces: to be hidden.
        view: the camera that is looked through, whose images stay larger.

    Yields:
        A frame's index and V images, None where a camera has none; no images at all where the
        contents have no recording, or that lacks the frame.

    Raises:
        InputError: a file that breaks off or cannot be read.
    """
    if contents.recording is None:
        yield from ((int(index), ()) for index in indices)
        return
    recording, numbers = contents.recording, contents.frames[indices]
    places = np.searchsorted(recording.frame_numbers, numbers)
    places = np.minimum(places, len(recording.frame_numbers) - 1)
    present = recording.frame_numbers[places] == numbers
    with closing(recording.select_frames(places[present]).frames()) as sets:
        for index, is_there in zip(indices, present.tolist(), strict=True):
            yield (
                int(index),
                (_small(next(sets), contents, int(index), faces, view) if is_there else ()),
            )


def cloud_at(contents: Contents, index: int) -> Dots | Mesh | None:
    """A frame's cloud, read from its file; None where there is none."""
    path = contents.sequence.get(int(contents.frames[index]))
    return None if path is None else read_cloud(path)


def _small(
    frame_set: FrameSet, contents: Contents, index: int, faces: Faces | None, view: int | None
) -> Images:
    images: Images = frame_set.images
    poses = None if contents.motion is None else contents.motion.poses
    if faces is not None:
        if poses is None or contents.rig is None:
            raise ValueError("faces can be hidden only where contents have poses and a rig")
        images = hide_faces(images, poses, contents.rig, index, faces.keypoints)
    return [
        None if image is None else shrunk(image, BEHIND_PX if v == view else IMAGE_PX)
        for v, image in enumerate(images)
    ]


class Pictures:
    """The cameras' images of the frame that was asked for last, read in the background.

    Args:
        contents: with a recording, or without one: then there are no images.
        faces: to be hidden.
    """

    def __init__(self, contents: Contents, faces: Faces | None = None) -> None:
        """Begin to wait."""
        self._contents, self._faces = contents, faces
        self._condition = threading.Condition()
        self._wanted: tuple[int, int | None] | None = None
        self._found: tuple[int, int | None, Images] | None = None
        self._is_over = False
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        if contents.recording is not None:
            self._thread.start()

    def ask(self, index: int, view: int | None = None) -> None:
        """Ask for a frame; frames asked for before and not read yet are left out.

        Args:
            index: of the frame, among those of the contents.
            view: the camera that is looked through, whose image stays larger.
        """
        with self._condition:
            self._wanted = index, view
            self._condition.notify()

    def latest(self) -> tuple[int, int | None, Images] | None:
        """A frame's index, the view asked for with it, and its images, once each.

        None while there is nothing new.
        """
        with self._condition:
            found, self._found = self._found, None
            return found

    def close(self) -> None:
        """End the reading."""
        with self._condition:
            self._is_over = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        frames: Generator[tuple[int, Images]] | None = None
        upcoming, before = 0, None
        while (wanted := self._next_wanted()) is not None:
            index, view = wanted
            is_near = upcoming <= index < upcoming + _AHEAD
            try:
                if frames is None or not is_near or view != before:
                    if frames is not None:
                        frames.close()
                    rest = np.arange(index, len(self._contents.frames))
                    frames = read_images(self._contents, rest, self._faces, view)
                found, images = next(pair for pair in frames if pair[0] >= index)
                self.failure = None
            except Exception as error:  # whatever a decoder makes of a damaged file
                frames, found, images = None, index, ()
                self.failure = str(error) or type(error).__name__
            upcoming, before = found + 1, view
            with self._condition:
                self._found = found, view, images
        if frames is not None:
            frames.close()

    def _next_wanted(self) -> tuple[int, int | None] | None:
        with self._condition:
            self._condition.wait_for(lambda: self._is_over or self._wanted is not None)
            wanted, self._wanted = self._wanted, None
            return None if self._is_over else wanted
