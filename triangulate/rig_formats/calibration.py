"""What every reader returns: a calibration as its file tells it, before any camera is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.rig import Rig, Size

METRES = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}


@dataclass(frozen=True)
class CameraNumbers:
    """One camera of a foreign file, in OpenCV's axes and the file's own unit.

    Attributes:
        K: (3, 3) pixels.
        distortion: (n,) OpenCV's coefficients.
        rotation: (3, 3) camera from world.
        translation: (3,) camera from world, in the file's unit.
        size: (width, height) where the file tells it.
        lens: the lens model; None where the number of coefficients decides.
    """

    K: np.ndarray
    distortion: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    size: Any = None
    lens: str | None = None


@dataclass(frozen=True)
class Calibration:
    """The cameras of a foreign file, not read yet: a broken one may be left out.

    Attributes:
        entries: name and content of each camera, in the file's order.
        read: turns the content of one into numbers.
        unit: of the translations; None where the file leaves it open.
        unit_hint: what helps a user to name an open unit.
        up_axis: the world direction that points up, where the format fixes it.
        notes: what had to be assumed.
    """

    entries: Sequence[tuple[str, Any]]
    read: Callable[[Any], CameraNumbers]
    unit: str | None
    unit_hint: str = ""
    up_axis: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The cameras' names, in the file's order."""
        return [name for name, _ in self.entries]

    def rig(self, names: Sequence[str], unit: str | None, sizes: Mapping[str, Size]) -> Rig:
        """The rig of some cameras.

        Args:
            names: the cameras to read, in this order.
            unit: of the translations, as told by the user; None: as the file says.
            sizes: image sizes told by the user, which go before the file's.
        """
        used_unit = unit or self.unit
        if used_unit is None:
            raise InputError(
                'it does not tell the unit of its translations: pass unit="mm", "cm" or "m" '
                f"(--unit){self.unit_hint}"
            )
        entries = dict(self.entries)
        cameras = [_read_one(self.read, name, entries[name]) for name in names]
        lenses = [_lens(name, camera) for name, camera in zip(names, cameras, strict=True)]
        widest = max(coefficients.size for _, coefficients in lenses)
        return Rig.from_arrays(
            K=np.stack([camera.K for camera in cameras]),
            dist=np.stack([np.pad(c, (0, widest - c.size)) for _, c in lenses]),
            rotation=np.stack([camera.rotation for camera in cameras]),
            translation_m=np.stack([camera.translation for camera in cameras]) * METRES[used_unit],
            names=names,
            sizes=[sizes.get(n, camera.size) for n, camera in zip(names, cameras, strict=True)],
            lens=[lens for lens, _ in lenses],
            up_axis=self.up_axis,
            notes=[*self.notes, *self._told(unit, sizes, names, cameras)],
        )

    def _told(
        self,
        unit: str | None,
        sizes: Mapping[str, Size],
        names: Sequence[str],
        cameras: Sequence[CameraNumbers],
    ) -> list[str]:
        """Where the user's word went before the file's."""
        notes = []
        if unit is not None and self.unit not in (None, unit):
            notes.append(f"translations read as {unit}, as told; this format has {self.unit}")
        for name, camera in zip(names, cameras, strict=True):
            told = sizes.get(name)
            if told is not None and camera.size is not None and list(told) != list(camera.size):
                written = " x ".join(f"{side:g}" for side in camera.size)
                notes.append(f"size of {name!r} as told; the file has {written}")
        return notes


def numbers(entry: Any, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array under a key, reshaped; -1 in the shape takes any number."""
    if not isinstance(entry, Mapping):
        raise InputError("it is no set of numbers by name")
    if entry.get(key) is None:
        raise InputError(f"{key!r} is missing: leave it out with cameras= (--cameras)")
    return as_numbers(key, entry[key], shape)


def as_numbers(what: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Values as a finite float64 array of a shape; -1 takes any number."""
    try:
        array: np.ndarray = np.array(values, dtype=np.float64).reshape(shape)
    except (TypeError, ValueError):
        wanted = " x ".join("n" if side < 0 else str(side) for side in shape)
        raise InputError(f"{what!r} must hold {wanted} numbers") from None
    if not np.isfinite(array).all():
        raise InputError(f"{what!r} holds NaN or infinity: calibrate it again")
    return array


def rotation_matrix(entry: Any, key: str) -> np.ndarray:
    """A rotation given as a Rodrigues vector or as a matrix, (3, 3)."""
    from scipy.spatial.transform import Rotation

    values = numbers(entry, key, (-1,))
    if values.size == 9:
        return values.reshape(3, 3)
    if values.size != 3:
        raise InputError(f"{key!r} must hold a Rodrigues vector (3 numbers) or a matrix (9)")
    return Rotation.from_rotvec(values).as_matrix()


def size_of(entry: Mapping[str, Any], *keys: str) -> Any:
    """The (width, height) under the first key present, None where there is none."""
    for key in keys:
        if entry.get(key) is not None:
            return tuple(as_numbers(key, entry[key], (2,)).tolist())
    return None


def transform_matrix(entry: Any, key: str) -> np.ndarray:
    """A rigid transform given as 3 x 4 or 4 x 4 numbers, (4, 4)."""
    values = numbers(entry, key, (-1, 4))
    if len(values) not in (3, 4):
        raise InputError(f"{key!r} must hold 4 x 4 numbers")
    matrix = np.vstack([values[:3], [[0.0, 0.0, 0.0, 1.0]]])
    if not np.allclose(values[3:], matrix[3]):
        raise InputError(f"{key!r} must end in the row 0 0 0 1")
    return matrix


def apart_hint(read: Callable[[Any], CameraNumbers], entries: Iterable[Any]) -> str:
    """How far the cameras stand apart, in the file's numbers: a user knows that of the room."""
    try:
        cameras = [read(entry) for entry in entries]
    except InputError:
        return ""
    centres = np.stack([-camera.rotation.T @ camera.translation for camera in cameras])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1).max()
    return f"; its cameras stand up to {apart:.4g} of that unit apart" if apart > 0 else ""


def _read_one(read: Callable[[Any], CameraNumbers], name: str, entry: Any) -> CameraNumbers:
    try:
        return read(entry)
    except InputError as error:
        raise InputError(f"camera {name!r}: {error}") from None


def _lens(name: str, camera: CameraNumbers) -> tuple[str, np.ndarray]:
    """Lens model and coefficients; zeros at the end do not ask for a richer model."""
    coefficients = np.trim_zeros(camera.distortion, "b")
    if camera.lens is not None:
        return camera.lens, coefficients
    if coefficients.size > 8:
        raise InputError(
            f"camera {name!r}: its lens has thin-prism or tilt terms (distortion coefficients 9 "
            "to 14), which are not supported: calibrate it without them"
        )
    return ("radtan" if coefficients.size <= 5 else "rational"), coefficients
