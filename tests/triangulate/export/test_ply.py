"""PLY files, read back by Open3D and byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from triangulate.export.ply import write_ply

POINTS = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -3.0]])
COLOURS = np.array([[255, 0, 10], [1, 2, 3]], np.uint8)
NORMALS = np.array([[1.0, 0, 0], [0, 0, -1.0]])


def test_the_bytes(tmp_path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, COLOURS, comments=["unit metres", "two\nlines"])
    header, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\ncomment unit metres\n")
    assert b"comment two lines\nelement vertex 2\n" in header
    assert len(body) == 2 * (3 * 4 + 3)
    np.testing.assert_array_equal(np.frombuffer(body[:12], "<f4"), POINTS[0])
    assert body[12:15] == bytes([255, 0, 10])
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]


def test_open3d_reads_it(tmp_path) -> None:
    open3d = pytest.importorskip("open3d")
    density = np.array([0.25, 1.0])
    write_ply(tmp_path / "a.ply", POINTS, COLOURS, normals=NORMALS, density=density)
    cloud = open3d.io.read_point_cloud(str(tmp_path / "a.ply"))
    np.testing.assert_allclose(np.asarray(cloud.points), POINTS)
    np.testing.assert_allclose(np.asarray(cloud.colors), COLOURS / 255)
    np.testing.assert_allclose(np.asarray(cloud.normals), NORMALS)
    read = open3d.t.io.read_point_cloud(str(tmp_path / "a.ply"))
    np.testing.assert_allclose(read.point["density"].numpy().ravel(), density)
