"""Points of the scene that have names: clicked in the cameras' images, for the world to rest on.

The file, YAML, holds the points and what is known of them:

    points:
      corner: {cam1: [812.5, 633.0], cam3: [402.1, 590.4]}  # pixels in two cameras or more
      door: {cam1: [1200.0, 640.5], cam2: [95.0, 602.2]}
      pillar: {cam2: [700.0, 655.0], cam3: [1100.0, 610.8]}
    origin: corner      # either: the floor goes through origin, x and the points of floor; x points
    x: door             # to this one (without it, or without an origin, floor alone says what is
    floor: [pillar]     # level)
    world:              # or: where points are to be, in metres
      corner: [0, 0, 0]
      door: [3.2, 0, 0]
      pillar: [0, 2.5, 0]

A file with `points` alone serves to measure by: `--distance corner,door=3.2`, `--up foot,head`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from triangulate.errors import InputError
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.refine import refine
from triangulate.rig import Rig
from triangulate.yaml_text import parse_yaml

Clicks = Mapping[str, Mapping[str, Sequence[float] | np.ndarray]]

MISSED_PX = 20.0
"""A click farther than this from where the other cameras see the point is a mistake."""

_KEYS = ("points", "origin", "x", "floor", "world")
_STEPS = 10


@dataclass(frozen=True)
class NamedPoints:
    """What a file of named points says.

    Attributes:
        clicks: by point and camera, the pixel (x, y) in the distorted image.
        origin: the point at the origin of the floor, with `x` and `floor`.
        x: the point that x points to.
        floor: further points on the floor.
        world_m: by point, where it is to be (x, y, z).
    """

    clicks: dict[str, dict[str, tuple[float, ...]]]
    origin: str | None = None
    x: str | None = None
    floor: tuple[str, ...] = ()
    world_m: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def settles_world(self) -> bool:
        """Whether it says what the world is, beyond where its points are."""
        return bool(self.floor or self.world_m)


def load_named_points(path: str | Path) -> NamedPoints:
    """Read a file of named points (the module's docstring is the format)."""
    try:
        return _from_document(parse_yaml(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text file") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def triangulate_clicks(rig: Rig, clicks: Clicks) -> dict[str, np.ndarray]:
    """Where the named points are in the rig's world, (3,) each.

    Args:
        rig: the cameras.
        clicks: by point and camera, the pixel (x, y) in the distorted image.

    Raises:
        InputError: unknown cameras, points seen by one camera only, clicks that do not meet.
    """
    names = list(clicks)
    if not names:
        return {}
    pixels = np.zeros((len(rig), len(names), 2))
    seen = np.zeros((len(rig), len(names)), dtype=bool)
    for n, (name, by_camera) in enumerate(clicks.items()):
        for camera, pixel in by_camera.items():
            if camera not in rig.names:
                raise InputError(
                    f"point {name!r}: no camera {camera!r} in the rig; it has "
                    f"{', '.join(rig.names)}"
                )
            pixels[rig.names.index(camera), n] = pixel
            seen[rig.names.index(camera), n] = True
    points, off_px, placed = _triangulated(rig, torch.from_numpy(pixels), torch.from_numpy(seen))
    for n, name in enumerate(names):
        if seen[:, n].sum() < 2:
            raise InputError(f"point {name!r}: click it in at least two cameras")
        worst = int(off_px[:, n].argmax())
        if not placed[n]:
            raise InputError(f"point {name!r}: the cameras' rays do not meet in one point")
        if off_px[worst, n] > MISSED_PX:
            raise InputError(
                f"point {name!r}: its clicks do not meet, camera {rig.names[worst]!r} is "
                f"{off_px[worst, n]:.0f} px off: check its pixels"
            )
    return dict(zip(names, points, strict=True))


def _triangulated(
    rig: Rig, points_px: torch.Tensor, seen: torch.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(V, N, 2), (V, N) -> points (N, 3), distances (V, N) in pixels, and which are placed (N,)."""
    straight_px, valid = rig.cameras.undistort(points_px)
    weights = (seen & valid).double()
    start, open_or_not = triangulate_dlt(
        straight_px.movedim(0, 1), rig.cameras.projection(), weights.mT
    )
    found = refine(start, points_px, rig.cameras, lambda _: weights, _STEPS)
    placed = open_or_not & found.valid & (found.in_front | ~seen).all(0)
    off_px = torch.where(seen, found.squared_px.sqrt(), 0.0)
    return found.points_world.numpy(), off_px.numpy(), placed.numpy()


def _from_document(document: Any) -> NamedPoints:
    if not isinstance(document, dict) or not isinstance(document.get("points"), dict):
        raise InputError("'points' must hold a name and its pixels for each point")
    for key in document:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, 1, 0.5)
            raise InputError(
                f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
    clicks = {}
    for name, by_camera in document["points"].items():
        if not isinstance(by_camera, dict):
            raise InputError(f"point {name!r} must be {{camera: [x, y], ...}}")
        clicks[str(name)] = {
            str(camera): _numbers(pixel, 2, f"point {name!r}, camera {camera!r}")
            for camera, pixel in by_camera.items()
        }
    world = document.get("world") or {}
    if not isinstance(world, dict):
        raise InputError("'world' must hold a point's name and its [x, y, z] in metres")
    floor = document.get("floor") or []
    floor = [floor] if isinstance(floor, str) else floor
    if not isinstance(floor, list):
        raise InputError("'floor' must be a list of points' names")
    origin, x = (None if document.get(k) is None else str(document[k]) for k in ("origin", "x"))
    if world and (origin or x or floor):
        raise InputError("either 'world', or 'origin', 'x' and 'floor': not both")
    if (origin or x) and not floor:
        raise InputError("'floor' is missing: a list of further points on the floor")
    if x is not None and origin is None:
        raise InputError("'x' needs an 'origin' to start from")
    return NamedPoints(
        clicks,
        origin,
        x,
        tuple(str(name) for name in floor),
        {str(name): _numbers(place, 3, f"world of {name!r}") for name, place in world.items()},
    )


def _numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    """A list of finite numbers."""
    fits = isinstance(values, list) and len(values) == count
    if not fits or not all(isinstance(v, int | float) and np.isfinite(v) for v in values):
        raise InputError(f"{what}: {count} numbers are needed, not {values!r}")
    return tuple(float(value) for value in values)
