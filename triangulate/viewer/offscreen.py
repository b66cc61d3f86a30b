"""Pictures of the scene without a window.

Open3D draws them with Vulkan, in software where there is no GPU, and aborts the whole process where
that is missing: commands call this in a process of its own (`triangulate.viewer.apart`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from triangulate.drawing.bones import project
from triangulate.drawing.canvas import BACKGROUND, FINER, TEXT, Canvas, text_width
from triangulate.drawing.overlay import draw_scale
from triangulate.drawing.scales import ColourScale
from triangulate.options import Layer
from triangulate.viewer.film import Shot, Shots
from triangulate.viewer.library import errors_only, without_web_server
from triangulate.viewer.look import Look, colour_scale
from triangulate.viewer.moments import cloud_at
from triangulate.viewer.painting import Painter, aim
from triangulate.viewer.scene import Scene, moment_text


def render_pictures(shots: Shots) -> Iterator[np.ndarray]:
    """One picture (H, W, 3) uint8 RGB after the other."""
    without_web_server()
    from open3d.visualization import rendering

    scene, look, size = shots.scene, shots.look, shots.size
    fine_size = FINER * size[0], FINER * size[1]
    with errors_only():
        renderer = rendering.OffscreenRenderer(*fine_size)
    painter = Painter(renderer.scene, BACKGROUND, FINER)
    motion = scene.contents.motion
    scale = None if motion is None else colour_scale(motion, look.colour_by)
    still = scene.still(look)
    for shot in shots:
        cloud = cloud_at(scene.contents, shot.index) if Layer.clouds in look.layers else None
        fine = shot.camera.resized(float(FINER))
        painter.show({**still, **scene.moving(look, shot.index, shot.images, scale, cloud)})
        aim(renderer.scene.camera, scene, fine, fine_size)
        painter.seen_from(fine.centre_world.numpy(), float(fine.K[1, 1]))
        canvas = Canvas(np.array(renderer.render_to_image())[..., :3])
        _write(canvas, scene, look, shot, scale)
        yield canvas.finished()


def _write(canvas: Canvas, scene: Scene, look: Look, shot: Shot, scale: ColourScale | None) -> None:
    """Names, the moment, and what colours mean."""
    unit_px = float(np.clip(canvas.width / 1280, 0.5, 4.0))
    labels = scene.labels(look)
    places = project(shot.camera, np.array([label.place_m for label in labels]).reshape(-1, 3))
    for label, (x, y) in zip(labels, places.tolist(), strict=True):
        if 0 <= x < canvas.width and 0 <= y < canvas.height:
            size_px = 13 * unit_px
            corner = (x - text_width(label.text, size_px) / 2, y)
            canvas.text(label.text, corner, label.colour, size_px, rim=BACKGROUND)
    base = canvas.height - 14 * unit_px
    corner = (14 * unit_px, base)
    canvas.text(moment_text(scene.contents, shot.index), corner, TEXT, 14 * unit_px, rim=BACKGROUND)
    if scale is not None:
        draw_scale(canvas, scale, 240 * unit_px, base, unit_px)
