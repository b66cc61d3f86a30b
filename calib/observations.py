"""What the cameras saw of the target: the pixels of its points, frame by frame, and their file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from triangulate.errors import InputError
from triangulate.npz import read_npz, write_npz
from triangulate.rig import Size

OBSERVATIONS_FORMAT, OBSERVATIONS_VERSION = "triangulate-observations", 1

MARGIN = 0.25
"""How far outside the image a point may lie, as a part of the image's longer side."""


@dataclass(frozen=True, eq=False)
class Observations:
    """The target's points in every camera and frame. Distorted pixels of the full image.

    Attributes:
        points_px: (V, F, N, 2) float64; NaN: not seen.
        names: V camera names, unique.
        sizes: V image sizes (width, height).
        frames: (F,) frame numbers in the recording.
        times_s: (F,) when the frames were taken; None where unknown or not one recording.
        spread: (V, F, N) standard deviation of each point relative to a sharp one's (1 is sharp,
            2 is blurred so that it is twice as uncertain); None where all are alike.
        notes: what was assumed or found on the way here, for people.
    """

    points_px: np.ndarray
    names: tuple[str, ...]
    sizes: tuple[Size, ...]
    frames: np.ndarray
    times_s: np.ndarray | None = None
    spread: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_arrays(
        cls,
        points_px: np.ndarray,
        names: Sequence[str] | None = None,
        sizes: Sequence[Sequence[int]] | Sequence[int] | np.ndarray | None = None,
        *,
        frames: np.ndarray | None = None,
        times_s: np.ndarray | None = None,
        spread: np.ndarray | None = None,
        notes: Sequence[str] = (),
    ) -> Observations:
        """Observations from NumPy arrays, checked.

        Args:
            points_px: (V, F, N, 2); a point of which either coordinate is NaN counts as not seen.
            names: V camera names; cam1, cam2, ... by default.
            sizes: (width, height) of each camera, or one for all.
            frames: (F,) frame numbers; 0, 1, ... by default.
            times_s: (F,) growing.
            spread: (V, F, N) positive, relative standard deviations.
            notes: for people.

        Raises:
            InputError: names given twice, sizes missing or wrong, infinities, points far outside
                the image: one line that names the camera.
        """
        points = np.array(points_px, dtype=np.float64)
        if points.ndim != 4 or points.shape[-1] != 2 or 0 in points.shape:
            raise InputError(
                f"points_px must have shape (cameras, frames, points, 2), got {points.shape}"
            )
        if names is None:
            names = [f"cam{v + 1}" for v in range(len(points))]
        names = (names,) if isinstance(names, str) else tuple(names)
        _check_names(names, len(points))
        pairs = _sizes(sizes, names)
        _check_pixels(points, names, pairs)
        points[np.isnan(points).any(-1)] = np.nan
        count = points.shape[1]
        frames = np.arange(count) if frames is None else np.asarray(frames, dtype=np.int64)
        times = None if times_s is None else np.asarray(times_s, dtype=np.float64)
        for what, values in (("frames", frames), ("times_s", times)):
            if values is not None and values.shape != (count,):
                raise InputError(f"{what} must have shape ({count},), got {values.shape}")
        if len(np.unique(frames)) < count:
            raise InputError("frames: a frame number is given twice")
        if times is not None and not ((np.diff(times) > 0).all() and np.isfinite(times).all()):
            raise InputError("times_s must be finite and grow from frame to frame")
        if spread is not None:
            spread = np.asarray(spread, dtype=np.float64)
            if spread.shape != points.shape[:-1]:
                raise InputError(f"spread must have shape {points.shape[:-1]}, got {spread.shape}")
            seen = ~np.isnan(points[..., 0])
            if not (np.isfinite(spread[seen]) & (spread[seen] > 0)).all():
                raise InputError("spread must be positive for every point that is seen")
        return cls(points, names, pairs, frames, times, spread, tuple(notes))

    @property
    def seen(self) -> np.ndarray:
        """(V, F, N) whether a point was seen."""
        return ~np.isnan(self.points_px[..., 0])

    def select(self, names: Sequence[str]) -> Observations:
        """The observations of some cameras, in the order given."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(
                f"no observations of camera {', '.join(map(repr, missing))}; there are "
                f"{', '.join(self.names)}"
            )
        _check_names(tuple(names), len(names))
        order = [self.names.index(name) for name in names]
        return replace(
            self,
            points_px=self.points_px[order],
            names=tuple(names),
            sizes=tuple(self.sizes[v] for v in order),
            spread=None if self.spread is None else self.spread[order],
        )

    def select_frames(self, index: np.ndarray) -> Observations:
        """The observations of some frames, by their place in the arrays or as a mask."""
        return replace(
            self,
            points_px=self.points_px[:, index],
            frames=self.frames[index],
            times_s=None if self.times_s is None else self.times_s[index],
            spread=None if self.spread is None else self.spread[:, index],
        )

    def save(self, path: str | Path) -> None:
        """Write the observations as `.npz` (layout: `load_observations`)."""
        header = {
            "format": OBSERVATIONS_FORMAT,
            "version": OBSERVATIONS_VERSION,
            "cameras": self.names,
            "sizes": self.sizes,
            "notes": self.notes,
        }
        arrays = {"points_px": self.points_px, "frames": self.frames}
        arrays |= {} if self.times_s is None else {"times_s": self.times_s}
        arrays |= {} if self.spread is None else {"spread": self.spread}
        write_npz(path, header, arrays)


def load_observations(path: str | Path) -> Observations:
    """Read what `Observations.save` wrote.

    The file is a NumPy `.npz` with `points_px`, `frames` and, where known, `times_s` and `spread`
    as in `Observations`, and `header`, a JSON text: format, version, cameras, sizes, notes.
    """
    arrays, header = read_npz(path, OBSERVATIONS_FORMAT, OBSERVATIONS_VERSION)
    try:
        return Observations.from_arrays(
            arrays["points_px"],
            header["cameras"],
            header["sizes"],
            frames=arrays["frames"],
            times_s=arrays.get("times_s"),
            spread=arrays.get("spread"),
            notes=header["notes"],
        )
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{path}: is a broken {OBSERVATIONS_FORMAT} file ({error})") from None


def _check_names(names: tuple[str, ...], count: int) -> None:
    if len(names) != count:
        raise InputError(f"{len(names)} names for {count} cameras")
    odd = [name for name in names if not _is_name(name)]
    if odd:
        raise InputError(f"{odd[0]!r} is no name for a camera, which may become one of a folder")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"camera name {', '.join(map(repr, doubled))} is given twice: rename one")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip(". ")) and not set(name) & set("/\\")


def _sizes(sizes: object, names: tuple[str, ...]) -> tuple[Size, ...]:
    if sizes is None:
        raise InputError("sizes= is missing: give the (width, height) of the images")
    try:
        array = np.asarray(sizes, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.shape == (2,):
        array = np.tile(array, (len(names), 1))
    if array.shape != (len(names), 2) or not (array >= 1).all() or (array % 1 != 0).any():
        raise InputError(f"sizes must be (width, height), once or for each of {len(names)} cameras")
    return tuple((int(width), int(height)) for width, height in array)


def _check_pixels(points: np.ndarray, names: tuple[str, ...], sizes: tuple[Size, ...]) -> None:
    for name, size, seen in zip(names, sizes, points, strict=True):
        if np.isinf(seen).any():
            raise InputError(
                f"camera {name!r}: {int(np.isinf(seen).any(-1).sum())} points are infinite: mark "
                "what was not seen with NaN"
            )
        margin = MARGIN * max(size)
        known = seen[~np.isnan(seen).any(-1)]
        off = ((known < -margin) | (known > np.array(size) + margin)).any(-1)
        if off.any():
            x, y = known[off][0]
            raise InputError(
                f"camera {name!r}: {int(off.sum())} points lie far outside its image of "
                f"{size[0]} x {size[1]} (one at {x:.6g}, {y:.6g}): are the sizes (width, height) "
                "of this recording?"
            )
