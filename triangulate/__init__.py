"""3D poses from several synchronized cameras.

`load_rig` reads a calibration, `reconstruct` turns 2D keypoints into 3D poses, and
`reconstruct_recording` does so from video files. Names load on first use, so that importing the
package stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangulate.errors import InputError as InputError
    from triangulate.keypoints import Keypoints2D as Keypoints2D
    from triangulate.keypoints import load_keypoints as load_keypoints
    from triangulate.pipeline import reconstruct as reconstruct
    from triangulate.pipeline import reconstruct_recording as reconstruct_recording
    from triangulate.poses import Poses3D as Poses3D
    from triangulate.poses import Reason as Reason
    from triangulate.poses import load_poses as load_poses
    from triangulate.recording import Recording as Recording
    from triangulate.reporting.page import report as report
    from triangulate.rig import Rig as Rig
    from triangulate.rig_formats import load_rig as load_rig
    from triangulate.skeleton import Skeleton as Skeleton

_HOMES = {
    "InputError": "errors",
    "Keypoints2D": "keypoints",
    "load_keypoints": "keypoints",
    "Poses3D": "poses",
    "Reason": "poses",
    "Recording": "recording",
    "Rig": "rig",
    "Skeleton": "skeleton",
    "load_poses": "poses",
    "load_rig": "rig_formats",
    "reconstruct": "pipeline",
    "reconstruct_recording": "pipeline",
    "report": "reporting.page",
}

__all__ = [*sorted(_HOMES), "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    try:  # submodules, so that `triangulate.geometry.dlt` works after `import triangulate`
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
