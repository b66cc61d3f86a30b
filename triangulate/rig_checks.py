"""What a rig is made of: arrays of the right shape, and numbers that cameras can have."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS, Lens

Size = tuple[int, int]

_AGAIN = "calibrate it again, or leave it out with cameras= (--cameras)"


def as_array(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values as a float64 array of a shape."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must hold numbers of shape {shape}") from None
    if [side for side in array.shape if side != 1] != [side for side in shape if side != 1]:
        raise InputError(f"{name} must have shape {shape}, got {array.shape}")
    return array.reshape(shape)  # axes of length one may be there or not


def as_coefficients(dist: np.ndarray | None, count: int) -> np.ndarray:
    """(V, n) distortion coefficients; a single camera's may come flat."""
    try:
        array = np.zeros((count, 0)) if dist is None else np.array(dist, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"dist must hold numbers of shape ({count}, n)") from None
    if count == 1:
        return array.reshape(1, -1)
    if array.ndim < 2 or len(array) != count:
        raise InputError(f"dist must hold numbers of shape ({count}, n), got {array.shape}")
    return array.reshape(count, -1)


def as_size(name: str, size: Any) -> Size | None:
    """A camera's image size as two whole numbers, None where it is not known."""
    if size is None:
        return None
    try:
        width, height = (float(side) for side in size)
    except (TypeError, ValueError):
        raise InputError(f"camera {name!r}: size must be (width, height), not {size!r}") from None
    if not (width.is_integer() and height.is_integer() and min(width, height) >= 1):
        raise InputError(f"camera {name!r}: size must be two whole numbers of pixels, not {size!r}")
    return int(width), int(height)


def as_lens(names: tuple[str, ...], models: list[str], coefficients: np.ndarray) -> Lens:
    """V lenses with their (V, n) coefficients, which end in zeros where a model has fewer."""
    if len(models) != len(names):
        raise InputError(f"{len(models)} lens models for {len(names)} cameras")
    single = []
    for name, model, row in zip(names, models, coefficients, strict=True):
        if model not in LENS_MODELS:
            raise InputError(
                f"camera {name!r}: no lens model {model!r}; there are {', '.join(LENS_MODELS)}"
            )
        count = LENS_COEFFICIENTS[model]
        if np.any(row[count:] != 0):
            raise InputError(
                f"camera {name!r}: a {model} lens has {count} coefficients, got {row.size}; "
                "another lens model may be meant"
            )
        single.append(Lens.of(model, torch.from_numpy(row[:count].copy())))
    return Lens(
        torch.stack([lens.model for lens in single]),
        torch.stack([lens.coefficients for lens in single]),
    )


def check_names(names: tuple[str, ...], shape: Any, sizes: tuple[Size | None, ...]) -> None:
    """Refuse names that are missing or doubled.

    Args:
        names: V names.
        shape: of `K`, (V, 3, 3).
        sizes: V image sizes.
    """
    if not names:
        raise InputError("the rig has no cameras")
    nameless = [number for number, name in enumerate(names, start=1) if not name.strip()]
    if nameless:
        raise InputError(f"camera number {nameless[0]} has no name: give it that of its video")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"camera name {', '.join(map(repr, doubled))} is given twice: rename one")
    if len(names) != shape[0] or len(names) != len(sizes):
        raise InputError(f"{len(names)} names, {shape[0]} cameras and {len(sizes)} sizes")


def check_numbers(names: tuple[str, ...], cameras: Camera) -> None:
    """Refuse numbers that are not finite, and matrices that no camera has."""
    tensors = {
        "K": cameras.K,
        "distortion": cameras.lens.coefficients,
        "rotation": cameras.cam_from_world.rotation,
        "translation": cameras.cam_from_world.translation,
    }
    for what, tensor in tensors.items():
        finite = torch.isfinite(tensor.flatten(1)).all(-1)
        if not bool(finite.all()):
            name = names[int(finite.int().argmin())]
            raise InputError(f"camera {name!r}: {what} holds NaN or infinity: {_AGAIN}")
    rotations = cameras.cam_from_world.rotation.numpy()
    for name, K, rotation in zip(names, cameras.K.numpy(), rotations, strict=True):
        if not np.allclose(K[2], [0, 0, 1]) or K[0, 0] <= 0 or K[1, 1] <= 0:
            raise InputError(
                f"camera {name!r}: K must be [fx s cx; 0 fy cy; 0 0 1] with fx, fy > 0, "
                f"not {K.tolist()}: {_AGAIN}"
            )
        _check_rotation(name, rotation)


def _check_rotation(name: str, rotation: np.ndarray) -> None:
    determinant = float(np.linalg.det(rotation))
    off = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if off > 1e-3:
        raise InputError(
            f"camera {name!r}: its rotation is no rotation matrix (determinant {determinant:.3f}, "
            f"R R^T off by {off:.1e}): {_AGAIN}"
        )
    if determinant < 0:
        raise InputError(
            f"camera {name!r}: its rotation is mirrored (determinant {determinant:.3f}): turn the "
            "sign of the axis that was flipped, or calibrate it again"
        )


def check_sizes(names: tuple[str, ...], K: np.ndarray, sizes: tuple[Size | None, ...]) -> None:
    """Refuse (height, width): a principal point that sits at the centre of the swapped image."""
    for name, k, size in zip(names, K, sizes, strict=True):
        if size is None:
            continue
        if min(size) < 1:
            raise InputError(f"camera {name!r}: image size {size} is not positive")
        centre = np.array(size) / 2
        off = float((np.abs(k[:2, 2] - centre) / centre).max())
        off_swapped = float((np.abs(k[:2, 2] - centre[::-1]) / centre[::-1]).max())
        if off > 0.1 and off_swapped < off / 3:
            raise InputError(
                f"camera {name!r}: size {size[0]} x {size[1]} looks swapped: the principal point "
                f"({k[0, 2]:.0f}, {k[1, 2]:.0f}) is near the centre of {size[1]} x {size[0]}; "
                "sizes are (width, height): correct the file, or pass sizes= "
                f"(--size {name}={size[1]}x{size[0]})"
            )
