from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

import calib
from calib.choices import COEFFICIENT_NAMES
from calib.space import point_gains, rotation_vector, vector_by_turn
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.refine import refine
from triangulate.geometry.rigid import rotation_from_vector
from triangulate.rig import Rig


def test_rotation_vectors_change_with_a_turn_as_derived() -> None:
    vectors = torch.tensor([[0.3, -0.2, 0.9], [2.5, 0.4, -0.3], [1e-6, 0, 0]], dtype=torch.float64)
    found = vector_by_turn(vectors)
    for axis in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[axis] = 1e-6
        moved = rotation_vector(rotation_from_vector(step) @ rotation_from_vector(vectors))
        back = rotation_vector(rotation_from_vector(-step) @ rotation_from_vector(vectors))
        torch.testing.assert_close(found[..., axis], (moved - back) / 2e-6, atol=1e-8, rtol=1e-6)


def test_points_move_with_the_parameters_as_derived(filmed) -> None:
    made = filmed(0, 4, 30, lens=["radtan", "fisheye", "rational", "radtan"])
    lens = dict(zip(made.rig.names, made.rig.lens_names, strict=True))
    solution = calib.solve(made.observations, made.scene.target_m, lens=lens, reference="cam2")
    points = torch.tensor([[0.1, -0.1, 0.0], [-0.2, 0.2, 0.1]], dtype=torch.float64)
    centre = np.nanmean(solution.target_points_world, axis=(0, 1))
    points = points + torch.from_numpy(centre)
    gain, _, seen = point_gains(solution, points)
    assert bool(seen.all())
    pixels, _ = solution.rig.cameras.project(points)
    for number in [0, 4, 9, 13, 17, 20, len(solution.parameters) - 1]:
        sigma = 1e-3 * solution.sigmas[number]
        moved = [
            _triangulated(_changed(solution, number, sign * sigma), pixels) for sign in (1, -1)
        ]
        numeric = (moved[0] - moved[1]) / (2 * sigma)
        torch.testing.assert_close(gain[:, :, number], numeric, rtol=2e-2, atol=1e-6)


def _changed(solution: calib.Solution, number: int, by: float) -> Rig:
    """The rig after one of the solution's parameters has changed."""
    camera, name = solution.parameters[number]
    rig = solution.rig
    arrays, v = rig.to_arrays(), rig.names.index(camera)
    if name in ("fx", "fy", "cx", "cy"):
        at = {"fx": (0, 0), "fy": (1, 1), "cx": (0, 2), "cy": (1, 2)}[name]
        arrays["K"][v][at] += by
    elif name[0] in "rt":
        vector = Rotation.from_matrix(arrays["rotation"][v]).as_rotvec()
        axis = "xyz".index(name[1])
        vector[axis] += by if name[0] == "r" else 0
        arrays["rotation"][v] = Rotation.from_rotvec(vector).as_matrix()
        arrays["translation_m"][v, axis] += by if name[0] == "t" else 0
    else:
        arrays["dist"][v, COEFFICIENT_NAMES[rig.lens_names[v]].index(name)] += by
    return Rig.from_arrays(**arrays)


def _triangulated(rig: Rig, pixels: torch.Tensor) -> torch.Tensor:
    """The points whose reprojections are nearest to the pixels."""
    undistorted, valid = rig.cameras.undistort(pixels)
    projections = rig.cameras.projection().expand(pixels.shape[1], -1, 3, 4).contiguous()
    start, _ = triangulate_dlt(
        undistorted.transpose(0, 1).contiguous(), projections, valid.double().T.contiguous()
    )
    return refine(start, pixels, rig.cameras, torch.ones_like, steps=10).points_world
