"""A rig: named cameras in one world, and its file `rig.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from triangulate.errors import InputError
from triangulate.files import write_text
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import LENS_COEFFICIENTS, LENS_MODELS
from triangulate.geometry.rigid import Rigid
from triangulate.rig_checks import Size as Size
from triangulate.rig_checks import (
    as_array,
    as_coefficients,
    as_lens,
    as_size,
    check_names,
    check_numbers,
    check_sizes,
)
from triangulate.yaml_text import parse_yaml

RIG_FORMAT, RIG_VERSION = "triangulate-rig", 1
UP_AXES = ("x", "-x", "y", "-y", "z", "-z")


@dataclass(frozen=True)
class Rig:
    """Named cameras in one world, in metres. Conventions: `triangulate.geometry.camera`.

    Attributes:
        names: V camera names, unique.
        cameras: `Camera` with leading dim V, float64.
        sizes: V image sizes (width, height); None where the calibration does not tell.
        up_axis: the world direction that points up ("z", "-y", ...), None where unknown.
        notes: what a reader had to assume, for people.
    """

    names: tuple[str, ...]
    cameras: Camera
    sizes: tuple[Size | None, ...]
    up_axis: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no rig can be."""
        check_names(self.names, self.cameras.K.shape, self.sizes)
        check_numbers(self.names, self.cameras)
        check_sizes(self.names, self.cameras.K.numpy(), self.sizes)
        if self.up_axis is not None and self.up_axis not in UP_AXES:
            raise InputError(f"up axis must be one of {', '.join(UP_AXES)}, not {self.up_axis!r}")

    @classmethod
    def from_arrays(
        cls,
        K: np.ndarray,
        dist: np.ndarray | None,
        rotation: np.ndarray,
        translation_m: np.ndarray,
        names: Sequence[str],
        sizes: Sequence[Sequence[int] | None] | np.ndarray | None = None,
        lens: str | Sequence[str] = "radtan",
        up_axis: str | None = None,
        notes: Sequence[str] = (),
    ) -> Rig:
        """A rig from NumPy arrays.

        Args:
            K: (V, 3, 3) pixels.
            dist: (V, n) OpenCV coefficients of the lens model (radtan up to 5, rational 8,
                fisheye 4; fewer are padded with zeros), None for none.
            rotation: (V, 3, 3) camera from world.
            translation_m: (V, 3) camera from world, metres: x_cam = R x_world + t.
            names: V names.
            sizes: V image sizes (width, height); None as a whole or for one camera: not known.
            lens: "radtan", "rational" or "fisheye", for all or for each camera.
            up_axis: the world direction that points up, such as "z" or "-y".
            notes: what should be known about where the numbers came from.

        Raises:
            InputError: doubled names, numbers that are not finite, matrices that are no rotation,
                sizes given as (height, width).
        """
        names = tuple(str(name) for name in names)
        if not names:
            raise InputError("the rig has no cameras")
        count = len(names)
        lenses = [lens] * count if isinstance(lens, str) else list(lens)
        K, rotation = as_array("K", K, (count, 3, 3)), as_array("rotation", rotation, (count, 3, 3))
        translation = as_array("translation_m", translation_m, (count, 3))
        cameras = Camera(
            torch.from_numpy(K),
            as_lens(names, lenses, as_coefficients(dist, count)),
            Rigid(torch.from_numpy(rotation), torch.from_numpy(translation)),
        )
        known = [None] * count if sizes is None else list(sizes)
        if len(known) != count:
            raise InputError(f"{count} names and {len(known)} sizes")
        pairs = tuple(as_size(name, size) for name, size in zip(names, known, strict=True))
        return cls(names, cameras, pairs, up_axis, tuple(notes))

    def to_arrays(self) -> dict[str, Any]:
        """The keyword arguments of `from_arrays`, as NumPy arrays where they are arrays.

        `lens` is one name where all cameras share a model, else a list; `dist` is as wide as the
        widest model present; `sizes` is (V, 2) where all are known, None where none is, else a
        list with None in it.
        """
        lenses = self.lens_names
        width = max(LENS_COEFFICIENTS[name] for name in lenses)
        if all(size is None for size in self.sizes):
            sizes: Any = None
        elif None in self.sizes:
            sizes = list(self.sizes)
        else:
            sizes = np.array(self.sizes)
        return {
            "K": self.cameras.K.numpy().copy(),
            "dist": self.cameras.lens.coefficients[:, :width].numpy().copy(),
            "rotation": self.cameras.cam_from_world.rotation.numpy().copy(),
            "translation_m": self.cameras.cam_from_world.translation.numpy().copy(),
            "names": list(self.names),
            "sizes": sizes,
            "lens": lenses[0] if len(set(lenses)) == 1 else lenses,
            "up_axis": self.up_axis,
            "notes": list(self.notes),
        }

    @property
    def lens_names(self) -> list[str]:
        """The lens model of each camera."""
        return [LENS_MODELS[int(index)] for index in self.cameras.lens.model]

    def __len__(self) -> int:
        """How many cameras there are."""
        return len(self.names)

    def select(self, names: Sequence[str]) -> Rig:
        """The rig of some cameras, in the order given."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(
                f"no camera {', '.join(map(repr, missing))} in the rig; it has "
                f"{', '.join(self.names)}"
            )
        order = [self.names.index(name) for name in names]
        return replace(
            self,
            names=tuple(names),
            cameras=self.cameras[torch.tensor(order, dtype=torch.int64)],
            sizes=tuple(self.sizes[index] for index in order),
        )

    def coincident_cameras(self, tolerance_m: float = 1e-6) -> list[tuple[str, str]]:
        """Pairs of cameras whose centres are the same: no point can be triangulated from them."""
        centres = self.cameras.centre_world.numpy()
        apart_m = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        firsts, seconds = np.nonzero(np.triu(apart_m < tolerance_m, k=1))
        return [(self.names[a], self.names[b]) for a, b in zip(firsts, seconds, strict=True)]

    def self_test_px(self) -> float:
        """Project points through the rig's own lenses and back: the worst error, which must be ~0.

        Pixels all over each image are taken to their rays, points two metres along them are
        projected again. A lens model that folds over inside its image shows here.
        """
        worst = 0.0
        for v, size in enumerate(self.sizes):
            width, height = size or tuple(int(2 * c) for c in self.cameras.K[v, :2, 2])
            x, y = np.meshgrid(np.linspace(0, width - 1, 33), np.linspace(0, height - 1, 33))
            pixels = torch.from_numpy(np.stack([x.ravel(), y.ravel()], axis=-1))
            origin, directions, valid = self.cameras[v].rays(pixels)
            again, in_front = self.cameras[v].project(origin + 2 * directions)
            error = torch.where(valid & in_front, (again - pixels).norm(dim=-1), torch.inf)
            worst = max(worst, float(error.max()))
        return worst

    def save(self, path: str | Path) -> None:
        """Write `rig.yaml`; all digits are kept."""
        write_text(path, self.to_text())

    def to_text(self) -> str:
        """The content of `rig.yaml`."""
        arrays = self.to_arrays()
        cameras = {}
        for v, name in enumerate(self.names):
            entry: dict[str, Any] = {}
            if (size := self.sizes[v]) is not None:
                entry["size"] = list(size)
            lens = self.lens_names[v]
            entry["lens"] = lens
            entry["K"] = arrays["K"][v].tolist()
            entry["distortion"] = arrays["dist"][v, : LENS_COEFFICIENTS[lens]].tolist()
            entry["rotation"] = arrays["rotation"][v].tolist()
            entry["translation_m"] = arrays["translation_m"][v].tolist()
            cameras[name] = entry
        document = {"format": RIG_FORMAT, "version": RIG_VERSION, "up_axis": self.up_axis}
        document |= {"notes": list(self.notes), "cameras": cameras}
        header = (
            "# Cameras in one world, in metres: x_cam = rotation @ x_world + translation_m.\n"
            "# Axes: x right, y down, z forward; sizes are [width, height]; pixel centres are\n"
            "# integers; distortion in OpenCV's order for the lens model.\n"
        )
        return header + yaml.safe_dump(
            document, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
        )

    @classmethod
    def load(cls, path: str | Path) -> Rig:
        """Read `rig.yaml`; `triangulate.load_rig` reads other formats too."""
        try:
            return cls.from_document(parse_yaml(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: is no text file") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def from_document(cls, document: Any) -> Rig:
        """A rig from the parsed content of `rig.yaml`."""
        if not isinstance(document, dict) or document.get("format") != RIG_FORMAT:
            raise InputError(f"no 'format: {RIG_FORMAT}' in it")
        if document.get("version") != RIG_VERSION:
            raise InputError(
                f"version {document.get('version')} is not known; this program reads {RIG_VERSION}"
            )
        entries, notes = document.get("cameras") or {}, document.get("notes") or ()
        if not isinstance(notes, str | list | tuple):
            raise InputError(f"notes must be a text or a list of texts, not {notes!r}")
        if not isinstance(entries, dict):
            raise InputError("'cameras' must hold a name and its numbers for each camera")
        columns: dict[str, list[Any]] = {
            key: [] for key in ("K", "distortion", "rotation", "translation_m", "lens")
        }
        for name, entry in entries.items():
            for key, column in columns.items():
                if not isinstance(entry, dict) or entry.get(key) is None:
                    raise InputError(f"camera {name!r} has no {key!r}")
                column.append(entry[key])
            _check_entry(name, entry)
        widest = max(map(len, columns["distortion"]), default=0)
        padded = [[*row, *[0.0] * (widest - len(row))] for row in columns["distortion"]]
        return cls.from_arrays(
            K=columns["K"],  # type: ignore[arg-type]
            dist=padded,  # type: ignore[arg-type]
            rotation=columns["rotation"],  # type: ignore[arg-type]
            translation_m=columns["translation_m"],  # type: ignore[arg-type]
            names=[str(name) for name in entries],
            sizes=[entry.get("size") for entry in entries.values()],
            lens=columns["lens"],
            up_axis=document.get("up_axis"),
            notes=[notes] if isinstance(notes, str) else [str(note) for note in notes],
        )


def _check_entry(name: str, entry: dict[str, Any]) -> None:
    """What `from_arrays` would report without the camera's name."""
    shapes = {"K": (3, 3), "rotation": (3, 3), "translation_m": (3,)}
    for key, shape in shapes.items():
        try:
            as_array(repr(key), entry[key], shape)
        except InputError as error:
            raise InputError(f"camera {name!r}: {error}") from None
    if not isinstance(entry["distortion"], list):
        raise InputError(f"camera {name!r}: 'distortion' must be a list of numbers")
