"""Shapes as Open3D's geometry, in its scenes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from triangulate.drawing.canvas import Colour
from triangulate.geometry.camera import Camera
from triangulate.rig import Size
from triangulate.viewer.scene import Scene
from triangulate.viewer.shapes import Dots, Instances, Lines, Mesh, Raster, Shape

NEAR_M = 0.02
_LARGEST_DOT_PX = 64.0
_FRAMES_BEHIND = 4  # that the renderer may be


class Painter:
    """Puts shapes into an Open3D scene, and takes out those that are gone.

    Open3D never gives back all memory of meshes and textures that are taken out of a scene. What
    changes from frame to frame is therefore moved or recoloured in place.

    Args:
        scene: an `open3d.visualization.rendering.Open3DScene`.
        background: of the picture.
        finer: how many of the renderer's pixels lie in a pixel of lines and dots.
    """

    def __init__(self, scene: Any, background: Colour, finer: float = 1.0) -> None:
        """Set the scene up for colours as they are."""
        self._scene, self._finer = scene, finer
        self._shown: dict[str, Shape] = {}
        self._copies: dict[str, np.ndarray] = {}  # of instances, the colours (N, 3) of all copies
        self._visible: dict[str, int] = {}  # of instances, how many copies are shown
        self._dot_px: dict[str, float] = {}
        self._read_later: dict[str, deque[Any]] = {}
        self._eye_m, self._focal_px = np.zeros(3), 1000.0
        # What the shapes' colours are is what the screen shall show: no lights, no tone mapping.
        # Multisampling is left out because renderers without a GPU take half a minute a picture.
        scene.view.set_post_processing(False)
        scene.view.set_sample_count(1)
        scene.show_skybox(False)
        scene.set_background([*_encoded(np.array(background)).tolist(), 1.0])

    def show(self, shapes: Mapping[str, Shape]) -> None:
        """Show these shapes and no others; what is the same object as before is left as it is."""
        for name in [name for name in self._shown if name not in shapes]:
            self._take_out(name)
        for name, shape in shapes.items():
            before = self._shown.get(name)
            if before is shape:
                continue
            if isinstance(shape, Instances):
                self._move(name, shape)
            elif (
                isinstance(shape, Raster)
                and isinstance(before, Raster)
                and (before.points_m is shape.points_m)
            ):
                self._recolour(name, shape)
            else:
                if before is not None:
                    self._take_out(name)
                self._put(name, shape)
            self._shown[name] = shape

    def seen_from(self, eye_m: np.ndarray, focal_px: float) -> None:
        """Make the dots of pictures in space as large as they must be.

        Args:
            eye_m: (3,) where the renderer's camera is.
            focal_px: of it, in the renderer's pixels.
        """
        self._eye_m, self._focal_px = eye_m, focal_px
        for name, shape in self._shown.items():
            if isinstance(shape, Raster) and self._dot_px[name] != self._size_px(shape):
                self._scene.modify_geometry_material(name, self._dots(name, shape))

    def _put(self, name: str, shape: Shape) -> None:
        if isinstance(shape, Raster):
            cloud = _cloud(shape.points_m.reshape(-1, 3), shape.colours.reshape(-1, 3))
            self._scene.add_geometry(name, cloud, self._dots(name, shape))
        elif isinstance(shape, Mesh):
            self._scene.add_geometry(name, _mesh(shape), _material())
        elif isinstance(shape, Lines):
            material = _material("unlitLine")
            material.line_width = self._finer * shape.width_px
            self._scene.add_geometry(name, _lines(shape), material)
        elif isinstance(shape, Dots):
            material = _material()
            material.point_size = self._finer * shape.size_px
            self._scene.add_geometry(name, _cloud(shape.points_m, shape.colours), material)

    def _recolour(self, name: str, raster: Raster) -> None:
        from open3d.visualization import rendering

        cloud = _cloud(raster.points_m.reshape(-1, 3), raster.colours.reshape(-1, 3))
        self._scene.scene.update_geometry(name, cloud, rendering.Scene.UPDATE_COLORS_FLAG)
        # The renderer reads the colours later, from where they are now.
        self._read_later.setdefault(name, deque(maxlen=_FRAMES_BEHIND)).append(cloud)

    def _move(self, name: str, shape: Instances) -> None:
        """Move the copies that there are, make those that lack, and hide those left over."""
        colours, count = self._copies.get(name, np.zeros((0, 3), np.uint8)), len(shape.colours)
        for i in range(len(colours), count):
            self._scene.add_geometry(_copy(name, i), _mesh(shape.template), _material())
        self._show_copies(name, count, max(count, len(colours)))
        for i, place in enumerate(shape.world_from_template):
            self._scene.set_geometry_transform(_copy(name, i), place)
            if i >= len(colours) or (colours[i] != shape.colours[i]).any():
                material = _material()
                material.base_color = [*_encoded(shape.colours[i]).tolist(), 1.0]
                self._scene.modify_geometry_material(_copy(name, i), material)
        self._copies[name] = np.concatenate([shape.colours, colours[count:]])

    def _show_copies(self, name: str, count: int, total: int) -> None:
        """Show the first copies of all that there are."""
        before = self._visible.get(name, 0)
        for i in range(min(before, count), min(max(before, count), total)):
            self._scene.show_geometry(_copy(name, i), i < count)
        self._visible[name] = count

    def _take_out(self, name: str) -> None:
        if isinstance(self._shown.pop(name), Instances):
            self._show_copies(name, 0, len(self._copies[name]))
        else:
            self._scene.remove_geometry(name)

    def _dots(self, name: str, raster: Raster) -> Any:
        material = _material()
        material.point_size = self._dot_px[name] = self._size_px(raster)
        return material

    def _size_px(self, raster: Raster) -> float:
        """Of dots that just cover the picture where it is nearest."""
        away_m = np.linalg.norm(raster.points_m[::8, ::8] - self._eye_m, axis=-1).min()
        size_px = np.ceil(self._focal_px * raster.spacing_m / max(float(away_m), NEAR_M)) + 1
        return float(np.clip(size_px, 1, _LARGEST_DOT_PX))


def _copy(name: str, number: int) -> str:
    return f"{name} {number}"


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


def _material(shader: str = "defaultUnlit") -> Any:
    from open3d.visualization import rendering

    material = rendering.MaterialRecord()
    material.shader = shader
    return material


def _mesh(mesh: Mesh) -> Any:
    import open3d as o3d

    made = o3d.t.geometry.TriangleMesh(_floats(mesh.vertices_m), _integers(mesh.triangles))
    made.vertex.colors = _floats(mesh.colours / 255)
    # Without coordinates the (blank) texture is looked up anywhere, which may take seconds.
    made.vertex.texture_uvs = _floats(np.zeros((len(mesh.vertices_m), 2)))
    return made


def _lines(lines: Lines) -> Any:
    import open3d as o3d

    pairs = np.arange(2 * len(lines.ends_m)).reshape(-1, 2)
    made = o3d.t.geometry.LineSet(_floats(lines.ends_m.reshape(-1, 3)), _integers(pairs))
    made.line.colors = _floats(lines.colours / 255)
    return made


def _cloud(points_m: np.ndarray, colours: np.ndarray) -> Any:
    import open3d as o3d

    made = o3d.t.geometry.PointCloud(_floats(points_m))
    made.point.colors = _floats(colours / 255)
    return made


def _floats(values: np.ndarray) -> Any:
    import open3d as o3d

    return o3d.core.Tensor(np.ascontiguousarray(values, np.float32))  # type: ignore[call-overload]


def _integers(values: np.ndarray) -> Any:
    import open3d as o3d

    return o3d.core.Tensor(np.ascontiguousarray(values, np.int32))  # type: ignore[call-overload]


def _encoded(colour: np.ndarray) -> np.ndarray:
    """uint8 to 0..1, as sRGB encodes light: the renderer decodes what is not a vertex's colour."""
    part = np.asarray(colour) / 255
    return np.where(part <= 0.0031308, 12.92 * part, 1.055 * part ** (1 / 2.4) - 0.055)
