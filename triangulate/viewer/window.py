"""The viewer's window.

>>> show(Contents("walk", Motion.of(poses), rig))

A window that cannot be opened ends the whole process: commands call this in a process of its own
(`triangulate.viewer.apart`). It opens before anything else is loaded, so that one sees something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from triangulate.viewer.library import errors_only, without_web_server

if TYPE_CHECKING:
    from triangulate.viewer.contents import Contents
    from triangulate.viewer.look import Look
    from triangulate.viewer.moments import Faces

SIZE = 1280, 800


def show(
    contents: Contents | Callable[[], tuple[Contents, Look, Faces | None]],
    look: Look | None = None,
    faces: Faces | None = None,
) -> None:
    """Open a window, and return when it is closed.

    Args:
        contents: what is shown; or a function that reads it, how it is shown, and whose faces are
            hidden, while the window is open already.
        look: how; None: as usual.
        faces: to be hidden in the cameras' images.

    Raises:
        InputError: a file that cannot be read, now or when it is needed.
    """
    without_web_server()
    from open3d.visualization import gui

    application = gui.Application.instance
    with errors_only():
        application.initialize()
        window = application.create_window("triangulate", *SIZE)
        if callable(contents):
            waits = gui.Label("   reading ...")
            window.add_child(waits)
            application.run_one_tick()
            contents, look, faces = contents()
            waits.visible = False
        from triangulate.viewer.interactive import Viewer

        viewer = Viewer(application, window, contents, look, faces)
        try:
            application.run()
        finally:
            viewer.close()
