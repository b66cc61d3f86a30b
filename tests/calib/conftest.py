"""Scenes and comparisons that the calibration's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calib.artwork import artwork_of, draw
from calib.assessment import Trust, trust
from calib.choices import COEFFICIENT_NAMES
from calib.observations import Observations
from calib.solution import Solution
from calib.solver import solve
from calib.targets import Target
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.similarity import align
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.boards import BoardScene, board_grid, board_scene
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.pictures import developed, photograph

_PRINT_PX_PER_M, _PRINT_MARGIN_M = 6000.0, 0.03
NEAR = {"volume": ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4)), "max_tilt_deg": 75.0}


@dataclass(frozen=True)
class Filmed:
    """A made-up rig, what it saw of a board, and the truth."""

    rig: Rig
    scene: BoardScene

    @property
    def observations(self) -> Observations:
        return Observations.from_arrays(self.scene.points_px, self.rig.names, self.rig.sizes)


@pytest.fixture
def filmed() -> Callable[..., Filmed]:
    """A function that films a board with a small ring of cameras."""

    def film(
        seed: int = 0,
        cameras: int = 4,
        frames: int = 40,
        lens: str | list[str] = "radtan",
        **options: object,
    ) -> Filmed:
        generator = seeded(seed)
        rig = ring_rig(generator, cameras, radius_m=2.5, height_m=1.8, lens=lens)
        board = board_grid(9, 6, 0.08)
        return Filmed(rig, board_scene(generator, rig, board, frames, **{**NEAR, **options}))

    return film


@pytest.fixture
def errors() -> Callable[[Rig, Rig], tuple[float, float]]:
    """RMS error of the centres (m) and rotations (degrees), after rigid alignment."""

    def compare(rig: Rig, truth: Rig) -> tuple[float, float]:
        true = truth.select(rig.names).cameras
        found, _ = align(rig.cameras.centre_world, true.centre_world, with_scale=False)
        apart = found.apply(rig.cameras.centre_world) - true.centre_world
        turned = rig.cameras.cam_from_world.rotation @ found.rotation.mT
        relative = turned @ true.cam_from_world.rotation.mT
        angle_rad = Rotation.from_matrix(relative.numpy()).magnitude()
        centre_m = float(apart.square().sum(-1).mean().sqrt())
        return centre_m, float(np.rad2deg(np.sqrt(np.mean(np.square(angle_rad)))))

    return compare


@pytest.fixture
def true_values() -> Callable[[Solution, Rig], np.ndarray]:
    """The truth of a solution's parameters, (P,)."""

    def of(solution: Solution, truth: Rig) -> np.ndarray:
        K = truth.cameras.K.numpy()
        pose = truth.cameras.cam_from_world
        reference = pose[truth.names.index(solution.reference)]
        relative = pose @ reference.inverse().map(lambda tensor: tensor[None])
        vectors = Rotation.from_matrix(relative.rotation.numpy()).as_rotvec()
        values = []
        for camera, name in solution.parameters:
            v = truth.names.index(camera)
            coefficients = truth.cameras.lens.coefficients[v].tolist()
            known = dict(zip(COEFFICIENT_NAMES[truth.lens_names[v]], coefficients, strict=False))
            known |= {"fx": K[v, 0, 0], "fy": K[v, 1, 1], "cx": K[v, 0, 2], "cy": K[v, 1, 2]}
            known |= dict(zip(("rx", "ry", "rz"), vectors[v], strict=True))
            known |= dict(zip(("tx", "ty", "tz"), relative.translation[v].tolist(), strict=True))
            values.append(known[name])
        return np.array(values)

    return of


@pytest.fixture(autouse=True)
def _no_default_dtype() -> None:
    assert torch.get_default_dtype() == torch.float32


@dataclass(frozen=True)
class Shot:
    """A picture of a printed board, and where its points truly are."""

    grey: np.ndarray  # (H, W) float64
    truth_px: np.ndarray  # (N, 2)
    target: Target

    def developed(self, seed: int = 0, noise_grey: float = 1.0) -> np.ndarray:
        return developed(self.grey, seeded(seed), noise_grey)

    def error_px(self, points_px: np.ndarray) -> np.ndarray:
        """(N, 2) off the truth, in the numbering that fits best."""
        errors = [points_px - self.truth_px[order] for order in self.target.symmetries]
        return min(errors, key=lambda error: float(np.nanmean(np.abs(error))))


@pytest.fixture(scope="session")
def shoot() -> Callable[..., Shot]:
    """A function that takes a picture of a printed board from an exact place; see `_shoot`."""
    return _shoot


def _shoot(
    target: Target,
    turns: tuple[float, float, float] = (0.3, 0.25, 0.2),
    distance_m: float = 0.5,
    size: tuple[int, int] = (480, 400),
    *,
    focal_px: float = 600.0,
    aside_m: tuple[float, float] = (0.0, 0.0),
    from_behind: bool = False,
    **blur: object,
) -> Shot:
    """A pinhole picture.

    Args:
        target: what is printed.
        turns: of the board about x, y and z, radians.
        distance_m: of its middle.
        size: (width, height).
        focal_px: of the camera; its principal point is a little off the middle.
        aside_m: of the board's middle from the middle of the picture.
        from_behind: the print is seen through the back.
        blur: for `photograph`.
    """
    artwork = artwork_of(target)
    printed = draw(artwork, _PRINT_PX_PER_M, _PRINT_MARGIN_M)
    rotation = Rotation.from_euler("xyz", turns).as_matrix()
    if from_behind:
        rotation = rotation @ np.diag([-1.0, 1.0, -1.0])
    middle_m = np.array([*artwork.size_m, 0.0]) / 2
    translation = np.array([*aside_m, distance_m]) - rotation @ middle_m
    K = np.array([[focal_px, 0, size[0] / 2 + 1.3], [0, focal_px, size[1] / 2 - 2.4], [0, 0, 1]])
    px_from_print = K @ np.column_stack([rotation[:, 0], rotation[:, 1], translation])
    print_from_px = np.linalg.inv(px_from_print)

    def printed_from_px(points_px: np.ndarray) -> np.ndarray:
        lifted = np.insert(points_px, 2, 1.0, axis=1) @ print_from_px.T
        return (lifted[:, :2] / lifted[:, 2:] + _PRINT_MARGIN_M) * _PRINT_PX_PER_M - 0.5

    on_print_m = target.points_m[:, :2] + artwork.origin_m
    seen = np.insert(on_print_m, 2, 1.0, axis=1) @ px_from_print.T
    options = {"supersample": 3, "defocus_px": 0.4} | blur
    return Shot(
        photograph(printed, printed_from_px, size, **options), seen[:, :2] / seen[:, 2:], target
    )


# --- Calibrations that are judged -----------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """A made-up rig, what came out of its calibration, and what is thought of that."""

    truth: Rig
    solution: Solution
    trust: Trust
    steps: list[tuple[int, int]]


@pytest.fixture(scope="session")
def faultless() -> Judged:
    """Everything is as the solver takes it to be; z is up in the rig's world."""
    truth, scene = _ring_scene()
    return _judged(truth, scene.points_px, scene.target_m)


@pytest.fixture(scope="session")
def bumped() -> Judged:
    """The same, but `cam2` was pushed 25 mm aside in the middle of the recording."""
    truth, scene = _ring_scene()
    points_px = scene.points_px.copy()
    later = np.arange(points_px.shape[1]) >= points_px.shape[1] // 2
    turned = scene.target_m @ np.swapaxes(scene.world_from_board_rotation, -1, -2)
    points_world = torch.from_numpy(turned + scene.world_from_board_translation_m[:, None])
    camera = truth.cameras[1]
    shift = torch.tensor([0.025, 0.0, 0.0], dtype=torch.float64)
    pose = camera.cam_from_world
    aside = replace(camera, cam_from_world=Rigid(pose.rotation, pose.translation + shift))
    flat = points_world.reshape(-1, 3)
    moved_px = (aside.project(flat)[0] - camera.project(flat)[0]).reshape(
        *points_world.shape[:2], 2
    )
    points_px[1, later] += moved_px.numpy()[later]
    return _judged(truth, np.clip(points_px, 0, np.array(truth.sizes[1]) - 1), scene.target_m)


@pytest.fixture(scope="session")
def bent() -> Judged:
    """The board's middle stands out by 6 mm."""
    truth, scene = _ring_scene(bow_m=0.006, noise_px=0.1, outliers=0.0)
    return _judged(truth, scene.points_px, scene.target_m)


def _ring_scene(**options: object) -> tuple[Rig, BoardScene]:
    generator = seeded(4)
    truth = ring_rig(generator, 5, radius_m=2.5, height_m=1.8)
    board = board_grid(5, 4, 0.14)
    return truth, board_scene(generator, truth, board, 64, hidden=0.1, **NEAR, **options)


def _judged(truth: Rig, points_px: np.ndarray, target_m: np.ndarray) -> Judged:
    observations = Observations.from_arrays(points_px, truth.names, truth.sizes)
    solution = solve(observations, target_m, start=truth)
    solution = replace(solution, rig=replace(solution.rig, up_axis="z"))
    steps: list[tuple[int, int]] = []
    found = trust(solution, progress=lambda done, total: steps.append((done, total)))
    return Judged(truth, solution, found, steps)
