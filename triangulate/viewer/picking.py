"""Which joint was clicked, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triangulate.poses import Reason
from triangulate.viewer.contents import Motion
from triangulate.viewer.look import deviation_mm
from triangulate.viewer.shapes import CHI_95

REACH_PX = 14.0


@dataclass(frozen=True)
class Picked:
    """A joint of a person."""

    person: int
    joint: int


def on_screen(
    points_m: np.ndarray, view: np.ndarray, projection: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Where points are in a picture of a renderer.

    Args:
        points_m: (*B, 3), NaN where missing.
        view: (4, 4) eye from world, OpenGL's axes.
        projection: (4, 4) OpenGL's.
        size: (width, height) of the picture.

    Returns:
        (*B, 2) pixels from the upper left edge, NaN where missing or behind the eye.
    """
    homogeneous = np.concatenate([points_m, np.ones_like(points_m[..., :1])], axis=-1)
    clip = homogeneous @ (projection @ view).T
    depth = np.where(clip[..., 3:] > 1e-6, clip[..., 3:], np.nan)
    x, y = np.moveaxis(clip[..., :2] / depth, -1, 0)
    return np.stack([(x + 1) / 2 * size[0], (1 - y) / 2 * size[1]], axis=-1)


def nearest(joints_px: np.ndarray, click_px: tuple[float, float]) -> Picked | None:
    """The joint (P, J, 2) next to a click; None where none is near."""
    away = np.linalg.norm(joints_px - np.array(click_px), axis=-1)
    away = np.where(np.isfinite(away), away, np.inf)
    if not away.size or away.min() > REACH_PX:
        return None
    person, joint = np.unravel_index(int(away.argmin()), away.shape)
    return Picked(int(person), int(joint))


def description(motion: Motion, index: int, picked: Picked) -> str:
    """What is known of a joint in a frame, in a few lines."""
    person, joint = picked.person, picked.joint
    lines = [f"{motion.skeleton.joint_names[joint]}, person {person + 1}"]
    position = np.asarray(motion.positions_m[index, person, joint], float)
    poses = motion.poses
    if not np.isfinite(position).all():
        why = "" if poses is None else f": {Reason(int(poses.reason[index, person, joint])).name}"
        return "\n".join([*lines, f"no position{why.replace('_', ' ')}"])
    lines.append("  ".join(f"{a} {v:.3f} m" for a, v in zip("xyz", position.tolist(), strict=True)))
    if poses is None:
        return "\n".join(lines)
    deviation = float(deviation_mm(poses, [index])[0, person, joint])
    if np.isfinite(deviation):
        lines.append(f"± {deviation:.1f} mm (95 % within about {CHI_95 * deviation:.0f} mm)")
    errors = np.asarray(poses.reprojection_px[index, person, :, joint], float)
    used = np.asarray(poses.views_used[index, person, :, joint])
    for name, error, is_used in zip(poses.names, errors.tolist(), used.tolist(), strict=True):
        if not np.isfinite(error):
            lines.append(f"{name}: not seen")
        else:
            lines.append(f"{name}: {error:.1f} px" + ("" if is_used else ", not used"))
    return "\n".join(lines)
