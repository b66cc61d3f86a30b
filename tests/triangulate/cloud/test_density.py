"""Volumes of joints as clouds, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.cloud.density import density_cloud, hues
from triangulate.geometry.volume import cuboid_grid


def test_voxels_above_a_share() -> None:
    grid = cuboid_grid(torch.zeros(3, dtype=torch.float64), 0.3, 4)
    volume = torch.zeros(3, 4, 4, 4)
    volume[0, 0, 1, 2] = 0.5
    volume[0, 0, 1, 3] = 0.3
    volume[0, 3, 3, 3] = 0.2
    volume[1, 2, 2, 2] = 0.001  # another joint, with a maximum of its own; the third has none
    cloud = density_cloud(volume, grid, 0.5)
    np.testing.assert_allclose(
        cloud.points_m, [[-0.15, -0.05, 0.05], [-0.15, -0.05, 0.15], [0.05, 0.05, 0.05]]
    )
    assert cloud.density is not None
    np.testing.assert_allclose(cloud.density, [1, 0.6, 1])
    np.testing.assert_array_equal(cloud.colours[0], np.rint(hues(3)[0]))
    np.testing.assert_array_equal(cloud.colours[2], np.rint(hues(3)[1]))
    with pytest.raises(ValueError, match="share"):
        density_cloud(volume, grid, 0)


def test_hues_differ() -> None:
    np.testing.assert_allclose(hues(3), 255 * np.eye(3), atol=1e-9)
    assert len(np.unique(np.rint(hues(33)), axis=0)) == 33
