"""Scenes and comparisons that the calibration's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calib.choices import COEFFICIENT_NAMES
from calib.observations import Observations
from calib.solution import Solution
from triangulate.geometry.similarity import align
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.boards import BoardScene, board_grid, board_scene
from triangulate.synthetic.draws import seeded

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
