"""Shapes as Open3D's geometry, in its scenes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from triangulate.drawing.canvas import Colour
from triangulate.geometry.camera import Camera
from triangulate.rig import Size
from triangulate.viewer.scene import Scene
from triangulate.viewer.shapes import Dots, Lines, Mesh, Shape, Sheet

NEAR_M = 0.02


class Painter:
    """Puts shapes into an Open3D scene, and takes out those that are gone.

    Args:
        scene: an `open3d.visualization.rendering.Open3DScene`.
        background: of the picture.
        finer: how many of the renderer's pixels lie in a pixel of lines and dots.
    """

    def __init__(self, scene: Any, background: Colour, finer: float = 1.0) -> None:
        """Set the scene up for colours as they are."""
        self._scene, self._finer = scene, finer
        self._shown: dict[str, Shape] = {}
        # What the shapes' colours are is what the screen shall show: no lights, no tone mapping.
        # Multisampling is left out because renderers without a GPU take half a minute a picture.
        scene.view.set_post_processing(False)
        scene.view.set_sample_count(1)
        scene.show_skybox(False)
        scene.set_background([*_encoded(np.array(background)).tolist(), 1.0])

    def show(self, shapes: Mapping[str, Shape]) -> None:
        """Show these shapes and no others; what is the same object as before is left as it is."""
        for name in [name for name in self._shown if shapes.get(name) is not self._shown[name]]:
            self._scene.remove_geometry(name)
            del self._shown[name]
        for name, shape in shapes.items():
            if name not in self._shown:
                self._scene.add_geometry(name, *_geometry(shape, self._finer))
                self._shown[name] = shape


def open3d_camera(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Intrinsic (3, 3) and extrinsic (4, 4) as Open3D takes them.

    There the centre of the first pixel is (0.5, 0.5).
    """
    intrinsic = camera.K.numpy().copy()
    intrinsic[:2, 2] += 0.5
    extrinsic = np.eye(4)
    extrinsic[:3] = camera.cam_from_world.matrix().numpy()
    return intrinsic, extrinsic


def far_m(scene: Scene, camera: Camera) -> float:
    """A distance from the camera beyond which nothing is."""
    away = scene.shown_m - camera.centre_world.numpy()
    return 2.0 * float(np.linalg.norm(away, axis=-1).max()) + 4.0 * scene.reach_m


def aim(rendering_camera: Any, scene: Scene, camera: Camera, size: Size) -> None:
    """Let an `open3d.visualization.rendering.Camera` see what a camera sees."""
    intrinsic, extrinsic = open3d_camera(camera)
    rendering_camera.set_projection(intrinsic, NEAR_M, far_m(scene, camera), *size)
    rotation = extrinsic[:3, :3]
    eye = camera.centre_world.numpy()
    rendering_camera.look_at(eye + rotation[2], eye, -rotation[1])


def aim_widget(widget: Any, scene: Scene, camera: Camera, size: Size) -> None:
    """Let an `open3d.visualization.gui.SceneWidget` begin with what a camera sees.

    Args:
        widget: of a size in pixels (width, height).
        scene: what is in it; it is turned about the middle of what moves.
        camera: of an image of that size.
        size: of the widget.
    """
    import open3d as o3d

    low, high = scene.shown_m.min(axis=0), scene.shown_m.max(axis=0)
    intrinsic, extrinsic = open3d_camera(camera)
    widget.setup_camera(intrinsic, extrinsic, *size, o3d.geometry.AxisAlignedBoundingBox(low, high))
    widget.center_of_rotation = ((scene.people_m.min(0) + scene.people_m.max(0)) / 2).astype("f4")


def _geometry(shape: Shape, finer: float) -> tuple[Any, Any]:
    """Open3D's geometry and material."""
    import open3d as o3d
    from open3d.visualization import rendering

    material = rendering.MaterialRecord()
    material.shader = "defaultUnlit"
    vectors, indices = o3d.utility.Vector3dVector, o3d.utility.Vector3iVector
    if isinstance(shape, Mesh):
        mesh = o3d.geometry.TriangleMesh(vectors(shape.vertices_m), indices(shape.triangles))
        mesh.vertex_colors = vectors(shape.colours / 255)
        # Without coordinates the (blank) texture is looked up anywhere, which may take seconds.
        mesh.triangle_uvs = o3d.utility.Vector2dVector(np.zeros((3 * len(shape.triangles), 2)))
        return mesh, material
    if isinstance(shape, Lines):
        count = len(shape.ends_m)
        pairs = o3d.utility.Vector2iVector(np.arange(2 * count).reshape(-1, 2))
        lines = o3d.geometry.LineSet(vectors(shape.ends_m.reshape(-1, 3)), pairs)
        lines.colors = vectors(shape.colours / 255)
        material.shader, material.line_width = "unlitLine", finer * shape.width_px
        return lines, material
    if isinstance(shape, Dots):
        cloud = o3d.geometry.PointCloud(vectors(shape.points_m))
        cloud.colors = vectors(shape.colours / 255)
        material.point_size = finer * shape.size_px
        return cloud, material
    return _sheet(shape, material)


def _sheet(sheet: Sheet, material: Any) -> tuple[Any, Any]:
    """The image on its surface, to be seen from both sides."""
    import open3d as o3d

    rows, columns = np.array(sheet.vertices_m.shape[:2]) - 1
    places = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    a, b, c, d = places[:-1, :-1], places[:-1, 1:], places[1:, 1:], places[1:, :-1]
    front = np.stack([a, d, c, a, c, b], axis=-1).reshape(-1, 3)
    triangles = np.concatenate([front, front[:, ::-1]])
    y, x = np.divmod(triangles.ravel(), columns + 1)
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(sheet.vertices_m.reshape(-1, 3)),
        o3d.utility.Vector3iVector(triangles),
    )
    # Without colours of its own a mesh is grey; textures stand on their heads.
    mesh.vertex_colors = o3d.utility.Vector3dVector(np.ones((places.size, 3)))
    corners = np.stack([x / columns, 1 - y / rows], axis=-1)
    mesh.triangle_uvs = o3d.utility.Vector2dVector(corners)
    encoded = np.rint(255 * _ENCODED[sheet.image]).astype(np.uint8)
    material.albedo_img = o3d.geometry.Image(encoded)
    return mesh, material


def _encoded(colour: np.ndarray) -> np.ndarray:
    """uint8 to 0..1, as sRGB encodes light: the renderer decodes textures and backgrounds."""
    part = np.asarray(colour) / 255
    return np.where(part <= 0.0031308, 12.92 * part, 1.055 * part ** (1 / 2.4) - 0.055)


_ENCODED = _encoded(np.arange(256))
