"""Four moments on the cameras' pictures: as good, usual, poor and bad as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from triangulate.drawing.bones import project
from triangulate.drawing.encoding import jpeg_uri
from triangulate.drawing.overlay import draw_overlay, hide_faces, resized_views
from triangulate.drawing.sheet import keypoints_at, with_poses
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.reporting.stretches import quantiles
from triangulate.rig import Rig
from triangulate.video import read_frames

MOST_CAMERAS = 4
_WIDTH = 640
_TALLEST = 900
_MOMENTS = (("a good moment", 0.05), ("a usual one", 0.5), ("a poor one", 0.95), ("the worst", 1.0))
_CHECKED_FRAMES = 200
_MARGIN = 0.25  # of the image, beyond which a point cannot have been seen
_UNFIT = 0.2  # of the views that were used


@dataclass(frozen=True)
class Moment:
    """The poses on the pictures of one moment.

    Attributes:
        label: what the moment stands for.
        frame: its number.
        error_px: mean reprojection error of what was used.
        pictures: camera name -> `data:` address.
    """

    label: str
    frame: int
    error_px: float
    pictures: dict[str, str]


def overlay_moments(
    recording: Recording,
    poses: Poses3D,
    *,
    blur_faces: bool = False,
    keypoints: Keypoints2D | None = None,
) -> list[Moment]:
    """Draw the poses on pictures of some cameras at four moments.

    Args:
        recording: of these poses.
        poses: whose errors choose the moments.
        blur_faces: make faces unrecognisable.
        keypoints: everybody in view, for their faces.

    Raises:
        InputError: the poses are of another recording, or a video breaks off.
    """
    held, rows = with_poses(recording, poses)
    error_px = frame_errors(poses)[rows]
    chosen = telling_moments(error_px)
    order = sorted(set(chosen))
    held, few = held.select_frames(np.array(order)), poses.select_frames(rows[order])
    views = shown_views(held.names, poses)
    images = [_pictures(held, v) for v in views]
    rig = held.rig.select([held.names[v] for v in views])
    seen = None if keypoints is None else keypoints_at(keypoints, held, few)
    seen = seen and seen.select_cameras(rig.names)
    drawn = [
        _drawn([of_view[t] for of_view in images], few, rig, t, seen, blur_faces=blur_faces)
        for t in range(len(order))
    ]
    return [
        Moment(label, int(held.frame_numbers[t]), float(error_px[place]), drawn[t])
        for (label, _), place in zip(_MOMENTS, chosen, strict=True)
        for t in [order.index(place)]
    ]


def telling_moments(error_px: np.ndarray) -> list[int]:
    """Places of the moments in (T,) errors, by quantile; those without an error count as worst."""
    order = np.argsort(error_px, kind="stable")  # NaN last
    known = max(int(np.isfinite(error_px).sum()), 1)
    return [int(order[round(part * (known - 1))]) for _, part in _MOMENTS]


def frame_errors(poses: Poses3D) -> np.ndarray:
    """(T,) mean reprojection error of the views that were used, NaN where there is none."""
    used = poses.views_used & np.isfinite(poses.reprojection_px)
    count = used.sum((1, 2, 3))
    total = np.where(used, poses.reprojection_px, 0.0).sum((1, 2, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def shown_views(names: Sequence[str], poses: Poses3D) -> list[int]:
    """At most four of the cameras: the one that fits worst, and others evenly."""
    if len(names) <= MOST_CAMERAS:
        return list(range(len(names)))
    median_px = {
        name: float(quantiles(poses.reprojection_px[:, :, v], (0.5,))[0])
        for v, name in enumerate(poses.names)
    }
    errors = [median_px.get(name, np.nan) for name in names]
    worst = int(np.argmax(np.nan_to_num(errors, nan=-1.0)))
    return sorted((worst + round(step * len(names) / MOST_CAMERAS)) % len(names)
                  for step in range(MOST_CAMERAS))  # fmt: skip


def _pictures(recording: Recording, view: int) -> list[np.ndarray | None]:
    """One camera's pictures of the chosen frames, None where there is none."""
    wanted = recording.video_frames[:, view]
    decoded = {
        frame.index: frame.image_rgb
        for frame in read_frames(recording.videos[view], np.unique(wanted[wanted >= 0]))
    }
    return [decoded.get(number) for number in wanted.tolist()]


def _drawn(
    images: Sequence[np.ndarray | None],
    poses: Poses3D,
    rig: Rig,
    frame: int,
    keypoints: Keypoints2D | None,
    *,
    blur_faces: bool,
) -> dict[str, str]:
    if blur_faces:
        images = hide_faces(images, poses, rig, frame, keypoints)
    sizes = []
    for image, size in zip(images, rig.sizes, strict=True):
        width, height = size if image is None else image.shape[1::-1]  # type: ignore[misc]
        zoom = min(_WIDTH / width, _TALLEST / height, 1.0)
        sizes.append((round(zoom * width), round(zoom * height)))
    small, small_rig = resized_views(images, rig, sizes)
    pictures = draw_overlay(small, poses, small_rig, frame)
    return {name: jpeg_uri(picture) for name, picture in zip(rig.names, pictures, strict=True)}


def misfit(poses: Poses3D, rig: Rig) -> str | None:
    """Why a rig cannot be that of the poses; None where it can."""
    if lacking := [name for name in poses.names if name not in rig.names]:
        return (
            f"it has no camera {', '.join(lacking)}, which the poses were made from; it has "
            f"{', '.join(rig.names)}"
        )
    every = max(1, len(poses.positions_m) // _CHECKED_FRAMES)
    few = poses.select_frames(np.arange(0, len(poses.positions_m), every))
    cameras = rig.select(poses.names)
    points_px = np.moveaxis(project(cameras.cameras, few.positions_m), 0, 2)  # T P V J 2
    inside = np.isfinite(points_px).all(-1)
    for v, size in enumerate(cameras.sizes):
        if size is not None:
            reach = _MARGIN * np.array(size)
            with np.errstate(invalid="ignore"):
                far = (points_px[:, :, v] < -reach) | (points_px[:, :, v] > size + reach)
            inside[:, :, v] &= ~far.any(-1)
    for v, name in enumerate(poses.names):
        used = few.views_used[:, :, v]
        outside = float((~inside[:, :, v])[used].mean()) if used.any() else 0.0
        if outside > _UNFIT:
            return (
                f"{100 * outside:.0f} % of the joints that {name} saw would lie behind it or "
                "outside its image"
            )
    return None
