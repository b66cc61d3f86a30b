"""Made-up rigs: distorted cameras around a volume, no two alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig
from triangulate.synthetic.draws import normal, uniform

MADE_UP = "made up by triangulate.synthetic: no real cameras"

_DISTORTION = {
    "radtan": (-0.12, 0.04, 0.0005, -0.0005, -0.005),
    "rational": (0.2, 0.03, 0.0005, -0.0005, 0.002, 0.32, 0.05, 0.004),
    "fisheye": (-0.02, 0.004, -0.002, 0.0004),
}
"""What the coefficients scatter around, by a tenth of their size."""


def ring_rig(
    generator: torch.Generator,
    num_cameras: int = 4,
    radius_m: float = 4.5,
    height_m: float = 2.2,
    size: tuple[int, int] = (1280, 720),
    lens: str | Sequence[str] = "radtan",
    target_m: tuple[float, float, float] = (0.0, 0.0, 0.95),
) -> Rig:
    """Cameras `cam1`, `cam2`, ... on a ring that look at its middle; z is up, the floor at z = 0.

    Every camera is a little off in place, aim, roll, focal length, principal point and distortion.
    A volume of some 2 m around the target is in view of all of them.

    Args:
        generator: source of all that varies.
        num_cameras: V.
        radius_m: of the ring.
        height_m: of the cameras above the floor.
        size: image size (width, height) of every camera.
        lens: "radtan", "rational", "fisheye", "mixed" (these three in turn), or one a camera.
        target_m: what the cameras look at.
    """
    lenses = _lenses(lens, num_cameras)
    angle = 2 * np.pi * np.arange(num_cameras) / num_cameras + normal(
        generator, 0.08, (num_cameras,)
    )
    around = np.stack([np.cos(angle), np.sin(angle), np.zeros(num_cameras)], axis=-1)
    centre = radius_m * (1 + normal(generator, 0.03, (num_cameras, 1))) * around
    centre[:, 2] = height_m + uniform(generator, -0.25, 0.25, (num_cameras,))
    aim = np.array(target_m) + normal(generator, 0.05, (num_cameras, 3))
    roll = normal(generator, 0.03, (num_cameras,))
    rotation = looking_at(centre, aim, roll)

    return _rig_of(generator, rotation, centre, size, lenses)


def corridor_rig(
    generator: torch.Generator,
    num_cameras: int = 6,
    spacing_m: float = 2.5,
    width_m: float = 3.0,
    height_m: float = 1.6,
    size: tuple[int, int] = (1280, 720),
    lens: str | Sequence[str] = "radtan",
) -> Rig:
    """Cameras along one wall of a corridor that look across: only neighbours share what they see.

    The corridor runs along x with its middle at y = 0 and the floor at z = 0; `cam1` stands at
    x = 0, y = -width_m / 2. Boards for it: `board_scene(..., volume=corridor_volume(...))`.

    Args:
        generator: source of all that varies.
        num_cameras: V.
        spacing_m: from one camera to the next.
        width_m: of the corridor.
        height_m: of the cameras above the floor.
        size: image size (width, height) of every camera.
        lens: as for `ring_rig`.
    """
    lenses = _lenses(lens, num_cameras)
    centre = np.zeros((num_cameras, 3))
    centre[:, 0] = spacing_m * np.arange(num_cameras)
    centre[:, 1:] = -width_m / 2, height_m
    centre += normal(generator, 0.05, (num_cameras, 3))
    ahead = centre + np.array([0.0, width_m, 1.1 - height_m])
    ahead = ahead + normal(generator, 0.08, (num_cameras, 3))
    rotation = looking_at(centre, ahead, normal(generator, 0.03, (num_cameras,)))
    return _rig_of(generator, rotation, centre, size, lenses)


def corridor_volume(
    num_cameras: int = 6, spacing_m: float = 2.5, width_m: float = 3.0
) -> tuple[np.ndarray, np.ndarray]:
    """Centre (3,) and half size (3,) of the far half of a corridor, where neighbours overlap."""
    length_m = spacing_m * (num_cameras - 1)
    centre = np.array([length_m / 2, width_m / 4, 1.1])
    return centre, np.array([length_m / 2 + 0.4, width_m / 4, 0.4])


def islands_rig(
    generator: torch.Generator,
    num_cameras: int = 6,
    apart_m: float = 6.0,
    radius_m: float = 3.5,
    lens: str | Sequence[str] = "radtan",
) -> Rig:
    """Two rings on two floors of a house: no camera of one sees into the other.

    Boards for it: `volume=([(0, 0, 1.1), (0, 0, 1.1 + apart_m)], (0.8, 0.8, 0.5))`.

    Args:
        generator: source of all that varies.
        num_cameras: V, at least 4; the first half stands in the first ring.
        apart_m: the second floor over the first.
        radius_m: of each ring.
        lens: as for `ring_rig`.
    """
    if num_cameras < 4:
        raise ValueError(f"two islands need at least 4 cameras, got {num_cameras}")
    lenses = _lenses(lens, num_cameras)
    half = num_cameras // 2
    rings = [
        ring_rig(generator, len(part), radius_m, lens=part).to_arrays()
        for part in (lenses[:half], lenses[half:])
    ]
    above = np.array([0.0, 0.0, apart_m])
    rings[1]["translation_m"] -= rings[1]["rotation"] @ above
    width = max(ring["dist"].shape[1] for ring in rings)
    for ring in rings:
        ring["dist"] = np.pad(ring["dist"], ((0, 0), (0, width - ring["dist"].shape[1])))
    arrays = ("K", "dist", "rotation", "translation_m", "sizes")
    return Rig.from_arrays(
        **{key: np.concatenate([ring[key] for ring in rings]) for key in arrays},
        names=[f"cam{v + 1}" for v in range(num_cameras)],
        lens=lenses,
        up_axis="z",
        notes=(MADE_UP,),
    )


def moved_camera(
    rig: Rig,
    name: str,
    shift_m: Sequence[float] = (0.0, 0.0, 0.0),
    turn_deg: Sequence[float] = (0.0, 0.0, 0.0),
) -> Rig:
    """The rig after somebody knocked against one camera.

    Args:
        rig: before.
        name: the camera that moved.
        shift_m: of its centre, along the world's axes.
        turn_deg: rotation vector along its own axes: about x it looks up, about y to its right,
            about z it rolls clockwise.
    """
    view, cameras = rig.names.index(name), rig.cameras
    turn = Rotation.from_rotvec(np.asarray(turn_deg, dtype=np.float64), degrees=True).as_matrix()
    rotation = cameras.cam_from_world.rotation.clone()
    translation = cameras.cam_from_world.translation.clone()
    centre = cameras.centre_world[view] + torch.tensor(shift_m, dtype=torch.float64)
    rotation[view] = torch.from_numpy(turn).T @ rotation[view]
    translation[view] = -rotation[view] @ centre
    return replace(rig, cameras=replace(cameras, cam_from_world=Rigid(rotation, translation)))


def _rig_of(
    generator: torch.Generator,
    rotation: np.ndarray,
    centre: np.ndarray,
    size: tuple[int, int],
    lenses: Sequence[str],
) -> Rig:
    """Cameras in their places (V, 3, 3), (V, 3), each with a lens of its own."""
    num_cameras = len(centre)
    width, height = size
    focal = min(0.65 * width, 1.08 * height) * (1 + normal(generator, 0.02, (num_cameras, 1)))
    K = np.zeros((num_cameras, 3, 3))
    K[:, [0, 1], [0, 1]] = focal * (1 + normal(generator, 0.001, (num_cameras, 2)))
    K[:, :2, 2] = (np.array(size) - 1) / 2 + normal(generator, 0.008 * height, (num_cameras, 2))
    K[:, 2, 2] = 1
    dist = np.zeros((num_cameras, max(LENS_COEFFICIENTS[name] for name in lenses)))
    for row, name in zip(dist, lenses, strict=True):
        usual = np.array(_DISTORTION[name])
        row[: usual.size] = usual * (1 + normal(generator, 0.1, (usual.size,)))
    return Rig.from_arrays(
        K=K,
        dist=dist,
        rotation=rotation,
        translation_m=-(rotation @ centre[..., None])[..., 0],
        names=[f"cam{v + 1}" for v in range(num_cameras)],
        sizes=[size] * num_cameras,
        lens=lenses,
        up_axis="z",
        notes=(MADE_UP,),
    )


def looking_at(centre_m: np.ndarray, target_m: np.ndarray, roll_rad: np.ndarray) -> np.ndarray:
    """Camera-from-world rotations (*B, 3, 3) of cameras at `centre_m` (*B, 3), z up in the world.

    Args:
        centre_m: (*B, 3).
        target_m: (*B, 3) what appears on the optical axis.
        roll_rad: (*B,) turn about that axis; at 0 the image stands upright.
    """
    forward = target_m - centre_m
    forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    down = np.cross(forward, right)
    c, s = np.cos(roll_rad)[..., None], np.sin(roll_rad)[..., None]
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=-2)


def _lenses(lens: str | Sequence[str], num_cameras: int) -> list[str]:
    if isinstance(lens, str):
        names = LENS_MODELS if lens == "mixed" else (lens,)
        return [names[v % len(names)] for v in range(num_cameras)]
    if len(lens) != num_cameras:
        raise ValueError(f"lens must be one name or {num_cameras} names, got {len(lens)}")
    return list(lens)
