"""The recording in space, seen by a camera of its own: floor, cameras, and the person over time."""

from __future__ import annotations

import numpy as np
import torch

from triangulate.drawing.bones import draw_bones, joint_colours, project
from triangulate.drawing.canvas import DIM, GRID, MIDDLE, PANEL, TEXT, Canvas, faded, text_width
from triangulate.drawing.space import (
    Ground,
    find_ground,
    floor_lines,
    image_planes,
    line_spacing,
    up_of,
    viewing_direction,
    without_strays,
)
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.poses import Poses3D
from triangulate.rig import Rig

_GHOSTS = 8  # time steps drawn besides the frame
_TRAIL = 0.12  # of the recording, before and after the frame
_ELEVATION_RAD = 0.65


def draw_scene(canvas: Canvas, poses: Poses3D, rig: Rig, frame: int) -> float:
    """Fill a canvas with the scene at a frame (an index into the poses).

    Returns:
        The distance of the floor's lines, metres.
    """
    canvas.fill(PANEL)
    centres = rig.cameras.centre_world.numpy()
    seen = without_strays(poses.positions_m[np.isfinite(poses.positions_m).all(-1)])
    ground = find_ground(seen, centres, up_of(rig))
    everything = np.concatenate([seen, centres])
    reach = float(np.abs((everything - ground.origin) @ ground.across.T).max()) or 1.0
    frusta = _frusta(rig, 0.09 * reach)
    level = viewing_direction(ground, centres, seen)
    height, width = (side // 2 for side in canvas.fine.shape[:2])
    shown = np.concatenate([everything, frusta.reshape(-1, 3), ground.shadow(centres)])
    viewer = virtual_camera(width, height, ground, level, shown)

    spacing_m = line_spacing(1.6 * reach)
    floor = floor_lines(ground, 1.6 * reach, spacing_m)
    canvas.segments(project(viewer, floor), GRID, 0.6)
    _draw_cameras(canvas, viewer, ground, rig.names, frusta)
    _draw_people(canvas, viewer, ground, poses, frame)
    return spacing_m


def virtual_camera(
    width: int, height: int, ground: Ground, level: np.ndarray, shown: np.ndarray
) -> Camera:
    """A camera that looks down on the scene and just frames it.

    Args:
        width: of its image.
        height: of its image.
        ground: the floor; its origin is looked at.
        level: (3,) the direction along the floor to look from.
        shown: (N, 3) points to frame.
    """
    away = np.cos(_ELEVATION_RAD) * level + np.sin(_ELEVATION_RAD) * ground.up
    distance = 1.7 * float(np.linalg.norm(shown - ground.origin, axis=-1).max())
    forward, centre = -away, ground.origin + distance * away
    right = np.cross(forward, ground.up) / np.linalg.norm(np.cross(forward, ground.up))
    rotation = np.stack([right, np.cross(forward, right), forward])
    plane = (shown - centre) @ rotation.T
    plane = plane[:, :2] / plane[:, 2:]
    low, high = plane.min(0), plane.max(0)
    focal = float((0.93 * np.array([width, height]) / (high - low)).min())
    offset = (np.array([width, height]) - 1) / 2 - focal * (low + high) / 2
    K = np.array([[focal, 0, offset[0]], [0, focal, offset[1]], [0, 0, 1]])
    pose = Rigid(torch.from_numpy(rotation), torch.from_numpy(-rotation @ centre))
    return Camera(torch.from_numpy(K), Lens.of("radtan", torch.zeros(5, dtype=torch.float64)), pose)


def _frusta(rig: Rig, depth_m: float) -> np.ndarray:
    """(V, 5, 3) the centre and the image's corners (clockwise) at a depth, for every camera."""
    corners = image_planes(rig, depth_m)[:, [0, 0, 1, 1], [0, 1, 1, 0]]
    return np.concatenate([rig.cameras.centre_world.numpy()[:, None], corners], axis=1)


def _draw_cameras(
    canvas: Canvas, viewer: Camera, ground: Ground, names: tuple[str, ...], frusta: np.ndarray
) -> None:
    feet = project(viewer, ground.shadow(frusta[:, 0]))
    corners = project(viewer, frusta)
    canvas.segments(np.stack([corners[:, 0], feet], axis=1), faded(DIM, PANEL, 0.4), 0.8)
    for name, points in zip(names, corners, strict=True):
        spokes = np.stack([np.repeat(points[:1], 4, axis=0), points[1:]], axis=1)
        canvas.segments(spokes, DIM, 1.1)
        canvas.line(points[[1, 2, 3, 4, 1]], DIM, 1.1)
        canvas.line(points[[1, 2]], TEXT, 2.0)  # the image's upper edge
        if np.isfinite(points).all():
            x = points[:, 0].mean() - text_width(name, 14) / 2
            canvas.text(name, (x, points[:, 1].min() - 8), TEXT, 14)


def _draw_people(
    canvas: Canvas, viewer: Camera, ground: Ground, poses: Poses3D, frame: int
) -> None:
    """Shadows, earlier and later steps faded, and the frame itself."""
    num_frames = len(poses.positions_m)
    steps = np.linspace(0, num_frames - 1, _GHOSTS + 1).round().astype(int)
    steps = steps[np.abs(steps - frame) > 0.4 * num_frames / _GHOSTS]
    pixels = project(viewer, poses.positions_m)  # (T, P, J, 2)
    shadows = project(viewer, ground.shadow(poses.positions_m))
    near = slice(max(0, frame - round(_TRAIL * num_frames)), frame + round(_TRAIL * num_frames) + 1)
    for person in range(poses.positions_m.shape[1]):
        middle = project(viewer, ground.shadow(_middle(poses.positions_m[:, person])))
        canvas.line(middle, faded(DIM, PANEL, 0.5), 1.2)
        for step in sorted(steps.tolist(), key=lambda step: -abs(step - frame)):
            strength = 0.6 - 0.4 * abs(step - frame) / num_frames
            draw_bones(canvas, pixels[step, person], poses.skeleton, 1.8, strength, PANEL)
        _draw_trails(canvas, pixels[near, person], poses)
        for a, b in poses.skeleton.edges:
            canvas.line(shadows[frame, person][[a, b]], faded((0, 0, 0), PANEL, 0.6), 4)
        joints = pixels[frame, person]
        draw_bones(canvas, joints, poses.skeleton, 4.4)
        for joint, colour in zip(joints, joint_colours(poses.skeleton), strict=True):
            canvas.dot(joint[None], faded(colour, MIDDLE, 0.55), 3.8)


def _draw_trails(canvas: Canvas, pixels: np.ndarray, poses: Poses3D) -> None:
    """The ways of the joints at the ends of the skeleton, (T, J, 2)."""
    joints, counts = np.unique(np.array(poses.skeleton.edges), return_counts=True)
    colours = joint_colours(poses.skeleton)
    for joint in joints[counts == 1]:
        canvas.line(pixels[:, joint], faded(colours[joint], PANEL, 0.7), 1.0)


def _middle(positions: np.ndarray) -> np.ndarray:
    """The mean of the joints that are there, (T, J, 3) -> (T, 3)."""
    known = np.isfinite(positions)
    count = known.sum(axis=1)
    total = np.where(known, positions, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
