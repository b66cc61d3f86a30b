"""The calibration benchmark, part by part: what is run, and what must be kept to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import calib
from tools.bench._bundle import bench_problems
from tools.bench._calibration_problems import Found, Problem, Score, make_problem, score
from tools.bench._figures import Figure
from triangulate.rig import Rig

# What must be kept to
CENTRE_TO_FLOOR, ROTATION_DEG, HELD_OUT_MM, LOST_PERCENT, CPU_S = 1.05, 0.08, 0.25, 0.5, 3.5
KNOWN_CENTRE_MM, SIMPLE_CENTRE_MM, CLEAN_MM = 0.24, 1.1, 1e-3

PLAIN_LENS = ("aspect", "principal_point", "k2", "p1", "p2", "k3")
"""What the simple problem's lenses do not have: one focal length and k1 are left."""

PEER_LIMIT_S = 600


@dataclass
class Bench:
    """The settings of a run, and what it has measured so far.

    Attributes:
        folder: for the problems.
        seeds: of the problems.
        frames: of each problem.
        peers: other programs to run.
        pythons: by program, the interpreter that has it.
        rows: a label and a score each.
        figures: measured numbers with goals.
        remarks: what could not be run.
    """

    folder: Path
    seeds: Sequence[int]
    frames: int
    peers: Sequence[str]
    pythons: dict[str, str]
    rows: list[tuple[str, Score]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def problem(self, seed: int = 0, **options: float | bool) -> Problem:
        """A problem of this run's length."""
        return make_problem(self.folder, seed, **({"frames": self.frames} | options))

    def row(self, label: str, problem: Problem, found: Found) -> Score:
        """Score a calibration and keep the row."""
        scored = score(problem, found)
        self.rows.append((label, scored))
        return scored

    def figure(self, name: str, value: float, unit: str = "", **goal: float | None) -> None:
        """Keep a number."""
        self.figures.append(Figure(name, value, unit, **goal))


# --- This project ---------------------------------------------------------------------------------


def ours(problem: Problem, **options: Any) -> Found:
    """This project's calibration; options as for `calib.solve`."""
    seen = calib.Observations.from_arrays(
        problem.arrays["pts"], names=problem.names, sizes=problem.size
    )
    solve = calib.solve  # imported before the clock starts
    start = time.process_time()
    solution = solve(seen, problem.arrays["obj"], **options)
    cpu_s = time.process_time() - start
    arrays = solution.rig.to_arrays()
    return Found(
        arrays["K"],
        arrays["dist"][:, :5],
        arrays["rotation"],
        arrays["translation_m"],
        cpu_s,
        solution.outliers,
    )


def floor(problem: Problem, **options: Any) -> Found:
    """The same adjuster, told the truth to start from and which corners are wrong."""
    found = ours(problem.without_outliers(), start=true_rig(problem), **options)
    return replace(found, outliers=None)


def true_rig(problem: Problem) -> Rig:
    """The problem's cameras as they are."""
    arrays = problem.arrays
    return Rig.from_arrays(
        K=arrays["K"],
        dist=arrays["dist"],
        rotation=arrays["R"],
        translation_m=arrays["t"],
        names=problem.names,
        sizes=[problem.size] * len(problem.names),
    )


# --- The parts ------------------------------------------------------------------------------------


def bench_seeds(bench: Bench) -> None:
    """Estimated intrinsics, 2 % outliers."""
    for seed in bench.seeds:
        problem = bench.problem(seed)
        name = f"seed {seed}"
        got = bench.row(f"this project, {name}", problem, ours(problem))
        best = bench.row(f"floor, {name}", problem, floor(problem))
        goal = CENTRE_TO_FLOOR
        bench.figure(f"{name}: centre over floor", got.centre_mm / best.centre_mm, at_most=goal)
        bench.figure(f"{name}: rotation", got.rotation_deg, "deg", at_most=ROTATION_DEG)
        bench.figure(f"{name}: held-out points, rms", got.held_out_mm, "mm", at_most=HELD_OUT_MM)
        bench.figure(f"{name}: outliers flagged", 100 * got.found, "%", at_least=100)
        bench.figure(f"{name}: good corners lost", got.lost, "%", at_most=LOST_PERCENT)
        bench.figure(f"{name}: CPU time", got.cpu_s, "s", at_most=CPU_S)


def bench_known(bench: Bench) -> None:
    """True intrinsics given."""
    for seed in bench.seeds:
        problem = bench.problem(seed)
        name = f"seed {seed}, true intrinsics"
        got = bench.row(
            f"this project, {name}", problem, ours(problem, intrinsics=true_rig(problem))
        )
        bench.figure(f"{name}: centre", got.centre_mm, "mm", at_most=KNOWN_CENTRE_MM)


def bench_simple(bench: Bench) -> None:
    """Plain lenses, with all nine parameters free and with those alone that the lenses have.

    The floor tells how much of the centres' error is this seed's noise: it differs much.
    """
    for seed in bench.seeds:
        problem = bench.problem(seed, simple=True)
        name = f"simple, seed {seed}"
        bench.row(f"this project, {name}, all free", problem, ours(problem))
        got = bench.row(f"this project, {name}, its own", problem, ours(problem, fix=PLAIN_LENS))
        best = bench.row(f"floor, {name}, its own", problem, floor(problem, fix=PLAIN_LENS))
        goal_mm = SIMPLE_CENTRE_MM if seed == 0 else None
        bench.figure(f"{name}, its own lens: centre", got.centre_mm, "mm", at_most=goal_mm)
        goal = CENTRE_TO_FLOOR
        bench.figure(f"{name}: centre over floor", got.centre_mm / best.centre_mm, at_most=goal)


def bench_clean(bench: Bench) -> None:
    """Neither noise nor outliers: what comes back must be the truth."""
    problem = bench.problem(noise=0, outliers=0)
    got = bench.row("this project, clean", problem, ours(problem))
    bench.figure("clean: centre", got.centre_mm, "mm", at_most=CLEAN_MM)
    bench.figure("clean: held-out points, max", got.held_out_max_mm, "mm", at_most=CLEAN_MM)
    bench.figure("clean: good corners lost", got.lost, "%", at_most=0)


def bench_outliers(bench: Bench) -> None:
    """Shares of outliers other than 2 %."""
    for percent in (0, 10, 20):
        problem = bench.problem(outliers=percent / 100)
        name = f"{percent} % outliers"
        got = bench.row(f"this project, {name}", problem, ours(problem))
        best = bench.row(f"floor, {name}", problem, floor(problem))
        goal = CENTRE_TO_FLOOR
        bench.figure(f"{name}: centre over floor", got.centre_mm / best.centre_mm, at_most=goal)
        if percent:
            bench.figure(f"{name}: outliers flagged", 100 * got.found, "%", at_least=100)
        bench.figure(f"{name}: good corners lost", got.lost, "%", at_most=LOST_PERCENT)


def bench_many(bench: Bench) -> None:
    """A ring of 32 cameras."""
    problem = bench.problem(cams=32)
    got = bench.row("this project, 32 cameras", problem, ours(problem))
    bench.figure("32 cameras: rotation", got.rotation_deg, "deg", at_most=ROTATION_DEG)
    bench.figure("32 cameras: CPU time", got.cpu_s, "s")


def bench_names(bench: Bench) -> None:
    """cam1 ... cam12, which sort otherwise, come back in their order and with their own poses."""
    problem = bench.problem(cams=12)
    got = bench.row("this project, 12 cameras", problem, ours(problem))
    bench.figure(
        "12 cameras: rotation (a changed order would show)", got.rotation_deg, "deg", at_most=0.2
    )


def bench_peers(bench: Bench) -> None:
    """Other programs on the first seed's problem; aniposelib on the plain lenses it is made for."""
    seed = bench.seeds[0]
    problem, plain = bench.problem(seed), bench.problem(seed, simple=True)
    for peer in bench.peers:
        said = _peer_row(bench, peer, peer, problem)
        if not said:
            said = _peer_row(bench, f"{peer}, true intrinsics", peer, problem, known=True)
        if not said and peer == "aniposelib":
            said = _peer_row(bench, f"{peer}, simple", peer, plain)
        if said:
            bench.remarks.append(f"{peer}: {said}")


def bench_bundle(bench: Bench) -> None:
    """Bundle adjustment of recordings of a moving camera."""
    bench.figures += bench_problems()


RUN: dict[str, Callable[[Bench], None]] = {
    "seeds": bench_seeds,
    "known": bench_known,
    "simple": bench_simple,
    "clean": bench_clean,
    "outliers": bench_outliers,
    "many": bench_many,
    "names": bench_names,
    "peers": bench_peers,
    "bundle": bench_bundle,
}


def _peer_row(bench: Bench, label: str, peer: str, problem: Problem, *, known: bool = False) -> str:
    """Run another program in a process of its own; what kept it from an answer, or nothing."""
    result = bench.folder / "peer.npz"
    result.unlink(missing_ok=True)
    python = bench.pythons.get(peer, sys.executable)
    script = Path(__file__).with_name("_calibration_peers.py")
    command = [python, str(script), peer, str(problem.path), str(result)]
    command += ["--true-intrinsics"] if known else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"took longer than {PEER_LIMIT_S} s"
    except OSError as error:
        return f"{python}: {error.strerror}"
    if result.is_file():
        with np.load(result) as archive:
            arrays = dict(archive)
        bench.row(label, problem, Found(**arrays | {"cpu_s": float(arrays["cpu_s"])}))
        return ""
    last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
    return f"not installed ({last[0]})" if done.returncode == 3 else f"failed: {last[0]}"
