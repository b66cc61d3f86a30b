"""Which pictures make a film of the scene."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.options import Layer
from triangulate.recording import select_frames
from triangulate.rig import Size
from triangulate.viewer.contents import Contents
from triangulate.viewer.look import Look
from triangulate.viewer.moments import Faces, read_images
from triangulate.viewer.scene import Images, Scene
from triangulate.viewer.timeline import DEFAULT_FPS
from triangulate.viewer.viewpoint import camera_of_rig

ORBIT, STILL = "orbit", "still"
_TURN_S = 12.0  # of a full turn about what stands still
_SMALLEST_PX = 64


@dataclass(frozen=True)
class Film:
    """How it is seen, and when.

    Attributes:
        size: (width, height) of the pictures, even.
        view: "orbit": around everything; "still": from one place; or a camera of the rig.
        turn_deg_s: degrees a second of an orbit.
        frames: "START:STOP", frame numbers; None: all.
        every: only every nth of them.
    """

    size: Size
    view: str = ORBIT
    turn_deg_s: float = 15.0
    frames: str | None = None
    every: int = 1

    def __post_init__(self) -> None:
        """Refuse sizes that no video can have, steps that are none, turns that are no number."""
        if self.every < 1:
            raise InputError(f"--every {self.every}: must be 1 or more")
        if min(self.size) < _SMALLEST_PX or self.size[0] % 2 or self.size[1] % 2:
            raise InputError(
                f"--size {self.size[0]}x{self.size[1]}: both sides must be even and at least "
                f"{_SMALLEST_PX}, such as 1280x720"
            )
        if not np.isfinite(self.turn_deg_s):
            raise InputError(f"--turn {self.turn_deg_s}: must be degrees a second, such as 15")


@dataclass(frozen=True)
class Shot:
    """A picture to be made.

    Attributes:
        index: of the frame, among those of the contents.
        camera: from where it is seen.
        images: V images of the cameras, None where there is none; or none at all.
    """

    index: int
    camera: Camera
    images: Images = ()


@dataclass(frozen=True)
class Shots:
    """Pictures to be made, one after the other.

    Attributes:
        scene: what is seen.
        look: how.
        size: (width, height) of the pictures.
        indices: (T,) of the frames, among those of the contents, never falling.
        cameras: a camera a frame.
        rate: pictures a second.
        faces: to be hidden in the cameras' images.
    """

    scene: Scene
    look: Look
    size: Size
    indices: np.ndarray
    cameras: list[Camera]
    rate: float
    faces: Faces | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.indices)

    @property
    def numbers(self) -> np.ndarray:
        """(T,) frame numbers; counted where the same frame is seen again and again."""
        frames = self.scene.contents.frames
        return np.arange(len(self)) if len(frames) == 1 else frames[self.indices]

    def __iter__(self) -> Iterator[Shot]:
        """The pictures, with the cameras' images where they are shown."""
        indices, counts = np.unique(self.indices, return_counts=True)
        pictures: Iterable[tuple[int, Images]] = ((int(index), ()) for index in indices)
        if Layer.images in self.look.layers:
            contents, view = self.scene.contents, self.look.view
            pictures = read_images(contents, indices, self.faces, view)
        cameras = iter(self.cameras)
        for (index, images), count in zip(pictures, counts.tolist(), strict=True):
            for camera in islice(cameras, count):
                yield Shot(index, camera, images)


def shots_of(
    scene: Scene, look: Look, film: Film, faces: Faces | None = None, *, turns_about: bool = True
) -> Shots:
    """The pictures of a film.

    Args:
        scene: what is seen.
        look: how.
        film: from where, and when.
        faces: to be hidden in the cameras' images.
        turns_about: where nothing moves, an orbit is one turn about it; else one picture.

    Raises:
        InputError: frames or a camera that there are not.
    """
    contents, rig = scene.contents, scene.contents.rig
    if len(contents.frames) == 1:
        count = round(_TURN_S * DEFAULT_FPS) if turns_about and film.view == ORBIT else 1
        indices, rate, step_rad = np.zeros(count, int), DEFAULT_FPS, 2 * np.pi / count
    else:
        indices = _chosen(contents, film)
        rate = (contents.rate or DEFAULT_FPS) / film.every
        step_rad = np.deg2rad(film.turn_deg_s) / rate
    if film.view == ORBIT:
        turns = (scene.start.turned(step_rad * number) for number in range(len(indices)))
        cameras = [viewpoint.camera(film.size) for viewpoint in turns]
    elif film.view == STILL:
        cameras = [scene.start.camera(film.size)] * len(indices)
    elif rig is not None and film.view in rig.names:
        view = rig.names.index(film.view)
        look = replace(look, view=view)
        cameras = [camera_of_rig(rig, view, film.size)] * len(indices)
    else:
        known = ", ".join([ORBIT, STILL, *(rig.names if rig is not None else ())])
        raise InputError(f"--view {film.view}: there are {known}")
    return Shots(scene, look, film.size, indices, cameras, rate, faces)


def _chosen(contents: Contents, film: Film) -> np.ndarray:
    """(T,) indices of the frames wanted."""
    numbers = contents.frames
    wanted = select_frames(film.frames, 1, int(numbers[-1]) + 1)
    indices = np.flatnonzero(np.isin(numbers, wanted))[:: film.every]
    if not len(indices):
        raise InputError(
            f"--frames {film.frames}: there are frames {numbers[0]} to {numbers[-1]}, and none of "
            "those"
        )
    return indices
