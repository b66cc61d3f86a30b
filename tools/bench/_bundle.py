"""Bundle adjustment of a moving camera's recordings: this project's adjuster against SciPy's.

The recordings are adjusted already, so their cameras and points are first shaken. Both start from
there, refine all poses and points under the same lens, and minimise the same half sum of squared
pixels. SciPy's is `least_squares(method="trf")` with the
sparsity of its numerical Jacobian given and x_scale="jac".
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import least_squares
from scipy.sparse import csr_array
from scipy.spatial.transform import Rotation

from calib.bundle import adjust
from calib.unknowns import NUM_INTRINSICS, Free, State, Target, Views
from tools.bench._figures import Figure, shared_folder
from triangulate.geometry.lens import LENS_MODELS
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.threads import one_thread

SPEED = 10.0
"""This project's adjuster must be so many times as fast as SciPy's."""

COST_MARGIN = 1e-4
"""And its final cost no higher than SciPy's by more than this part of it."""

_TOLERANCE = 1e-10
_MOST_EVALUATIONS = 300
_SHAKEN_DEG, _SHAKEN_PART = 0.3, 0.005  # turns, and shifts as a part of the points' median depth


@dataclass(frozen=True)
class BundleProblem:
    """Cameras, points and what the cameras saw of them.

    Attributes:
        intrinsics: (8,) f cx cy k1 k2 p1 p2 k3, of all cameras.
        rotation: (V, 3, 3) camera from world.
        translation: (V, 3).
        points: (N, 3) world.
        camera: (M,) which camera saw ...
        point: (M,) ... which point ...
        points_px: (M, 2) ... where.
    """

    intrinsics: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    points: np.ndarray
    camera: np.ndarray
    point: np.ndarray
    points_px: np.ndarray


def load_libmv(path: Path) -> BundleProblem:
    """Read a libmv problem of the Ceres solver's test data.

    Little endian: 'v', 'P'; f cx cy k1 k2 k3 p1 p2 (float32); cameras: a count (int32) and for each
    its image (int32), R by columns and t; points: a count and for each its track and X; markers: a
    count and for each its image, track, x and y.
    """
    content = path.read_bytes()
    if content[:2] != b"vP":
        raise ValueError(f"{path}: is no little-endian libmv problem in pixels")
    f, cx, cy, k1, k2, k3, p1, p2 = np.frombuffer(content, "<f4", 8, 2).astype(np.float64)
    offset = 2 + 8 * 4

    def block(dtype: np.dtype) -> np.ndarray:
        nonlocal offset
        count = int(np.frombuffer(content, "<i4", 1, offset)[0])
        values = np.frombuffer(content, dtype, count, offset + 4)
        offset += 4 + values.nbytes
        return values

    cameras = block(np.dtype([("image", "<i4"), ("R", "<f4", (3, 3)), ("t", "<f4", 3)]))
    points = block(np.dtype([("track", "<i4"), ("X", "<f4", 3)]))
    markers = block(np.dtype([("image", "<i4"), ("track", "<i4"), ("xy", "<f4", 2)]))
    if offset != len(content):
        raise ValueError(f"{path}: {len(content) - offset} bytes are left over")
    by_columns = cameras["R"].astype(np.float64)
    left, _, right = np.linalg.svd(np.swapaxes(by_columns, -1, -2))  # float32 to a true rotation
    return BundleProblem(
        np.array([f, cx, cy, k1, k2, p1, p2, k3]),
        left @ right,
        cameras["t"].astype(np.float64),
        points["X"].astype(np.float64),
        _places(cameras["image"], markers["image"]),
        _places(points["track"], markers["track"]),
        markers["xy"].astype(np.float64),
    )


def _places(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted number stands among the known ones."""
    order = np.argsort(known)
    return order[np.searchsorted(known, wanted, sorter=order)]


def shaken(problem: BundleProblem, seed: int = 0) -> BundleProblem:
    """The same recording, begun farther from its solution."""
    generator = np.random.default_rng(seed)
    count = len(problem.rotation)
    turn = np.deg2rad(_SHAKEN_DEG) * generator.normal(size=(count, 3))
    seen = np.einsum("mi,mi->m", problem.rotation[problem.camera, 2], problem.points[problem.point])
    depth = np.median(seen + problem.translation[problem.camera, 2])
    shift = _SHAKEN_PART * depth
    return replace(
        problem,
        rotation=Rotation.from_rotvec(turn).as_matrix() @ problem.rotation,
        translation=problem.translation + shift * generator.normal(size=(count, 3)),
        points=problem.points + shift * generator.normal(size=problem.points.shape),
    )


@dataclass(frozen=True)
class Adjustment:
    """What an adjuster came to.

    Attributes:
        cost: half the sum of squared pixels.
        cpu_s: how long it took.
    """

    cost: float
    cpu_s: float


@one_thread()
def by_this_project(problem: BundleProblem) -> Adjustment:
    """`calib.bundle.adjust`, the cameras eliminated."""
    count, num_points = len(problem.rotation), len(problem.points)
    f, cx, cy, *coefficients = problem.intrinsics
    intrinsics = torch.zeros(count, NUM_INTRINSICS, dtype=torch.float64)
    intrinsics[:, :9] = torch.tensor([f, 1.0, cx, cy, *coefficients], dtype=torch.float64)
    state = State(
        intrinsics=intrinsics,
        skew=torch.zeros(count, dtype=torch.float64),
        lens_model=torch.full((count,), LENS_MODELS.index("radtan")),
        cam_from_world=_rigid(problem.rotation, problem.translation),
        world_from_target=_rigid(np.tile(np.eye(3), (num_points, 1, 1)), problem.points),
        bow=torch.zeros(3, dtype=torch.float64),
        late_s=torch.zeros(count, dtype=torch.float64),
    )
    zeros = torch.zeros(1, 3, dtype=torch.float64)
    target = Target(zeros, torch.zeros(1, 3, 3, dtype=torch.float64))
    views = Views(
        torch.from_numpy(problem.points_px)[:, None],
        torch.ones(len(problem.points_px), 1, dtype=torch.float64),
        torch.from_numpy(problem.camera),
        torch.from_numpy(problem.point),
    )
    moving = torch.ones(count, dtype=torch.bool)
    fixed = torch.full((count, NUM_INTRINSICS), -1)
    free = Free.of(fixed, moving, num_points, points_only=True, eliminate_cameras=True)
    sigma_px = torch.ones(count, dtype=torch.float64)
    start = time.process_time()
    found = adjust(
        state, target, views, free, sigma_px, max_steps=_MOST_EVALUATIONS, tolerance=_TOLERANCE
    )
    return Adjustment(found.cost, time.process_time() - start)


def _rigid(rotation: np.ndarray, translation: np.ndarray) -> Rigid:
    return Rigid(torch.from_numpy(rotation), torch.from_numpy(translation))


def residuals(problem: BundleProblem, moved: np.ndarray) -> np.ndarray:
    """Predicted minus observed, (2 M,): six numbers a camera, then three a point.

    A camera's are a rotation vector applied after its rotation and the change of its translation; a
    point's are its change.
    """
    cameras = moved[: 6 * len(problem.rotation)].reshape(-1, 6)
    points = problem.points + moved[cameras.size :].reshape(-1, 3)
    rotation = Rotation.from_rotvec(cameras[:, :3]).as_matrix() @ problem.rotation
    translation = problem.translation + cameras[:, 3:]
    seen = np.einsum("mij,mj->mi", rotation[problem.camera], points[problem.point])
    seen += translation[problem.camera]
    x, y = (seen[:, :2] / seen[:, 2:]).T
    f, cx, cy, k1, k2, p1, p2, k3 = problem.intrinsics
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    u = f * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + cx
    v = f * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + cy
    return (np.stack([u, v], axis=-1) - problem.points_px).ravel()


def by_scipy(problem: BundleProblem) -> Adjustment:
    """`scipy.optimize.least_squares`, as its cookbook does bundle adjustment."""
    count, num_points, seen = len(problem.rotation), len(problem.points), len(problem.points_px)
    columns = np.concatenate(
        [
            6 * problem.camera[:, None] + np.arange(6),
            6 * count + 3 * problem.point[:, None] + np.arange(3),
        ],
        axis=-1,
    )
    rows = np.repeat(np.arange(2 * seen), 9)
    ones = np.ones(rows.size, dtype=np.int8)
    shape = (2 * seen, 6 * count + 3 * num_points)
    sparsity = csr_array((ones, (rows, np.repeat(columns, 2, axis=0).ravel())), shape=shape)

    def errors(moved: np.ndarray) -> np.ndarray:
        return residuals(problem, moved)

    start = time.process_time()
    found = least_squares(
        errors,
        np.zeros(shape[1]),
        method="trf",
        jac_sparsity=sparsity,
        x_scale="jac",
        ftol=_TOLERANCE,
        max_nfev=_MOST_EVALUATIONS,
    )
    return Adjustment(float(found.cost), time.process_time() - start)


def bench_problems(names: tuple[str, ...] = ("01", "02", "03")) -> list[Figure]:
    """Both adjusters on each problem."""
    figures = []
    for name in names:
        path = shared_folder() / "data" / "ba_libmv_ceres" / f"problem_{name}.bin"
        problem = shaken(load_libmv(path))
        first = 0.5 * float(np.square(residuals(problem, _nothing(problem))).sum())
        ours, theirs = by_this_project(problem), by_scipy(problem)
        what = f"libmv {name}"
        size = f"{len(problem.rotation)} cameras, {len(problem.points)} points"
        figures += [
            Figure(f"{what} ({size}): first cost", first, "px2"),
            Figure(f"{what}: final cost, this project", ours.cost, "px2"),
            Figure(f"{what}: final cost, SciPy", theirs.cost, "px2"),
            Figure(
                f"{what}: final cost over SciPy's", ours.cost / theirs.cost, at_most=1 + COST_MARGIN
            ),
            Figure(f"{what}: CPU time, this project", ours.cpu_s, "s"),
            Figure(f"{what}: CPU time, SciPy", theirs.cpu_s, "s"),
            Figure(f"{what}: times as fast", theirs.cpu_s / ours.cpu_s, at_least=SPEED),
        ]
    return figures


def _nothing(problem: BundleProblem) -> np.ndarray:
    return np.zeros(6 * len(problem.rotation) + 3 * len(problem.points))
