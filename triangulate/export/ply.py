"""PLY: coloured points that Open3D, MeshLab and Blender open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from triangulate.files import atomic_path


def write_ply(
    path: str | Path,
    points_m: np.ndarray,
    colours: np.ndarray,
    *,
    normals: np.ndarray | None = None,
    density: np.ndarray | None = None,
    comments: Sequence[str] = (),
) -> None:
    """Write points as a binary little-endian PLY, atomically.

    Args:
        path: the file.
        points_m: (N, 3) metres, float32 in the file.
        colours: (N, 3) uint8 RGB.
        normals: (N, 3) unit.
        density: (N,) a number a point, the property `density`.
        comments: for the header, a line each.
    """
    places: list[tuple[str, str, str, np.ndarray]] = [
        (name, "<f4", "float", points_m[:, axis]) for axis, name in enumerate("xyz")
    ]
    if normals is not None:
        named = enumerate(("nx", "ny", "nz"))
        places += [(name, "<f4", "float", normals[:, axis]) for axis, name in named]
    named = enumerate(("red", "green", "blue"))
    places += [(name, "u1", "uchar", colours[:, axis]) for axis, name in named]
    if density is not None:
        places.append(("density", "<f4", "float", density))
    table = np.empty(len(points_m), dtype=[(name, kind) for name, kind, _, _ in places])
    for name, _, _, values in places:
        table[name] = values
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"comment {' '.join(line.split())}" for line in comments]
    header += [f"element vertex {len(table)}"]
    header += [f"property {kind} {name}" for name, _, kind, _ in places]
    text = "\n".join([*header, "end_header", ""]).encode("ascii", "replace")
    with atomic_path(path) as temporary:
        temporary.write_bytes(text + table.tobytes())
