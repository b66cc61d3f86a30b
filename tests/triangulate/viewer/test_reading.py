from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.export.ply import write_ply
from triangulate.viewer.reading import read_cloud
from triangulate.viewer.shapes import Dots, Mesh

o3d = pytest.importorskip("open3d")

POINTS = np.random.default_rng(0).normal(0, 1, (50, 3)).astype(np.float32)
COLOURS = np.random.default_rng(1).integers(0, 256, (50, 3), dtype=np.uint8)


def test_a_cloud_of_our_own(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, COLOURS, normals=POINTS, density=POINTS[:, 0])
    cloud = read_cloud(tmp_path / "a.ply")
    assert isinstance(cloud, Dots)
    np.testing.assert_array_equal(cloud.points_m, POINTS)
    np.testing.assert_array_equal(cloud.colours, COLOURS)


@pytest.mark.parametrize("suffix", ["ply", "pcd", "PLY"])
def test_clouds_that_open3d_wrote(suffix: str, tmp_path: Path) -> None:
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(POINTS))
    cloud.colors = o3d.utility.Vector3dVector(COLOURS / 255)
    o3d.io.write_point_cloud(str(tmp_path / f"a.{suffix.lower()}"), cloud)
    (tmp_path / f"a.{suffix.lower()}").rename(tmp_path / f"a.{suffix}")
    found = read_cloud(tmp_path / f"a.{suffix}")
    assert isinstance(found, Dots)
    np.testing.assert_allclose(found.points_m, POINTS, atol=1e-6)
    np.testing.assert_allclose(found.colours.astype(int), COLOURS, atol=1)


def test_points_as_text_have_one_colour(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.xyz", POINTS, fmt="%.6f")
    cloud = read_cloud(tmp_path / "a.xyz")
    assert isinstance(cloud, Dots) and cloud.colours.shape == (50, 3)
    np.testing.assert_allclose(cloud.points_m, POINTS, atol=1e-6)
    assert (cloud.colours == cloud.colours[0]).all() and cloud.colours.min() > 100


def test_points_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[3], points[7, 1] = np.nan, np.inf
    write_ply(tmp_path / "a.ply", points, COLOURS)
    cloud = read_cloud(tmp_path / "a.ply")
    assert isinstance(cloud, Dots)
    np.testing.assert_array_equal(cloud.points_m, np.delete(POINTS, [3, 7], axis=0))
    np.testing.assert_array_equal(cloud.colours, np.delete(COLOURS, [3, 7], axis=0))


@pytest.mark.parametrize("suffix", ["ply", "obj", "stl", "off"])
def test_meshes(suffix: str, tmp_path: Path) -> None:
    box = o3d.geometry.TriangleMesh.create_box(1.0, 2.0, 3.0)
    box.paint_uniform_color([1.0, 0.5, 0.0])
    box.compute_vertex_normals()
    o3d.io.write_triangle_mesh(str(tmp_path / f"a.{suffix}"), box)
    mesh = read_cloud(tmp_path / f"a.{suffix}")
    assert isinstance(mesh, Mesh)
    assert mesh.colours.shape == mesh.vertices_m.shape and mesh.colours.dtype == np.uint8
    a, b, c = (mesh.vertices_m[mesh.triangles[:, corner]] for corner in range(3))
    assert (np.cross(a, b) * c).sum() / 6 == pytest.approx(6)
    assert mesh.colours[:, 0].max() > 1.2 * mesh.colours[:, 0].min()  # some sides are darker
    if suffix in ("ply", "off"):  # the others carry no colours of vertices
        assert (mesh.colours[:, 2] == 0).all() and (mesh.colours[:, 0] > mesh.colours[:, 1]).all()


def test_a_mesh_with_a_broken_vertex_is_refused(tmp_path: Path) -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, np.nan, 0]])
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(vertices), o3d.utility.Vector3iVector(np.array([[0, 1, 2]]))
    )
    o3d.io.write_triangle_mesh(str(tmp_path / "a.ply"), mesh)
    with pytest.raises(InputError, match=r"a\.ply: some of its vertices are no numbers"):
        read_cloud(tmp_path / "a.ply")


def test_what_is_no_cloud_is_refused_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert cv2.imwrite(str(tmp_path / "picture.png"), picture)
    (tmp_path / "picture.png").rename(tmp_path / "picture.ply")
    write_ply(tmp_path / "empty.ply", np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    write_ply(tmp_path / "nan.ply", np.full((3, 3), np.nan), np.zeros((3, 3), np.uint8))
    write_ply(tmp_path / "whole.ply", POINTS, COLOURS)
    cut_off = (tmp_path / "whole.ply").read_bytes()[:-300]
    (tmp_path / "cut.ply").write_bytes(cut_off)
    for name in ("blank.ply", "blank.pcd", "blank.xyz", "blank.obj", "blank.stl"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "text.pcd").write_text("not a cloud\n" * 5)
    (tmp_path / "whole.ply").unlink()
    box = o3d.geometry.TriangleMesh.create_box()
    o3d.io.write_triangle_mesh(str(tmp_path / "box.ply"), box)
    (tmp_path / "box.ply").write_bytes((tmp_path / "box.ply").read_bytes()[:-60])
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(InputError) as refused:
            read_cloud(path)
        assert str(refused.value).startswith(f"{path}: is no point cloud or mesh"), path
        assert "\n" not in str(refused.value)
    for path in (tmp_path / "none.ply", tmp_path):
        with pytest.raises(InputError, match="there is no such file"):
            read_cloud(path)
    assert capfd.readouterr().out == ""
