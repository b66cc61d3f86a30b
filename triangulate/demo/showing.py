"""What shows the filmed walk's result: a picture, two videos of the poses, and the report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from triangulate.demo.stages import Stages
from triangulate.demo.truth import telling_frame
from triangulate.drawing import draw_result, save_picture
from triangulate.drawing.sheet import lay_out_sheet, overlay_pictures, rate_of, with_poses
from triangulate.drawing.sinks import picture_sink
from triangulate.errors import InputError
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.video import read_frames
from triangulate.viewer.contents import Contents, Motion
from triangulate.viewer.film import Film
from triangulate.viewer.filming import write_film
from triangulate.viewer.look import Look

SCENE_SIZE = 800, 450

_TITLE = "triangulate demo: the walk on rendered video, read by an image network"


@dataclass(frozen=True)
class Shown:
    """The files that were written.

    Attributes:
        picture: one frame.
        overlay: a video.
        scene: a video of it in space; None where none could be drawn.
        report: a page; None where none could be written.
        notes: what is missing, for people.
    """

    picture: Path
    overlay: Path
    scene: Path | None
    report: Path | None
    notes: tuple[str, ...]


def show(
    folder: Path,
    recording: Recording,
    poses: Poses3D,
    keypoints: Keypoints2D,
    error_mm: np.ndarray,
    stages: Stages,
) -> Shown:
    """Write all that shows a result.

    Args:
        folder: where.
        recording: T frames, bound to the rig of the poses.
        poses: of these frames.
        keypoints: what they come from.
        error_mm: (T, J), NaN where there is no position.
        stages: is told what is being done.
    """
    names = ("result.png", "overlay.mp4", "scene.mp4", "report.html")
    picture, overlay, scene, page = (folder / name for name in names)
    with stages.part("drawing the poses on the videos"):
        write_picture(picture, recording, poses, keypoints, telling_frame(poses, error_mm))
        write_overlay(overlay, recording, poses)
    with stages.part("drawing the poses in space"):
        no_scene = write_scene(scene, recording, poses)
    with stages.part("writing the report"):
        no_page = write_report(page, recording, poses)
    notes = [
        *([f"there is no film of the scene: {no_scene}"] if no_scene else []),
        *([f"there is no report: {no_page}"] if no_page else []),
    ]
    return Shown(
        picture, overlay, None if no_scene else scene, None if no_page else page, tuple(notes)
    )


def write_picture(
    path: Path, recording: Recording, poses: Poses3D, keypoints: Keypoints2D, frame: int
) -> None:
    """One frame in space, and on what every camera saw."""
    images = [next(iter(read_frames(video, [frame]))).image_rgb for video in recording.videos]
    picture = draw_result(poses, keypoints, recording.rig, frame, images, title=_TITLE)
    save_picture(picture, path)


def write_overlay(path: Path, recording: Recording, poses: Poses3D) -> None:
    """The poses on the videos of all cameras, as `triangulate render --overlay` draws them."""
    chosen, rows = with_poses(recording, poses)
    sheet = lay_out_sheet(chosen.sizes)
    with picture_sink(path, sheet.size, rate_of(chosen, poses), chosen.frame_numbers) as write:
        for picture in overlay_pictures(chosen, poses, rows, sheet):
            write(picture)


def write_scene(path: Path, recording: Recording, poses: Poses3D) -> str | None:
    """The poses in space, as `triangulate render` draws them; or why they could not be drawn."""
    try:
        write_film(path, partial(_scene_of, recording, poses), Film(SCENE_SIZE))
    except InputError as error:
        return str(error)
    return None


def _scene_of(recording: Recording, poses: Poses3D) -> tuple[Contents, Look, None]:
    motion = Motion.of(poses)
    return Contents("the filmed walk", motion, recording.rig, recording), Look(), None


def write_report(path: Path, recording: Recording, poses: Poses3D) -> str | None:
    """The page of `triangulate report`; or why there is none: no plotly, or no positions."""
    from triangulate.pages.style import graph_objects
    from triangulate.reporting.page import report
    from triangulate.reporting.pictures import overlay_moments

    try:
        graph_objects()
        moments = overlay_moments(recording, poses)
        title = f"Reconstruction of {path.absolute().parents[1].name}"
        report(poses, path, title, rig=recording.rig, moments=moments)
    except InputError as error:
        return str(error)
    return None
