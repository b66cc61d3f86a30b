"""Clouds and meshes of any program, read by Open3D."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from triangulate.errors import InputError
from triangulate.viewer.library import without_c_messages
from triangulate.viewer.shapes import Dots, Mesh, shaded

CLOUD_SUFFIXES = (".ply", ".pcd", ".xyz", ".xyzn", ".xyzrgb", ".pts")
MESH_SUFFIXES = (".obj", ".stl", ".off")

_PLAIN = np.array([176, 190, 210], np.uint8)


def read_cloud(path: Path) -> Dots | Mesh:
    """Points or triangles of a file.

    Raises:
        InputError: it is missing, no such file, empty, or broken.
    """
    import open3d as o3d

    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    has_faces = path.suffix.lower() in (".ply", *MESH_SUFFIXES)
    level, said = o3d.utility.VerbosityLevel.Warning, io.StringIO()
    # What a file that breaks off lacks is left as memory happens to be: only a warning tells of it.
    with (
        redirect_stdout(said),
        without_c_messages(),
        o3d.utility.VerbosityContextManager(level),
    ):
        mesh, cloud = o3d.geometry.TriangleMesh(), o3d.geometry.PointCloud()
        if has_faces:
            mesh = o3d.io.read_triangle_mesh(path)
        if not len(mesh.triangles):
            cloud = o3d.io.read_point_cloud(
                path, remove_nan_points=True, remove_infinite_points=True
            )
    if re.search(r"Read \w+ failed", said.getvalue()) or not (
        len(mesh.triangles) + len(cloud.points)
    ):
        raise InputError(f"{path}: is no point cloud or mesh, or an empty or broken one")
    if len(mesh.triangles):
        return _mesh(mesh, path)
    points = np.asarray(cloud.points)
    return Dots(points, _colours(np.asarray(cloud.colors), len(points)))


def _mesh(mesh: Any, path: Path) -> Mesh:
    vertices = np.asarray(mesh.vertices)
    if not np.isfinite(vertices).all():
        raise InputError(f"{path}: some of its vertices are no numbers")
    colours = _colours(np.asarray(mesh.vertex_colors), len(vertices))
    mesh.compute_vertex_normals()
    return shaded(vertices, np.asarray(mesh.triangles), np.asarray(mesh.vertex_normals), colours)


def _colours(values: np.ndarray, count: int) -> np.ndarray:
    """(N, 3) uint8; one colour where the file has none."""
    if len(values) != count:
        return np.tile(_PLAIN, (count, 1))
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
