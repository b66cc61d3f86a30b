"""The weighted linear triangulation beside a loop over points."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tools.bench._figures import Figure, elapsed, peak_memory_mib, seconds, shared_folder
from triangulate.geometry.dlt import triangulate_dlt

LOOPED_SAMPLES = 32
"""The loop is timed on this many samples, and its time scaled up: it grows with their number."""


@dataclass(frozen=True)
class Problem:
    """Millimetres and float32, as published: B samples, V views, J joints."""

    points_px: Tensor  # (B, J, V, 2)
    projections: Tensor  # (B, V, 3, 4)
    weights: Tensor  # (B, J, V)
    truth_mm: Tensor  # (B, J, 3)

    def first(self, samples: int) -> Problem:
        """The first samples."""
        return Problem(
            self.points_px[:samples],
            self.projections[:samples],
            self.weights[:samples],
            self.truth_mm[:samples],
        )


def load_problem(samples: int) -> Problem:
    """`triang_inputs` of the parity fixtures, with the published weights."""
    projections, points_px, confidence, truth_mm = (
        torch.from_numpy(array) for array in _inputs(shared_folder() / "parity", samples)
    )
    weights = confidence / confidence.sum(1, keepdim=True) + 1e-5
    return Problem(
        points_px.movedim(1, 2).contiguous(), projections, weights.mT.contiguous(), truth_mm
    )


def _inputs(folder: Path, samples: int) -> tuple:
    spec = importlib.util.spec_from_file_location("parity_inputs", folder / "inputs.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no inputs.py in {folder}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.triang_inputs(samples)


# --- The ways to solve it -------------------------------------------------------------------------


def solve(problem: Problem) -> Tensor:
    """This project: one rig a sample, shared by its joints."""
    return triangulate_dlt(problem.points_px, problem.projections[:, None], problem.weights)[0]


def solve_in_a_loop(problem: Problem) -> Tensor:
    """One float32 SVD a point, as published implementations do it."""
    points = []
    for sample in range(len(problem.points_px)):
        projections = problem.projections[sample]  # (V, 3, 4)
        for joint in range(problem.points_px.shape[1]):
            pixel = problem.points_px[sample, joint, :, :, None]  # (V, 2, 1)
            rows = pixel * projections[:, 2:3] - projections[:, :2]
            rows = rows * problem.weights[sample, joint, :, None, None]
            smallest = torch.linalg.svd(rows.reshape(-1, 4)).Vh[3]
            points.append(smallest[:3] / smallest[3])
    return torch.stack(points).reshape(*problem.points_px.shape[:2], 3)


def solve_by_eigh(problem: Problem) -> Tensor:
    """All points at once, `torch.linalg.eigh` of A^T A in float64."""
    projections = problem.projections[:, None].double()
    rows = (
        problem.points_px[..., None].double() * projections[..., 2:3, :] - projections[..., :2, :]
    )
    matrix = (rows * problem.weights[..., None, None]).flatten(-3, -2)
    smallest = torch.linalg.eigh(matrix.mT @ matrix).eigenvectors[..., 0]
    return smallest[..., :3] / smallest[..., 3:]


def solve_exactly(problem: Problem) -> Tensor:
    """Float64 SVD of the rows."""
    projections = problem.projections[:, None].double()
    rows = (
        problem.points_px[..., None].double() * projections[..., 2:3, :] - projections[..., :2, :]
    )
    matrix = (rows * problem.weights[..., None, None].double()).flatten(-3, -2)
    # The triangle of a QR decomposition has the same singular vectors, and is smaller.
    smallest = torch.linalg.svd(torch.linalg.qr(matrix).R).Vh[..., 3, :]
    return smallest[..., :3] / smallest[..., 3:]


def backward(problem: Problem, solver: object) -> tuple[Tensor, ...]:
    """Gradients of the published loss with respect to pixels and weights."""
    points_px = problem.points_px.clone().requires_grad_()
    weights = problem.weights.clone().requires_grad_()
    moving = Problem(points_px, problem.projections, weights, problem.truth_mm)
    points_mm: Tensor = solver(moving)  # type: ignore[operator]
    loss = (0.1 * (points_mm - problem.truth_mm)).square().mean()
    return torch.autograd.grad(loss, (points_px, weights))


# --- The figures ----------------------------------------------------------------------------------


def bench_dlt(samples: int = 1024, backward_samples: int = 64, repeats: int = 15) -> list[Figure]:
    """Ratios of wall time on one thread, and errors against float64.

    Args:
        samples: B of the forward pass; 17 joints and 4 views each.
        backward_samples: B where gradients are taken.
        repeats: timed runs of the fast ways, of which the median counts.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problem = load_problem(samples)
        return [
            *_forward_figures(problem, repeats),
            *_backward_figures(problem.first(backward_samples), repeats),
            *_error_figures(problem),
        ]
    finally:
        torch.set_num_threads(threads)


def _forward_figures(problem: Problem, repeats: int) -> list[Figure]:
    samples = len(problem.points_px)
    looped = problem.first(LOOPED_SAMPLES)
    shared = Problem(problem.points_px, problem.projections[:1], problem.weights, problem.truth_mm)
    scale = samples / len(looped.points_px)
    loop_s = scale * seconds(lambda: solve_in_a_loop(looped), max(3, repeats // 5))
    ours_s = seconds(lambda: solve(problem), repeats)
    shared_s = seconds(lambda: solve(shared), repeats)
    eigh_s = seconds(lambda: solve_by_eigh(problem), max(3, repeats // 3))
    size = f"{samples} x {problem.points_px.shape[1]} x {problem.points_px.shape[2]}"
    return [
        Figure(f"loop of float32 SVD, {size} (scaled up)", 1e3 * loop_s, "ms"),
        Figure("triangulate_dlt, a rig for each sample", 1e3 * ours_s, "ms"),
        Figure("  times faster than the loop", loop_s / ours_s, "x", at_least=25),
        Figure("  its peak of memory", peak_memory_mib(lambda: solve(problem)), "MiB"),
        Figure("triangulate_dlt, one rig for all", 1e3 * shared_s, "ms"),
        Figure("  times faster than the loop", loop_s / shared_s, "x"),
        Figure("batched float64 eigh", 1e3 * eigh_s, "ms"),
        Figure("  times faster than the loop", loop_s / eigh_s, "x"),
        Figure("  its peak of memory", peak_memory_mib(lambda: solve_by_eigh(problem)), "MiB"),
    ]


def _backward_figures(problem: Problem, repeats: int) -> list[Figure]:
    loop_s = elapsed(lambda: backward(problem, solve_in_a_loop))
    loop_s = min(loop_s, elapsed(lambda: backward(problem, solve_in_a_loop)))
    ours_s = seconds(lambda: backward(problem, solve), repeats)
    eigh_s = seconds(lambda: backward(problem, solve_by_eigh), max(3, repeats // 3))
    size = f"{len(problem.points_px)} x {problem.points_px.shape[1]}"
    return [
        Figure(f"forward and backward, {size}: the loop", 1e3 * loop_s, "ms"),
        Figure("  triangulate_dlt", 1e3 * ours_s, "ms"),
        Figure("  times faster than the loop", loop_s / ours_s, "x", at_least=35),
        Figure("  batched eigh, times faster than the loop", loop_s / eigh_s, "x"),
    ]


def _error_figures(problem: Problem) -> list[Figure]:
    """Against float64 SVD of the same float32 numbers."""
    exact_mm = solve_exactly(problem)
    looped = problem.first(LOOPED_SAMPLES)

    def error_mm(points_mm: Tensor) -> Tensor:
        wrong = (points_mm.double() - exact_mm[: len(points_mm)]).norm(dim=-1).flatten()
        return wrong.nan_to_num(math.inf)

    ours, loop = error_mm(solve(problem)), error_mm(solve_in_a_loop(looped))
    eigh = error_mm(solve_by_eigh(problem))
    return [
        Figure("error against float64 SVD, p99", _p99(ours), "mm", at_most=1e-3),
        Figure("error against float64 SVD, max", float(ours.max()), "mm", at_most=0.1),
        Figure(f"  of the loop, p99 of {loop.numel()} points", _p99(loop), "mm"),
        Figure("  of batched eigh, max", float(eigh.max()), "mm"),
    ]


def _p99(values: Tensor) -> float:
    return float(values.sort().values[int(0.99 * (values.numel() - 1))])
