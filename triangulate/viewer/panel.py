"""The viewer's controls: a panel at the right, and the timeline below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from triangulate.options import ColourBy, Layer
from triangulate.viewer.keys import MOUSE, Action, key_list
from triangulate.viewer.look import Look
from triangulate.viewer.timeline import Timeline

WIDTH_EM, BAR_EM = 19.0, 3.2
EVERYBODY, FREE = "everybody", "free view"


@dataclass(frozen=True)
class Asked:
    """Whom to tell what the user asked for."""

    act: Callable[[Action], None]
    go_to: Callable[[int], None]
    colour_by: Callable[[ColourBy], None]
    person: Callable[[int | None], None]
    view_from: Callable[[int | None], None]
    layer: Callable[[Layer, bool], None]


class Panel:
    """The widgets, which show the state and ask for changes.

    Args:
        window: an `open3d.visualization.gui.Window`.
        colours: that there are.
        people: how many there are.
        cameras: their names.
        layers: that there are.
        frames: how many there are.
        asked: whom to tell.
    """

    def __init__(
        self,
        window: Any,
        colours: Sequence[ColourBy],
        people: int,
        cameras: Sequence[str],
        layers: Sequence[Layer],
        frames: int,
        asked: Asked,
    ) -> None:
        """Make them."""
        from open3d.visualization import gui

        em = window.theme.font_size
        self._window, self._colours = window, list(colours)
        margins = gui.Margins(round(0.6 * em), round(0.6 * em), round(0.6 * em), round(0.6 * em))
        self.side = gui.Vert(round(0.35 * em), margins)
        self.bar = gui.Horiz(round(0.5 * em), margins)

        choices = gui.VGrid(2, round(0.4 * em))
        self.side.add_child(choices)
        self._colour = _choice(choices, "colours", [c.value for c in colours])
        self._colour.set_on_selection_changed(lambda _, i: asked.colour_by(self._colours[i]))
        names = [EVERYBODY, *(f"person {p + 1}" for p in range(people))]
        self._person = _choice(choices, "who", names)
        self._person.set_on_selection_changed(lambda _, i: asked.person(i - 1 if i else None))
        self._view = _choice(choices, "seen from", [FREE, *cameras])
        self._view.set_on_selection_changed(lambda _, i: asked.view_from(i - 1 if i else None))

        self._layers = {}
        grid = gui.VGrid(2, round(0.2 * em))
        for number, layer in enumerate(Layer, start=1):
            if layer in layers:
                box = gui.Checkbox(f"{number} {layer.value}")
                box.set_on_checked(partial(asked.layer, layer))
                grid.add_child(box)
                self._layers[layer] = box
        self.side.add_child(grid)
        self._told = gui.Label("")
        self.side.add_child(self._told)
        self._keys = gui.Horiz(em)
        for column in zip(*key_list(), *MOUSE, strict=True):
            self._keys.add_child(gui.Label("\n".join(column)))
        self.side.add_child(self._keys)

        self._play = gui.Button("play")
        self._play.set_on_clicked(lambda: asked.act(Action.play))
        self._slider = gui.Slider(gui.Slider.INT)
        self._slider.set_limits(0, max(frames - 1, 1))
        self._slider.set_on_value_changed(lambda _: asked.go_to(self._slider.int_value))
        self._slider.enabled = self._play.enabled = frames > 1
        self._moment, self._rate = gui.Label(""), gui.Label("")
        self.bar.add_child(self._play)
        for label, width_em in ((self._moment, 11), (self._rate, 5)):
            place = gui.Vert(0, gui.Margins(0, round(0.3 * em), 0, 0))
            place.preferred_width = width_em * em
            place.add_child(label)
            self.bar.add_child(place)
        self.bar.add_child(self._slider)
        window.add_child(self.side)
        window.add_child(self.bar)

    def lay_out(self, rect: Any) -> Any:
        """Place the widgets in the window; what is left is for the scene."""
        from open3d.visualization import gui

        em = self._window.theme.font_size
        side, bar = round(WIDTH_EM * em), round(BAR_EM * em)
        self.side.frame = gui.Rect(rect.get_right() - side, rect.y, side, rect.height)
        self.bar.frame = gui.Rect(rect.x, rect.get_bottom() - bar, rect.width - side, bar)
        return gui.Rect(rect.x, rect.y, rect.width - side, rect.height - bar)

    def show(self, look: Look, timeline: Timeline, moment: str) -> None:
        """Show the state."""
        self._colour.selected_index = self._colours.index(look.colour_by)
        self._person.selected_index = 0 if look.person is None else look.person + 1
        self._view.selected_index = 0 if look.view is None else look.view + 1
        for layer, box in self._layers.items():
            box.checked = layer in look.layers
        self._play.text = "pause" if timeline.is_playing else "play"
        self._slider.int_value = timeline.index
        self._moment.text = moment
        self._rate.text = f"{timeline.speed:g} x" + (" loop" if timeline.loops else "")

    def tell(self, text: str) -> None:
        """Write below the controls."""
        if text.count("\n") != self._told.text.count("\n"):
            self._window.set_needs_layout()
        self._told.text = text

    def toggle_keys(self) -> None:
        """Show or hide the list of keys."""
        self._keys.visible = not self._keys.visible
        self._window.set_needs_layout()


def _choice(parent: Any, title: str, options: Sequence[str]) -> Any:
    from open3d.visualization import gui

    box = gui.Combobox()
    for option in options:
        box.add_item(option)
    parent.add_child(gui.Label(title))
    parent.add_child(box)
    return box
