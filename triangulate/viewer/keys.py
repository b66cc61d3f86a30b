"""What keys do, and the list of them on the screen."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a key, or a button, asks for."""

    play = "play or pause"
    on = "next frame"
    back = "previous frame"
    faster = "faster"
    slower = "slower"
    start = "first frame"
    end = "last frame"
    loop = "loop at the end"
    colours = "next colours"
    person = "next person"
    view = "from the next camera"
    reset = "free view of everything"
    magnify = "larger ellipsoids"
    help = "hide these lines"
    quit = "quit"


KEYS = {
    "SPACE": Action.play,
    "RIGHT": Action.on,
    "LEFT": Action.back,
    "UP": Action.faster,
    "DOWN": Action.slower,
    "HOME": Action.start,
    "END": Action.end,
    "L": Action.loop,
    "C": Action.colours,
    "P": Action.person,
    "V": Action.view,
    "R": Action.reset,
    "M": Action.magnify,
    "H": Action.help,
    "Q": Action.quit,
    "ESCAPE": Action.quit,
}
"""By the names of Open3D's keys."""


def key_list() -> str:
    """A line an action."""
    by_action: dict[Action, list[str]] = {}
    for name, action in KEYS.items():
        by_action.setdefault(action, []).append(name.capitalize())
    lines = [f"{' '.join(names):<10} {action.value}" for action, names in by_action.items()]
    return "\n".join([*lines, "1 ... 8    show or hide a layer"])


MOUSE = "drag: turn   Ctrl-drag: move\nwheel: nearer   click: a joint"
"""What the mouse does."""
