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


def key_list() -> list[tuple[str, str]]:
    """Keys, and what they do."""
    by_action: dict[Action, list[str]] = {}
    for name, action in KEYS.items():
        by_action.setdefault(action, []).append(name.capitalize())
    lines = [(", ".join(names), action.value) for action, names in by_action.items()]
    return [*lines, ("1 ... 8", "show or hide a layer")]


MOUSE = (
    ("drag", "turn"),
    ("Ctrl-drag", "move"),
    ("wheel", "nearer or farther"),
    ("click", "what is known of a joint"),
)
"""What the mouse does."""
