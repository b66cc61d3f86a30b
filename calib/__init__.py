"""How a rig of cameras is found: calibration, and the files that hold one.

Cameras pass to `triangulate` as a `rig.yaml`, or as `triangulate.Rig`. Modules load on first use,
so that importing the package stays fast.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
