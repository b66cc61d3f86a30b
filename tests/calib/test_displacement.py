from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from calib.displacement import displacement
from calib.space import pixel_gains
from calib.volume import capture_volume
from calib.world import in_world
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig


def changed(solution, number: int, by: float) -> Rig:
    """The rig after a focal length or a camera's translation has changed."""
    camera, name = solution.parameters[number]
    arrays, v = solution.rig.to_arrays(), solution.rig.names.index(camera)
    if name == "fx":
        arrays["K"][v, 0, 0] += by
    else:
        arrays["translation_m"][v]["xyz".index(name[1])] += by
    return Rig.from_arrays(**arrays)


def test_a_rig_in_another_world_is_the_same_rig(faultless):
    solution = faultless.solution
    turn = Rotation.from_rotvec([0.002, -0.003, 0.001]).as_matrix()
    motion = Rigid(torch.from_numpy(turn), torch.tensor([0.004, 0.002, -0.003]).double())
    moved = in_world(solution.rig, motion, up_axis=None, note="")
    points = capture_volume(solution).points_world
    found = displacement(solution, solution.rig, moved, points)
    assert np.nanmax(found.points_m) < 1e-9
    assert np.nanmax(found.pixels_px) < 1e-6


@pytest.mark.parametrize("name", ["fx", "ty"])
def test_small_changes_move_points_and_pixels_as_the_covariance_has_it(faultless, name):
    """Two ways to the same numbers: solving again for the points, and derivatives."""
    solution = faultless.solution
    number = solution.parameters.index(("cam3", name))
    step = 1e-2 * solution.sigmas[number]
    points = capture_volume(solution, 60).points_world
    found = displacement(solution, solution.rig, changed(solution, number, step), points)
    alone = np.zeros_like(solution.covariance)
    alone[number, number] = step**2
    expected_m = replace(solution, covariance=alone).expected_error_m(points)
    np.testing.assert_allclose(found.points_m, expected_m, rtol=0.02, atol=1e-9)
    gain = pixel_gains(solution, torch.from_numpy(points))[..., number].norm(dim=-1).numpy() * step
    seen = np.isfinite(found.pixels_px)
    np.testing.assert_allclose(found.pixels_px[seen], gain[seen], rtol=0.02, atol=1e-6)


def test_without_the_camera_that_changed_nothing_has(faultless):
    solution = faultless.solution
    moved = changed(solution, solution.parameters.index(("cam3", "ty")), 0.02)
    points = capture_volume(solution, 60).points_world
    every = displacement(solution, solution.rig, moved, points)
    others = displacement(solution, solution.rig, moved, points, without=2)
    assert np.nanmedian(every.points_m) > 1e-3
    assert np.nanmax(others.points_m) < 1e-9
    # Seen from the others' space, it looks elsewhere, and they do not.
    assert np.isnan(others.pixels_px[2]).all()
    assert np.nanmax(others.pixels_px[[0, 1, 3, 4]]) < 1e-6
