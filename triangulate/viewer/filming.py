"""A film of the scene, written to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from triangulate.drawing.sinks import check_target, picture_sink
from triangulate.output import check_writable
from triangulate.viewer.contents import Contents
from triangulate.viewer.film import Film, shots_of
from triangulate.viewer.look import Look
from triangulate.viewer.moments import Faces
from triangulate.viewer.offscreen import render_pictures
from triangulate.viewer.scene import Scene


def write_film(
    path: Path,
    contents: Contents,
    look: Look,
    film: Film,
    faces: Faces | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> int:
    """Draw what is shown into a video, a picture, or a folder of pictures.

    Open3D may end the whole process: see `triangulate.viewer.apart`.

    Args:
        path: `.mp4`, `.png`, or a folder.
        contents: what is shown.
        look: how.
        film: from where, when and how large.
        faces: to be hidden in the cameras' images.
        progress: is told how many pictures are done, of how many.

    Returns:
        How many pictures there are.

    Raises:
        InputError: frames, a camera or a file that there cannot be.
    """
    shots = shots_of(
        Scene.of(contents), look, film, faces, turns_about=path.suffix.lower() == ".mp4"
    )
    check_target(path, len(shots))
    check_writable(path.parent if path.suffix else path)
    with picture_sink(path, film.size, shots.rate, shots.numbers) as write:
        for done, picture in enumerate(render_pictures(shots), start=1):
            write(picture)
            progress(done, len(shots))
    return len(shots)
