"""The poses drawn on what the cameras saw.

>>> pictures = draw_overlay(images, poses, rig, frame, colours="error", blur_faces=True)

The pose is projected with the lens, so that it lies where the camera would see it. A cross marks a
joint that the view saw, and that was not used because the other views contradict it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch

from triangulate.drawing.bones import draw_bones, draw_half_bones, joint_colours, project
from triangulate.drawing.canvas import (
    BACKGROUND,
    DIM,
    DROPPED,
    MISSING,
    PANEL,
    TEXT,
    Canvas,
    text_width,
)
from triangulate.drawing.faces import blur_faces as without_faces
from triangulate.drawing.scales import ColourScale, reprojection_scale
from triangulate.drawing.views import draw_label
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig, Size

Colours = Literal["side", "error"]
Images = Sequence[np.ndarray | None]

_LEGEND_STEPS = 64


def draw_overlay(
    images: Images,
    poses: Poses3D,
    rig: Rig,
    frame: int,
    *,
    colours: Colours = "side",
    blur_faces: bool = False,
    keypoints: Keypoints2D | None = None,
) -> list[np.ndarray]:
    """The poses of one frame on the image of every camera.

    Args:
        images: V images (H, W, 3) uint8 RGB; None where a camera has none at that moment.
        poses: people and their errors; of the rig's cameras, or some of them.
        rig: V cameras, as the images show them (see `resized_views` for smaller images).
        frame: an index into the poses (not a frame number).
        colours: of bones and joints: "side", or "error": by the view's reprojection error, with the
            scale drawn into the picture.
        blur_faces: make faces unrecognisable, those of the poses and of the keypoints.
        keypoints: people that a view shows, also such as have no pose; with the poses' frames, in
            the pixels of the images.

    Returns:
        V pictures (H, W, 3) uint8 RGB of the images' sizes.
    """
    if blur_faces:
        images = hide_faces(images, poses, rig, frame, keypoints)
    scale = reprojection_scale(poses.reprojection_px) if colours == "error" else None
    pictures = []
    for canvas in draw_views_of(images, poses, rig, frame, scale):
        unit_px = _unit_px(canvas.width, canvas.height)
        if scale is not None:
            draw_scale(canvas, scale, 10 * unit_px, canvas.height - 14 * unit_px, unit_px)
        pictures.append(canvas.finished())
    return pictures


def draw_views_of(
    images: Images, poses: Poses3D, rig: Rig, frame: int, scale: ColourScale | None
) -> Iterator[Canvas]:
    """Each image with the poses of one frame on it; arguments are those of `draw_overlay`."""
    projected = project(rig.cameras, poses.positions_m[frame])  # (V, P, J, 2)
    for name, canvas, joints_px in zip(rig.names, _canvases(images, rig), projected, strict=True):
        _draw_view(canvas, name, joints_px, poses, frame, scale)
        yield canvas


def hide_faces(
    images: Images, poses: Poses3D, rig: Rig, frame: int, keypoints: Keypoints2D | None = None
) -> list[np.ndarray | None]:
    """The images with the faces of the poses, and of the keypoints, made unrecognisable.

    Arguments are those of `draw_overlay`.
    """
    projected = project(rig.cameras, poses.positions_m[frame])  # (V, P, J, 2)
    observed = None
    if keypoints is not None:
        observed = keypoints.select_cameras(rig.names).points_px[frame].astype(np.float64)
    hidden: list[np.ndarray | None] = []
    for v, image in enumerate(images):
        if image is not None:
            image = without_faces(image, projected[v], poses.skeleton)
            if keypoints is not None and observed is not None:
                image = without_faces(image, observed[v], keypoints.skeleton)
        hidden.append(image)
    return hidden


def resized_views(
    images: Images, rig: Rig, sizes: Sequence[Size]
) -> tuple[list[np.ndarray | None], Rig]:
    """Images of other sizes (width, height), and the rig as they show it."""
    resized = [
        image if image is None else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for image, size in zip(images, sizes, strict=True)
    ]
    before = np.array(_sizes(images, rig))
    cameras = rig.cameras.resized(torch.from_numpy(np.array(sizes) / before))
    return resized, replace(rig, cameras=cameras, sizes=tuple(sizes))


def _sizes(images: Images, rig: Rig) -> list[Size]:
    found = []
    for image, size, name in zip(images, rig.sizes, rig.names, strict=True):
        if image is None and size is None:
            raise ValueError(f"camera {name!r} must have an image or a size")
        found.append(size if image is None else (image.shape[1], image.shape[0]))
        if size is not None and size != found[-1]:
            raise ValueError(f"the image of {name!r} must be of size {size}, not {found[-1]}")
    return found  # type: ignore[return-value]


def _canvases(images: Images, rig: Rig) -> Iterator[Canvas]:
    for image, size in zip(images, _sizes(images, rig), strict=True):
        if image is not None:
            yield Canvas.over(image)
            continue
        canvas = Canvas.blank(*size, PANEL)
        unit_px = _unit_px(*size)
        canvas.text("no picture of this moment", (10 * unit_px, size[1] / 2), DIM, 14 * unit_px)
        yield canvas


def _unit_px(width: int, height: int) -> float:
    """What lines and letters grow with, 1.3 for a view of 960 x 540."""
    return float(np.clip(np.sqrt(width * height) / 560, 0.6, 6.0))


def _draw_view(
    canvas: Canvas,
    name: str,
    joints_px: np.ndarray,
    poses: Poses3D,
    frame: int,
    scale: ColourScale | None,
) -> None:
    """Everybody as a camera sees them, and the errors that its view has.

    Args:
        canvas: on the camera's image.
        name: of the camera.
        joints_px: (P, J, 2), projected.
        poses: the people.
        frame: an index into them.
        scale: colours by error; None: by side.
    """
    unit_px = _unit_px(canvas.width, canvas.height)
    error_px = np.full(joints_px.shape[:-1], np.nan)
    used = np.zeros(error_px.shape, bool)
    is_turned = False
    if name in poses.names:
        view = poses.names.index(name)
        error_px, used = poses.reprojection_px[frame, :, view], poses.views_used[frame, :, view]
        is_turned = bool(poses.sides_swapped[frame, :, view].any())
    for person_px, errors, taken in zip(joints_px, error_px, used, strict=True):
        _draw_person(canvas, person_px, poses, errors, scale, unit_px)
        dropped = np.isfinite(errors) & ~taken
        canvas.cross(person_px[dropped], BACKGROUND, 6.2 * unit_px, 3.4 * unit_px)
        canvas.cross(person_px[dropped], DROPPED, 5.6 * unit_px, 1.9 * unit_px)
    draw_label(canvas, name, error_px[used], is_turned, unit_px, BACKGROUND)


def _draw_person(
    canvas: Canvas,
    joints_px: np.ndarray,
    poses: Poses3D,
    error_px: np.ndarray,
    scale: ColourScale | None,
    unit_px: float,
) -> None:
    """Bones and joints (J, 2), with a dark rim that any ground lets see."""
    draw_bones(canvas, joints_px, poses.skeleton, 4.2 * unit_px, 0.0, BACKGROUND)
    canvas.dot(joints_px, BACKGROUND, 4.0 * unit_px)
    if scale is None:
        colours = joint_colours(poses.skeleton)
        draw_bones(canvas, joints_px, poses.skeleton, 2.4 * unit_px)
    else:
        colours = [scale.colour(error) for error in error_px.tolist()]
        draw_half_bones(canvas, joints_px, poses.skeleton, 2.4 * unit_px, colours)
    for joint_px, colour in zip(joints_px, colours, strict=True):
        canvas.dot(joint_px[None], colour, 3.0 * unit_px)


# --- Legends --------------------------------------------------------------------------------------


def draw_scale(canvas: Canvas, scale: ColourScale, x: float, y: float, unit_px: float) -> float:
    """A scale with its figures, on the base line `y`; returns where it ends."""
    size_px, length_px = 13 * unit_px, 130 * unit_px
    x = _write(canvas, f"{scale.title}  0", x, y, size_px) + 13 * unit_px
    parts = (np.arange(_LEGEND_STEPS) + 0.5) / _LEGEND_STEPS
    line_y = y - 4.5 * unit_px
    around_x = np.array([x - 2 * unit_px, x + length_px + 2 * unit_px])
    canvas.line(np.stack([around_x, [line_y] * 2], -1), BACKGROUND, 13 * unit_px)
    half_px = 0.5 * length_px / _LEGEND_STEPS
    for part in parts.tolist():
        ends_x = x + length_px * part + np.array([-half_px, half_px])
        colour = scale.colour(part * scale.top)
        canvas.line(np.stack([ends_x, [line_y] * 2], -1), colour, 9 * unit_px)
    x = _write(
        canvas, f"{scale.top:g} {scale.unit} or more", x + length_px + 11 * unit_px, y, size_px
    )
    x += 18 * unit_px
    canvas.dot(np.array([[x, line_y]]), BACKGROUND, 5.5 * unit_px)
    canvas.dot(np.array([[x, line_y]]), MISSING, 4.5 * unit_px)
    return _write(canvas, "not seen", x + 10 * unit_px, y, size_px)


def _write(canvas: Canvas, text: str, x: float, y: float, size_px: float) -> float:
    """Write a text; returns where it ends."""
    canvas.text(text, (x, y), TEXT, size_px, rim=BACKGROUND)
    return x + text_width(text, size_px)
