"""What goes on in the viewer's window."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from triangulate.drawing.canvas import BACKGROUND
from triangulate.errors import InputError
from triangulate.options import ColourBy, Layer
from triangulate.viewer.contents import Contents
from triangulate.viewer.keys import KEYS, Action
from triangulate.viewer.library import resident_bytes
from triangulate.viewer.look import Look, colour_scale, default_colours
from triangulate.viewer.moments import Faces, Pictures, cloud_at
from triangulate.viewer.painting import Painter, aim_widget
from triangulate.viewer.panel import Asked, Panel
from triangulate.viewer.picking import Picked, description, nearest, on_screen
from triangulate.viewer.scene import Scene, moment_text
from triangulate.viewer.shapes import Dots, Mesh, Shape, balls
from triangulate.viewer.timeline import DEFAULT_FPS, Timeline
from triangulate.viewer.viewpoint import camera_of_rig

MAGNIFIED = (1.0, 3.0, 10.0)
MOST_BYTES = 4_000_000_000
_DRAWN_ON_S = 0.25  # after a change: the renderer may leave pictures out
_STILL_PX = 4  # a click that moves the mouse farther turns the view instead
_MARK = np.array([[255, 235, 59]], np.uint8)


class Viewer:
    """The window and its state.

    Args:
        application: Open3D's, initialised.
        window: an empty one of it.
        contents: what is shown.
        look: how; None: as usual.
        faces: to be hidden in the cameras' images.
    """

    def __init__(
        self,
        application: Any,
        window: Any,
        contents: Contents,
        look: Look | None = None,
        faces: Faces | None = None,
    ) -> None:
        """Fill the window."""
        from open3d.visualization import gui, rendering

        self._application, self._contents = application, contents
        self.scene = Scene.of(contents)
        self.look = look or Look(default_colours(contents.motion))
        self.timeline = Timeline(len(contents.frames), contents.rate or DEFAULT_FPS)
        self.picked: Picked | None = None
        self._pictures = Pictures(contents, faces)
        self._images: tuple[int, int | None, Any] = (-1, None, ())
        self._cloud: tuple[int, Dots | Mesh | None] = (-1, None)
        self._draw_until = 0.0
        self._first_bytes, self._lost_bytes = resident_bytes(), 0
        self._broken = ""  # what is wrong with the frame's cloud
        self._pressed_at: tuple[int, int] | None = None
        self._labels: list[Any] = []
        self._is_stale, self._eye_m = True, np.zeros(3)

        self.window = window
        window.title = f"triangulate: {contents.title}"
        self.widget = gui.SceneWidget()
        self.widget.scene = rendering.Open3DScene(self.window.renderer)
        self._painter = Painter(self.widget.scene, BACKGROUND, self.window.scaling)
        self.window.add_child(self.widget)
        self._panel = Panel(
            self.window,
            self._colours(),
            0 if contents.motion is None else contents.motion.positions_m.shape[1],
            () if contents.rig is None else contents.rig.names,
            self._layers(),
            len(contents.frames),
            Asked(
                self.act,
                self.go_to,
                lambda colours: self._change(colour_by=colours),
                lambda person: self._change(person=person),
                self.view_from,
                self.toggle_layer,
            ),
        )
        self._is_aimed = False
        self.window.set_on_layout(self._on_layout)
        self.window.set_on_key(self._on_key)
        self.window.set_on_tick_event(self._on_tick)
        self.widget.set_on_mouse(self._on_mouse)
        self._told_at = time.monotonic()
        self._restyle()

    # --- What can be asked for ------------------------------------------------------------------

    def act(self, action: Action) -> None:
        """Do what a key or a button asks for."""
        match action:
            case Action.play:
                self.timeline.toggle()
            case Action.on | Action.back:
                self.timeline.step(1 if action == Action.on else -1)
            case Action.faster | Action.slower:
                self.timeline.change_speed(1 if action == Action.faster else -1)
            case Action.start:
                self.timeline.go_to(0)
            case Action.end:
                self.timeline.go_to(self.timeline.num_frames - 1)
            case Action.loop:
                self.timeline.loops = not self.timeline.loops
            case Action.colours:
                self._change(colour_by=_next(self._colours(), self.look.colour_by))
            case Action.person:
                motion = self._contents.motion
                people = 0 if motion is None else motion.positions_m.shape[1]
                self._change(person=_next([None, *range(people)], self.look.person))
            case Action.view:
                rig = self._contents.rig
                views = range(0 if rig is None else len(rig))
                self.view_from(_next([None, *views], self.look.view))
            case Action.reset:
                self.view_from(None)
            case Action.magnify:
                self._change(magnified=_next(MAGNIFIED, self.look.magnified))
            case Action.help:
                self._panel.toggle_keys()
            case Action.quit:
                self._application.quit()
        self._is_stale = True

    def go_to(self, index: int) -> None:
        """Show a frame."""
        self.timeline.go_to(index)
        self._is_stale = True

    def view_from(self, view: int | None) -> None:
        """Look through a camera, or, where None, at everything."""
        rig, size = self._contents.rig, self._size()
        if view is None or rig is None:
            camera = self.scene.start.camera(size)
        else:
            camera = camera_of_rig(rig, view, size)
        aim_widget(self.widget, self.scene, camera, size)
        if view != self.look.view:
            self._images = -1, None, ()
            self._change(view=view)
        self._is_stale = True

    def toggle_layer(self, layer: Layer, is_shown: bool) -> None:
        """Show or hide a part of the scene."""
        layers = self.look.layers | {layer} if is_shown else self.look.layers - {layer}
        self._change(layers=layers)

    def close(self) -> None:
        """End what goes on in the background."""
        self._pictures.close()

    # --- State ----------------------------------------------------------------------------------

    def _colours(self) -> list[ColourBy]:
        motion = self._contents.motion
        if motion is not None and motion.poses is not None:
            return list(ColourBy)
        return [ColourBy.side, ColourBy.person]

    def _layers(self) -> list[Layer]:
        """The layers that the contents can fill."""
        contents = self._contents
        has = {
            Layer.skeletons: contents.motion is not None,
            Layer.ellipsoids: contents.motion is not None and contents.motion.poses is not None,
            Layer.trails: contents.motion is not None,
            Layer.cameras: contents.rig is not None,
            Layer.images: contents.recording is not None,
            Layer.clouds: bool(contents.still or contents.sequence),
        }
        return [layer for layer in Layer if has.get(layer, True)]

    def _change(self, **changes: Any) -> None:
        self.look = replace(self.look, **changes)
        self._restyle()

    def _restyle(self) -> None:
        """Prepare what stays the same until the look changes."""
        motion = self._contents.motion
        self._scale = None if motion is None else colour_scale(motion, self.look.colour_by)
        self._still = self.scene.still(self.look)
        for label in self._labels:
            self.widget.remove_3d_label(label)
        self._labels = [
            _label(self.widget, label.text, label.place_m, label.colour)
            for label in self.scene.labels(self.look)
        ]
        self._is_stale = True

    def _size(self) -> tuple[int, int]:
        frame = self.widget.frame
        return max(frame.width, 1), max(frame.height, 1)

    # --- Drawing --------------------------------------------------------------------------------

    def _refresh(self) -> None:
        index = self.timeline.index
        if Layer.images in self.look.layers and self._images[:2] != (index, self.look.view):
            self._pictures.ask(index, self.look.view)
        if Layer.clouds in self.look.layers and self._cloud[0] != index:
            self._cloud = index, self._read_cloud(index)
        moving = self.scene.moving(self.look, index, self._images[2], self._scale, self._cloud[1])
        self._painter.show({**self._still, **moving, **self._mark(index)})
        self._painter.seen_from(*self._eye())
        self.widget.force_redraw()
        moment = moment_text(self._contents, index)
        self._panel.show(self.look, self.timeline, moment)
        self._panel.tell(self._telling(index))
        self._is_stale = False

    def _read_cloud(self, index: int) -> Dots | Mesh | None:
        """The frame's cloud; None, with a line in the panel, where its file is broken."""
        self._broken = ""
        try:
            return cloud_at(self._contents, index)
        except InputError as error:
            self._broken = str(error)
            return None

    def _mark(self, index: int) -> dict[str, Shape]:
        """A ball about the joint that was clicked."""
        if self.picked is None or self._contents.motion is None:
            return {}
        positions = self._contents.motion.positions_m
        place = np.asarray(positions[index, self.picked.person, self.picked.joint], float)
        if not np.isfinite(place).all():
            return {}
        return {"mark": balls(place[None], 1.35 * self.scene.joint_m, _MARK)}

    def _eye(self) -> tuple[np.ndarray, float]:
        """Where the widget's camera is, and its focal length in pixels."""
        camera = self.widget.scene.camera
        focal_px = 0.5 * self._size()[1] * float(camera.get_projection_matrix()[1, 1])
        return np.asarray(camera.get_model_matrix())[:3, 3].astype(float), focal_px

    def _spare(self) -> None:
        """Stop playing where Open3D has taken up too much memory."""
        self._lost_bytes = resident_bytes() - self._first_bytes
        if self._lost_bytes > MOST_BYTES and self.timeline.is_playing:
            self.timeline.toggle()

    def _has_moved(self) -> bool:
        """Whether the mouse has moved the widget's camera since this was asked."""
        eye_m = self._eye()[0]
        moved = bool(np.linalg.norm(eye_m - self._eye_m) > 1e-3)
        self._eye_m = eye_m
        return moved

    def _telling(self, index: int) -> str:
        """What the panel says about the floor, the colours and the clicked joint."""
        lines = [f"floor: lines {self.scene.spacing_m:g} m apart"]
        if self._scale is not None:
            scale = self._scale
            lines.append(f"dark to bright: {scale.title}\n0 to {scale.top:g} {scale.unit} and more")
        if Layer.ellipsoids in self.look.layers:
            lines.append(f"ellipsoids hold 95 %, {self.look.magnified:g} times as large")
        if self._lost_bytes > MOST_BYTES:
            lines.append(
                "stopped: Open3D has lost gigabytes of memory\non this graphics driver; open anew"
            )
        if self._broken:
            lines.append(self._broken)
        if self._pictures.failure:
            lines.append(f"images: {self._pictures.failure}")
        motion = self._contents.motion
        if self.picked is not None and motion is not None:
            lines.append("\n" + description(motion, index, self.picked))
        return "\n".join(lines)

    # --- Events ---------------------------------------------------------------------------------

    def _on_layout(self, _: Any) -> None:
        self.widget.frame = self._panel.lay_out(self.window.content_rect)
        if not self._is_aimed or self.look.view is not None:
            self._is_aimed = True
            self.view_from(self.look.view)

    def _on_tick(self) -> bool:
        now = time.monotonic()
        elapsed_s, self._told_at = now - self._told_at, now
        self._is_stale |= self.timeline.advance(elapsed_s) or self._has_moved()
        found = self._pictures.latest()
        if found is not None:
            self._images = found
            self._is_stale = True
        if self._is_stale:
            self._spare()
            self._refresh()
            self._draw_until = now + _DRAWN_ON_S
        elif now < self._draw_until:
            self.widget.force_redraw()
        return now < self._draw_until

    def _on_key(self, event: Any) -> bool:
        from open3d.visualization import gui

        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        number = int(event.key) - int(gui.KeyName.ONE)
        if 0 <= number < len(Layer):
            layer = list(Layer)[number]
            if layer in self._layers():
                self.toggle_layer(layer, layer not in self.look.layers)
            return True
        actions = {int(getattr(gui.KeyName, name)): action for name, action in KEYS.items()}
        action = actions.get(int(event.key))
        if action is not None:
            self.act(action)
        return action is not None

    def _on_mouse(self, event: Any) -> Any:
        from open3d.visualization import gui

        place = event.x - self.widget.frame.x, event.y - self.widget.frame.y
        if event.type == gui.MouseEvent.Type.BUTTON_DOWN and event.is_button_down(
            gui.MouseButton.LEFT
        ):
            self._pressed_at = place
        elif event.type == gui.MouseEvent.Type.BUTTON_UP and self._pressed_at is not None:
            moved = np.hypot(*np.subtract(place, self._pressed_at))
            self._pressed_at = None
            if moved <= _STILL_PX:
                self._click(place)
        return gui.Widget.EventCallbackResult.IGNORED

    def _click(self, place: tuple[int, int]) -> None:
        if self._contents.motion is None or Layer.skeletons not in self.look.layers:
            return
        positions = self._contents.motion.positions_m[self.timeline.index]
        positions = np.array(positions, float)
        if self.look.person is not None:
            positions[np.arange(len(positions)) != self.look.person] = np.nan
        camera = self.widget.scene.camera
        view, projection = camera.get_view_matrix(), camera.get_projection_matrix()
        joints_px = on_screen(positions, view, projection, self._size())
        self.picked = nearest(joints_px, place)
        self._is_stale = True


def _label(widget: Any, text: str, place_m: np.ndarray, colour: tuple[int, int, int]) -> Any:
    from open3d.visualization import gui

    label = widget.add_3d_label(place_m.astype(np.float32), text)
    label.color = gui.Color(*(value / 255 for value in colour))
    return label


def _next(values: Any, value: Any) -> Any:
    """The one after a value, around."""
    values = list(values)
    return values[(values.index(value) + 1) % len(values)]
