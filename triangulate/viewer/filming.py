"""A film of the scene, written to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from triangulate.drawing.sinks import check_target, picture_sink
from triangulate.output import check_writable
from triangulate.viewer.apart import NO_VULKAN, each_apart
from triangulate.viewer.contents import Contents
from triangulate.viewer.film import Film, Shots, shots_of
from triangulate.viewer.look import Look
from triangulate.viewer.moments import Faces
from triangulate.viewer.scene import Scene

STRETCH = 300
"""Pictures that are drawn by one process: Open3D loses a megabyte or more with each."""

Load = Callable[[], tuple[Contents, Look, Faces | None]]


def write_film(
    path: Path, load: Load, film: Film, progress: Callable[[int, int], object] = lambda *_: None
) -> int:
    """Draw what is shown into a video, a picture, or a folder of pictures.

    The drawing is done by other processes, stretch by stretch.

    Args:
        path: `.mp4`, `.png`, or a folder.
        load: a function of a module (or a `partial` of one) that reads what is shown, how, and
            whose faces are hidden; it is called here and once in each process.
        film: from where, when and how large.
        progress: is told how many pictures are done, of how many.

    Returns:
        How many pictures there are.

    Raises:
        InputError: frames, a camera or a file that there cannot be, or no way to draw.
    """
    turns_about = path.suffix.lower() == ".mp4"
    shots = _shots(load, film, turns_about=turns_about)
    check_target(path, len(shots))
    if shots.scene.contents.recording is not None:
        shots.scene.contents.recording.check_not_in(path)
    check_writable(path.parent if path.suffix else path)
    with picture_sink(path, film.size, shots.rate, shots.numbers) as write:
        for start in range(0, len(shots), STRETCH):
            stop = min(start + STRETCH, len(shots))
            pictures = each_apart(_draw, load, film, turns_about, start, stop, remedy=NO_VULKAN)
            for done, picture in enumerate(pictures, start=start + 1):
                write(picture)
                progress(done, len(shots))
    return len(shots)


def _shots(load: Load, film: Film, *, turns_about: bool) -> Shots:
    contents, look, faces = load()
    return shots_of(Scene.of(contents), look, film, faces, turns_about=turns_about)


def _draw(load: Load, film: Film, turns_about: bool, start: int, stop: int) -> Iterator[np.ndarray]:
    """Some of the pictures; in a process of its own."""
    from triangulate.viewer.offscreen import render_pictures

    yield from render_pictures(_shots(load, film, turns_about=turns_about).part(start, stop))
