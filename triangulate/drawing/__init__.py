"""Pictures of results, drawn with OpenCV. Names load on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangulate.drawing.canvas import save_picture as save_picture
    from triangulate.drawing.faces import blur_faces as blur_faces
    from triangulate.drawing.overlay import draw_overlay as draw_overlay
    from triangulate.drawing.result import draw_result as draw_result

_HOMES = {
    "blur_faces": "faces",
    "draw_overlay": "overlay",
    "draw_result": "result",
    "save_picture": "canvas",
}

__all__ = [*sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
