"""The picture of a result: the recording in space beside what every camera saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from triangulate.drawing.bones import project
from triangulate.drawing.canvas import (
    BACKGROUND,
    DIM,
    DROPPED,
    LEFT,
    MISSING,
    RIGHT,
    TEXT,
    USED,
    Box,
    Canvas,
    text_width,
)
from triangulate.drawing.scene import draw_scene
from triangulate.drawing.views import draw_views, lay_out
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig, Size

WIDTH, HEIGHT = 1600, 900
SCENE = Box(20, 84, 850, 766)
VIEWS = Box(890, 84, 690, 766)


def draw_result(
    poses: Poses3D,
    keypoints: Keypoints2D,
    rig: Rig,
    frame: int,
    images: Sequence[np.ndarray] | None = None,
    title: str = "triangulate",
) -> np.ndarray:
    """A picture of one frame within the whole recording.

    Args:
        poses: T frames.
        keypoints: the observations they come from, with the same frames and cameras.
        rig: the cameras.
        frame: an index into the poses (not a frame number).
        images: V camera images (h, w, 3) uint8 RGB to draw on, if any.
        title: the first line.

    Returns:
        (900, 1600, 3) uint8 RGB.
    """
    if len(keypoints.points_px) != len(poses.positions_m) or poses.names != rig.names:
        raise ValueError("poses, keypoints and rig must hold the same frames and cameras")
    if keypoints.names != rig.names:
        keypoints = keypoints.select_cameras(rig.names)
    canvas = Canvas.blank(WIDTH, HEIGHT, BACKGROUND)
    canvas.text(title, (22, 40), TEXT, 25, bold=True)
    canvas.text(_subtitle(poses, frame), (22, 66), DIM, 15)
    spacing_m = draw_scene(canvas.part(SCENE), poses, rig, frame)
    sizes = np.array(image_sizes(rig, keypoints, images))
    tiles = lay_out(rig, sizes, _content(poses, keypoints, rig, frame), VIEWS)
    draw_views(canvas, tiles, sizes, poses, keypoints, rig, frame, images)
    _draw_legend(canvas, spacing_m)
    return canvas.finished()


def image_sizes(
    rig: Rig, keypoints: Keypoints2D, images: Sequence[np.ndarray] | None = None
) -> list[Size]:
    """V sizes (width, height): of the images, the rig or the keypoints, else what K implies."""
    found: list[Size] = []
    for v, size in enumerate(rig.sizes):
        if images is not None:
            found.append((images[v].shape[1], images[v].shape[0]))
        elif size is not None:
            found.append(size)
        elif keypoints.sizes is not None and (known := keypoints.sizes[v]) is not None:
            found.append(known)
        else:
            width, height = (2 * rig.cameras.K[v, :2, 2]).round().int().tolist()
            found.append((max(width, 1), max(height, 1)))
    return found


def _content(poses: Poses3D, keypoints: Keypoints2D, rig: Rig, frame: int) -> np.ndarray:
    """(V, N, 2) what each view should show: the projected poses, or else what was observed."""
    projected = project(rig.cameras, poses.positions_m[frame]).reshape(len(rig), -1, 2)
    observed = keypoints.points_px[frame].reshape(len(rig), -1, 2)
    return projected if np.isfinite(projected).any() else observed


def _subtitle(poses: Poses3D, frame: int) -> str:
    num_frames, num_people, num_joints, _ = poses.positions_m.shape
    parts = [f"{len(poses.names)} cameras", f"{num_joints} joints", f"{num_frames} frames"]
    if num_people > 1:
        parts.insert(1, f"{num_people} people")
    moment = f"frame {np.asarray(poses.frames)[frame]}"
    if poses.time_s is not None:
        moment += f" at {poses.time_s[frame]:.2f} s"
    error_px = poses.reprojection_px[poses.views_used]
    if error_px.size:
        parts.append(f"median reprojection error {np.nanmedian(error_px):.1f} px")
    return "   |   ".join([*parts, moment])


def _draw_legend(canvas: Canvas, spacing_m: float) -> None:
    """What colours and marks mean, below both panels."""
    y = HEIGHT - 25.0
    x = SCENE.x + 2.0
    for colour, label in ((LEFT, "left side"), (RIGHT, "right side")):
        canvas.line(np.array([[x, y], [x + 26, y]]), colour, 3.6)
        x = _label(canvas, label, x + 36, y)
    _label(canvas, f"floor lines every {spacing_m:g} m", x, y)
    x = VIEWS.x + 2.0
    canvas.dot(np.array([[x + 6, y]]), USED, 4.0)
    x = _label(canvas, "seen and used", x + 20, y)
    canvas.cross(np.array([[x + 6, y]]), DROPPED, 5.5, 1.8)
    x = _label(canvas, "seen, not used", x + 20, y)
    canvas.dot(np.array([[x + 6, y]]), MISSING, 4.4, ring_px=1.3)
    x = _label(canvas, "not seen", x + 20, y)
    canvas.line(np.array([[x, y], [x + 13, y]]), LEFT, 2.4)
    canvas.line(np.array([[x + 13, y], [x + 26, y]]), RIGHT, 2.4)
    _label(canvas, "3D pose, projected", x + 36, y)


def _label(canvas: Canvas, text: str, x: float, y: float) -> float:
    """Write a legend's word; returns where the next entry starts."""
    canvas.text(text, (x, y + 5), DIM, 14)
    return x + text_width(text, 14) + 26
