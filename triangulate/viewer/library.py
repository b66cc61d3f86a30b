"""Open3D, loaded quickly and without its chatter."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def without_web_server() -> None:
    """Let Open3D load without the web server (dash) behind its notebook figures.

    It takes a third of the time until a window opens, and nothing here uses it. A program that has
    Open3D loaded already keeps what it has.
    """
    name = "open3d.visualization.draw_plotly"
    if "open3d" not in sys.modules:
        left_out = types.ModuleType(name)
        for function in ("get_plotly_fig", "draw_plotly", "draw_plotly_server"):
            setattr(left_out, function, None)
        sys.modules[name] = left_out


def errors_only() -> Any:
    """A context in which Open3D does not tell which graphics it found."""
    import open3d as o3d

    return o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error)


@contextmanager
def without_c_messages() -> Iterator[None]:
    """Nothing goes to the terminal of what C libraries write to stderr."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def resident_bytes() -> int:
    """How much memory this process holds; 0 where the system does not tell (it is no Linux).

    With Vulkan in software, Open3D 0.20 loses some 2 MB with each picture that it draws, whatever
    is in it.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
