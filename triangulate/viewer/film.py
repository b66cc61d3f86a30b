"""Which pictures make a film of the scene."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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
_SMALLEST_PX, _LARGEST_PX = 64, 4096


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
        fits = _SMALLEST_PX <= min(self.size) and max(self.size) <= _LARGEST_PX
        if not fits or self.size[0] % 2 or self.size[1] % 2:
            raise InputError(
                f"--size {self.size[0]}x{self.size[1]}: both sides must be even and from "
                f"{_SMALLEST_PX} to {_LARGEST_PX}, such as 1280x720"
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
        camera: from where all are seen; None: an orbit, from the scene's start.
        step_rad: of the orbit, from picture to picture.
        rate: pictures a second.
        faces: to be hidden in the cameras' images.
        first: how many pictures of the orbit come before these.
    """

    scene: Scene
    look: Look
    size: Size
    indices: np.ndarray
    camera: Camera | None
    step_rad: float
    rate: float
    faces: Faces | None = None
    first: int = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self.indices)

    @property
    def numbers(self) -> np.ndarray:
        """(T,) frame numbers; counted where the same frame is seen again and again."""
        is_one = len(self) > 1 and len(self.scene.contents.frames) == 1
        return np.arange(len(self)) if is_one else self.scene.contents.frames[self.indices]

    def part(self, start: int, stop: int) -> Shots:
        """Some of them, as of a list."""
        return replace(self, indices=self.indices[start:stop], first=self.first + start)

    def camera_of(self, place: int) -> Camera:
        """From where the picture at a place among these is seen."""
        if self.camera is not None:
            return self.camera
        angle_rad = self.step_rad * (self.first + place)
        return self.scene.start.turned(angle_rad).camera(self.size)

    def __iter__(self) -> Iterator[Shot]:
        """The pictures, with the cameras' images where they are shown."""
        indices, counts = np.unique(self.indices, return_counts=True)
        pictures: Iterable[tuple[int, Images]] = ((int(index), ()) for index in indices)
        if Layer.images in self.look.layers:
            contents, view = self.scene.contents, self.look.view
            pictures = read_images(contents, indices, self.faces, view)
        place = 0
        for (index, images), count in zip(pictures, counts.tolist(), strict=True):
            for _ in range(count):
                yield Shot(index, self.camera_of(place), images)
                place += 1


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
    camera = None
    if film.view == STILL:
        camera = scene.start.camera(film.size)
    elif film.view != ORBIT and rig is not None and film.view in rig.names:
        look = replace(look, view=rig.names.index(film.view))
        camera = camera_of_rig(rig, rig.names.index(film.view), film.size)
    elif film.view != ORBIT:
        known = ", ".join([ORBIT, STILL, *(rig.names if rig is not None else ())])
        raise InputError(f"--view {film.view}: there are {known}")
    return Shots(scene, look, film.size, indices, camera, step_rad, rate, faces)


def _chosen(contents: Contents, film: Film) -> np.ndarray:
    """(T,) indices of the frames wanted."""
    numbers, indices = contents.frames, np.arange(len(contents.frames))
    if film.frames is not None:
        wanted = select_frames(film.frames, 1, int(numbers[-1]) + 1)
        indices = np.flatnonzero(np.isin(numbers, wanted))
    indices = indices[:: film.every]
    if not len(indices):
        raise InputError(
            f"--frames {film.frames}: there are frames {numbers[0]} to {numbers[-1]}, and none of "
            "those"
        )
    return indices
