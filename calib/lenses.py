"""Lenses filmed once, each camera by itself, and used again in every session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calib.observations import Observations
from calib.solution import RIG_FILE, Solution
from calib.solver import solve
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.rig_formats import load_rig


def solve_alone(observations: Observations, target: Any, **options: Any) -> dict[str, Solution]:
    """Calibrate each camera by itself, whatever frames the others took.

    Args:
        observations: what the cameras saw, at the same time or not.
        target: see `solve`.
        options: of `solve`.

    Returns:
        A solution of one camera for each name.
    """
    if options.pop("share", None) is not None:
        raise InputError("cameras that share a lens are solved together, not each alone")
    for what in ("lens", "fix"):
        if isinstance(by_name := options.get(what), Mapping):
            observations.select(list(by_name))  # which refuses names that are not there
    return {
        name: solve(observations.select([name]), target, **_of_camera(options, name))
        for name in observations.names
    }


def _of_camera(options: dict[str, Any], name: str) -> dict[str, Any]:
    """The options that concern one camera."""
    return {
        key: {n: v for n, v in value.items() if n == name} if isinstance(value, Mapping) else value
        for key, value in options.items()
    }


def save_alone(solutions: dict[str, Solution], folder: Path) -> None:
    """Write each camera's solution into a folder of its own, which bears its name.

    Raises:
        InputError: the folder holds a calibration of several cameras already.
    """
    if (folder / RIG_FILE).exists():
        raise InputError(
            f"{folder}: holds a calibration ({RIG_FILE}), which would go before the lenses: name "
            "another folder with --out"
        )
    for name, solution in solutions.items():
        solution.save(folder / name)


def load_lenses(path: str | Path) -> Rig:
    """The rig whose lenses are to be used: a calibration, or a folder of `save_alone`.

    Only the lenses of the latter mean anything: its cameras all stand at the origin.
    """
    folder = Path(path)
    files = sorted(folder.glob(f"*/{RIG_FILE}")) if folder.is_dir() else []
    if not files or (folder / RIG_FILE).is_file():
        return load_rig(path)
    rigs = [Rig.load(file) for file in files]
    crowded = [file for file, rig in zip(files, rigs, strict=True) if len(rig) > 1]
    if crowded:
        raise InputError(f"{crowded[0]}: holds several cameras: name the calibration itself")
    arrays = [rig.to_arrays() for rig in rigs]
    width = max(one["dist"].shape[1] for one in arrays)
    return Rig.from_arrays(
        K=np.concatenate([one["K"] for one in arrays]),
        dist=np.concatenate(
            [np.pad(one["dist"], ((0, 0), (0, width - one["dist"].shape[1]))) for one in arrays]
        ),
        rotation=np.concatenate([one["rotation"] for one in arrays]),
        translation_m=np.concatenate([one["translation_m"] for one in arrays]),
        names=[rig.names[0] for rig in rigs],
        sizes=[rig.sizes[0] for rig in rigs],
        lens=[rig.lens_names[0] for rig in rigs],
    )
