"""The robust method on the benchmark with known truth, plain and hard."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import triangulate
from tools.bench._figures import Figure, shared_folder
from triangulate.poses import Poses3D, Reason

# Median and 95th percentile in mm that must be kept to
GOALS_MM = {"plain": (3.0, 5.7), "hard": (4.9, 10.4)}
GOAL_CPU_S = 5.0
GOAL_FRAMES = 10_000
GOAL_MISSING_PERCENT = 0.1
CHI2_95 = 7.8147  # of three degrees of freedom


def bench_robust(frames: int = GOAL_FRAMES, seed: int = 0, runs: int = 3) -> list[Figure]:
    """CPU time on one thread, error against the truth, gaps, and whether the covariance is right.

    Args:
        frames: T of the made-up problems; the goal for the time is that of 10,000.
        seed: of the problems.
        runs: the median of their times counts.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = []
            for name, path in make_problems(Path(folder), frames, seed).items():
                with np.load(path) as archive:
                    problem = dict(archive)
                figures += _figures(name, problem, frames, runs)
            return figures
    finally:
        torch.set_num_threads(threads)


def make_problems(folder: Path, frames: int, seed: int) -> dict[str, Path]:
    """Run the benchmark's own makers."""
    makers = shared_folder() / "bench" / "triangulation"
    plain, hard = folder / "plain.npz", folder / "hard.npz"
    for command in (
        ["make_problem.py", str(plain), str(frames), str(seed)],
        ["make_problem_hard.py", str(plain), str(hard)],
    ):
        subprocess.run(
            [sys.executable, makers / command[0], *command[1:]], check=True, capture_output=True
        )
    return {"plain": plain, "hard": hard}


def load_rig(problem: dict[str, np.ndarray]) -> triangulate.Rig:
    """The problem's cameras; it is in millimetres."""
    count = len(problem["K"])
    return triangulate.Rig.from_arrays(
        K=problem["K"],
        dist=problem["dist"],
        rotation=problem["R"],
        translation_m=problem["t"].reshape(count, 3) / 1000,
        names=[f"cam{v + 1}" for v in range(count)],
    )


def _figures(name: str, problem: dict[str, np.ndarray], frames: int, runs: int) -> list[Figure]:
    rig = load_rig(problem)
    points_px = np.swapaxes(problem["p2d"], 0, 1)  # (T, V, J, 2)
    confidence = np.swapaxes(problem["conf"], 0, 1)
    cpu_s = []
    for _ in range(runs):
        start = time.process_time()
        poses = triangulate.reconstruct(points_px, confidence, rig, method="robust")
        cpu_s.append(time.process_time() - start)
    goal_s = GOAL_CPU_S if frames == GOAL_FRAMES else None
    figures = [
        Figure(
            f"{name}: CPU time of {frames:,} frames", statistics.median(cpu_s), "s", at_most=goal_s
        )
    ]
    figures += _accuracy(name, poses, problem["p3d"])
    skeleton = triangulate.Skeleton.from_edges(
        [str(joint) for joint in problem["names"]], problem["edges"].tolist()
    )
    start = time.process_time()
    sided = triangulate.reconstruct(points_px, confidence, rig, method="robust", skeleton=skeleton)
    seconds = time.process_time() - start
    error_mm = _errors_mm(sided, problem["p3d"])
    return [
        *figures,
        Figure(f"{name}: with a skeleton that has sides, CPU time", seconds, "s"),
        Figure(f"{name}: with a skeleton that has sides, median", _quantile(error_mm, 0.5), "mm"),
        Figure(f"{name}: with a skeleton that has sides, p95", _quantile(error_mm, 0.95), "mm"),
    ]


def _accuracy(name: str, poses: Poses3D, truth_mm: np.ndarray) -> list[Figure]:
    error_mm = _errors_mm(poses, truth_mm)
    median_goal, p95_goal = GOALS_MM[name]
    missing = 100 * float(np.mean(poses.reason != Reason.ok))
    by_reason = [
        Figure(f"{name}:   {reason.name}", 100 * float(np.mean(poses.reason == reason)), "%")
        for reason in Reason
        if reason != Reason.ok and (poses.reason == reason).any()
    ]
    nees = _nees(poses, truth_mm)
    return [
        Figure(f"{name}: error, median", _quantile(error_mm, 0.5), "mm", at_most=median_goal),
        Figure(f"{name}: error, p95", _quantile(error_mm, 0.95), "mm", at_most=p95_goal),
        Figure(f"{name}: error, p99", _quantile(error_mm, 0.99), "mm"),
        Figure(f"{name}: error, max", _quantile(error_mm, 1.0), "mm"),
        Figure(f"{name}: points missing", missing, "%", at_most=GOAL_MISSING_PERCENT),
        *by_reason,
        Figure(f"{name}: NEES / 3 (1 where the covariance is right), median", _by_median(nees)),
        Figure(f"{name}: NEES / 3, mean", float(nees.mean() / 3)),
        Figure(f"{name}: inside the 95 % ellipsoid", 100 * float((nees < CHI2_95).mean()), "%"),
    ]


def _errors_mm(poses: Poses3D, truth_mm: np.ndarray) -> np.ndarray:
    """(T, J), NaN where missing."""
    return np.linalg.norm(1000 * poses.positions_m[:, 0] - truth_mm, axis=-1)


def _nees(poses: Poses3D, truth_mm: np.ndarray) -> np.ndarray:
    """Squared error over the covariance, of all points that are there."""
    there = poses.reason[:, 0] == Reason.ok
    error_m = (poses.positions_m[:, 0] - truth_mm / 1000)[there]
    covariance = poses.covariance_m2[:, 0][there]
    return np.einsum("ni,ni->n", error_m, np.linalg.solve(covariance, error_m[..., None])[..., 0])


def _by_median(nees: np.ndarray) -> float:
    """The mean of a chi-squared third that has this median; outliers do not move it."""
    return float(np.median(nees) / 2.366)


def _quantile(error_mm: np.ndarray, share: float) -> float:
    return float(np.nanquantile(error_mm, share))
