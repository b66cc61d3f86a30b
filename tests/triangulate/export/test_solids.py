from __future__ import annotations

import numpy as np
import pytest

from triangulate.export.solids import Solid, ball, bar


@pytest.mark.parametrize("solid", [ball(0.02), bar(0.01)])
def test_triangles_and_normals_look_outward(solid: Solid) -> None:
    points, normals, triangles = solid
    assert triangles.min() == 0 and triangles.max() == len(points) - 1
    a, b, c = points[triangles].transpose(1, 0, 2)
    face = np.cross(b - a, c - a)
    proper = np.linalg.norm(face, axis=-1) > 1e-12
    assert proper.sum() >= 16
    agree = (face[:, None] * normals[triangles]).sum(-1)
    assert (agree[proper] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1)


def test_sizes() -> None:
    np.testing.assert_allclose(np.linalg.norm(ball(0.02)[0], axis=-1), 0.02)
    points = bar(0.01)[0]
    assert set(points[:, 1]) == {0, 1}
    np.testing.assert_allclose(np.hypot(points[:, 0], points[:, 2]), 0.01)
