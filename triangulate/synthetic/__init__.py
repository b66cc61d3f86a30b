"""Made-up truth: motion, rigs and what a detector would make of them.

The demo, the tests and the training data take their scenes from here, and from nowhere else. The
same seed gives the same scene, whatever the number of threads. Names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangulate.synthetic.motion import Motion as Motion
    from triangulate.synthetic.motion import walk as walk
    from triangulate.synthetic.noise import DetectorNoise as DetectorNoise
    from triangulate.synthetic.noise import ObservationTruth as ObservationTruth
    from triangulate.synthetic.noise import observe as observe
    from triangulate.synthetic.rigs import ring_rig as ring_rig

_HOMES = {
    "DetectorNoise": "noise",
    "Motion": "motion",
    "ObservationTruth": "noise",
    "observe": "noise",
    "ring_rig": "rigs",
    "walk": "motion",
}

__all__ = [*sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
