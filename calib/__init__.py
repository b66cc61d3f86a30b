"""How a rig of cameras is found: calibration, and the files that hold one.

`detect` finds a board in videos, `solve` turns what was found into a rig, `selfcal` does without a
board, `check` tells which camera has moved since. Cameras pass to `triangulate` as a `rig.yaml`, or
as `triangulate.Rig`. Names load on first use, so that importing the package stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calib.assessment import Trust as Trust
    from calib.assessment import trust as trust
    from calib.detection import detect as detect
    from calib.drift import Drift as Drift
    from calib.drift import check as check
    from calib.observations import Observations as Observations
    from calib.observations import load_observations as load_observations
    from calib.reporting.page import report as report
    from calib.selfcalibration import selfcal as selfcal
    from calib.solution import Solution as Solution
    from calib.solution import load_solution as load_solution
    from calib.solver import solve as solve
    from calib.targets import load_target as load_target
    from calib.trust_file import load_trust as load_trust
    from calib.trust_file import save_trust as save_trust
    from calib.verdicts import Verdict as Verdict
    from calib.verdicts import verdict as verdict

_HOMES = {
    "Drift": "drift",
    "Observations": "observations",
    "Solution": "solution",
    "Trust": "assessment",
    "Verdict": "verdicts",
    "check": "drift",
    "detect": "detection",
    "load_observations": "observations",
    "load_solution": "solution",
    "load_target": "targets",
    "load_trust": "trust_file",
    "report": "reporting.page",
    "save_trust": "trust_file",
    "selfcal": "selfcalibration",
    "solve": "solver",
    "trust": "assessment",
    "verdict": "verdicts",
}

__all__ = [*sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
