from __future__ import annotations

import math

import pytest
import torch

from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.models.view_rays import Views
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded


def looking_along(axis: str, focal: float = 100.0) -> Camera:
    """A camera five metres before the origin, along z or against x."""
    rotations = {
        "z": [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]],
        "-x": [[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]],
    }
    K = torch.diag(torch.tensor([focal, focal, 1.0], dtype=torch.float64))
    lens = Lens.of("radtan", torch.zeros(0, dtype=torch.float64))
    translation = torch.tensor([0.0, 0, 5], dtype=torch.float64)
    return Camera(K, lens, Rigid(torch.tensor(rotations[axis], dtype=torch.float64), translation))


def two_cameras() -> Camera:
    first, second = looking_along("z"), looking_along("-x")
    return Camera(
        torch.stack([first.K, second.K])[None],
        Lens.of("radtan", torch.zeros(1, 2, 0, dtype=torch.float64)),
        Rigid(
            torch.stack([c.cam_from_world.rotation for c in (first, second)])[None],
            torch.stack([c.cam_from_world.translation for c in (first, second)])[None],
        ),
    )


def test_residuals_are_pixels_times_depth_over_focal_length() -> None:
    points_px = torch.tensor([[[[4.0, 0.0]], [[0.0, 2.0]]]], dtype=torch.float64)
    views = Views.of(points_px, torch.ones(1, 2, 1, dtype=torch.bool), two_cameras())
    origin = torch.zeros(1, 1, 3, dtype=torch.float64)
    off, depth = views.residuals(origin)
    torch.testing.assert_close(depth, torch.full((1, 2, 1), 5.0, dtype=torch.float64))
    expected = torch.tensor([[[[-0.2, 0.0]], [[0.0, -0.1]]]], dtype=torch.float64)
    torch.testing.assert_close(off, expected)
    many = origin[:, None].expand(1, 3, 1, 3)
    torch.testing.assert_close(views.residuals(many)[0], off[:, None].expand(1, 3, 2, 1, 2))


def test_the_solution_is_that_of_the_linear_method() -> None:
    cameras = ring_rig(seeded(0), 5, lens="radtan").cameras
    truth = 0.4 * torch.randn(3, 7, 3, generator=seeded(1), dtype=torch.float64) + 0.9
    pixels, _ = cameras.project(truth.flatten(0, 1))
    pixels = pixels.unflatten(1, (3, 7)).movedim(1, 0)
    pixels = pixels + 3 * torch.randn(pixels.shape, generator=seeded(2), dtype=torch.float64)
    weights = torch.rand(3, 5, 7, generator=seeded(3), dtype=torch.float64) + 0.1
    views = Views.of(pixels, torch.ones(3, 5, 7, dtype=torch.bool), cameras[None])
    points, valid, _ = views.solve(weights)
    undistorted, _ = cameras.undistort(pixels)
    row_weights = weights * views.stretch / views.focal_px[..., None]
    expected, _ = triangulate_dlt(
        undistorted.movedim(1, 2), cameras.projection(), row_weights.movedim(1, 2), math.inf
    )
    assert valid.all()
    # fx and fy of these cameras differ by a thousandth.
    torch.testing.assert_close(points, expected, rtol=0, atol=2e-3)
    assert (points - truth).norm(dim=-1).median() < 0.02


def test_stretch_is_the_lens_own() -> None:
    cameras = ring_rig(seeded(0), 3, lens="fisheye").cameras
    pixels = torch.rand(2, 3, 4, 2, generator=seeded(1), dtype=torch.float64)
    pixels = pixels * torch.tensor([1280.0, 720.0])
    views = Views.of(pixels, torch.ones(2, 3, 4, dtype=torch.bool), cameras[None])
    step = 1e-6
    moved = views.points_n + step
    change = cameras.lens.distort(moved) - cameras.lens.distort(views.points_n)
    assert views.seen.all()
    assert ((change.norm(dim=-1) / (step * math.sqrt(2)) / views.stretch - 1).abs() < 0.3).all()


def test_what_one_view_sees_alone_is_not_seen() -> None:
    observed = torch.tensor([[[True, True], [False, True]]])
    views = Views.of(torch.zeros(1, 2, 2, 2), observed, two_cameras())
    assert views.seen.tolist() == [[[0.0, 1.0], [0.0, 1.0]]]
    _, valid, _ = views.solve(views.seen)
    assert valid.tolist() == [[False, True]]


@pytest.mark.parametrize("num_views", [2, 3, 6])
def test_leverage_sums_to_three(num_views: int) -> None:
    cameras = ring_rig(seeded(0), num_views).cameras
    pixels = torch.full((2, num_views, 5, 2), 400.0, dtype=torch.float64)
    views = Views.of(pixels, torch.ones(2, num_views, 5, dtype=torch.bool), cameras[None])
    part, open_m = views.leverage(views.seen)
    torch.testing.assert_close(part.sum(1), torch.full((2, 5), 3.0, dtype=torch.float64))
    _, wider_m = views.leverage(0.5 * views.seen)
    torch.testing.assert_close(wider_m, 2 * open_m)
