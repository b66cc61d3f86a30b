"""The calibration benchmark's problems with known truth, and what a calibration scores on them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench._figures import shared_folder


@dataclass(frozen=True)
class Problem:
    """A made-up recording of a board.

    Attributes:
        path: of the file that the maker wrote.
        arrays: what is in it (the benchmark's README).
    """

    path: Path
    arrays: dict[str, np.ndarray]

    @property
    def names(self) -> list[str]:
        """The cameras' names; from ten on, sorting them would change their order."""
        return [f"cam{v + 1}" for v in range(len(self.arrays["K"]))]

    @property
    def size(self) -> tuple[int, int]:
        """Of all images, (width, height)."""
        width, height = self.arrays["size"].tolist()
        return width, height

    def without_outliers(self) -> Problem:
        """The same with the true outliers taken out."""
        points = np.where(self.arrays["outlier"][..., None], np.nan, self.arrays["pts"])
        return replace(self, arrays=self.arrays | {"pts": points})


@dataclass(frozen=True)
class Found:
    """A calibration of a problem's cameras, in any world.

    Attributes:
        K: (V, 3, 3).
        dist: (V, 5) k1 k2 p1 p2 k3.
        R: (V, 3, 3) camera from world.
        t: (V, 3) metres.
        cpu_s: how long it took.
        outliers: (V, F, N) the corners taken for wrong; None where that is not told.
    """

    K: np.ndarray
    dist: np.ndarray
    R: np.ndarray
    t: np.ndarray
    cpu_s: float
    outliers: np.ndarray | None = None


@dataclass(frozen=True)
class Score:
    """How far a calibration is from the truth.

    Attributes:
        centre_mm: of the cameras, root mean square.
        rotation_deg: likewise.
        held_out_mm: of triangulated points that no board was at, root mean square.
        held_out_max_mm: the farthest of them.
        cpu_s: how long the calibration took.
        found: outliers that were flagged, as a part of all; NaN without any, or where not told.
        false: good corners that were flagged.
        lost: the same in percent of all good ones.
    """

    centre_mm: float
    rotation_deg: float
    held_out_mm: float
    held_out_max_mm: float
    cpu_s: float
    found: float = float("nan")
    false: float = float("nan")
    lost: float = float("nan")


def make_problem(folder: Path, seed: int = 0, **options: float | bool) -> Problem:
    """Run the benchmark's own maker.

    Args:
        folder: for the file.
        seed: of the problem.
        options: cams, frames, noise, outliers, simple.
    """
    words = [f"{name}{value}" for name, value in options.items()]
    path = folder / ("_".join([f"seed{seed}", *words]) + ".npz")
    command = [sys.executable, str(_benchmark("make_problem.py")), "--seed", str(seed)]
    for name, value in options.items():
        if value is not False:
            command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    subprocess.run([*command, "--out", str(path)], check=True, capture_output=True)
    with np.load(path) as archive:
        return Problem(path, dict(archive))


def score(problem: Problem, found: Found) -> Score:
    """What the benchmark's own scorer says, and how the outliers were told from good corners."""
    said = _scorer().score(problem.arrays, found.K, found.dist, found.R, found.t, verbose=False)
    flags = float("nan"), float("nan"), float("nan")
    if found.outliers is not None:
        true = problem.arrays["outlier"]
        good = ~np.isnan(problem.arrays["pts"][..., 0]) & ~true
        share = float(found.outliers[true].mean()) if true.any() else float("nan")
        false = float((found.outliers & good).sum())
        flags = share, false, 100 * false / float(good.sum())
    return Score(
        float(said["centre_mm_rms"]),
        float(said["rot_deg_rms"]),
        float(said["heldout3d_mm_rms"]),
        float(said["heldout3d_mm_max"]),
        found.cpu_s,
        *flags,
    )


@cache
def _scorer() -> Any:
    spec = importlib.util.spec_from_file_location("calibration_score", _benchmark("score.py"))
    if spec is None or spec.loader is None:
        raise SystemExit(f"{_benchmark('score.py')}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _benchmark(file: str) -> Path:
    path = shared_folder() / "bench" / "calibration" / file
    if not path.is_file():
        raise SystemExit(f"no {path}: the calibration benchmark is needed")
    return path
