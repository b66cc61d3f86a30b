from __future__ import annotations

import pytest
import torch
from scipy.optimize import least_squares
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.refine import refine
from triangulate.geometry.rigid import Rigid


def ones(squared: Tensor) -> Tensor:
    return torch.ones_like(squared)


@pytest.fixture
def scene(ring, points_in_view):
    """Cameras, points and their noisy pixels."""

    def make(num_points: int, num_views: int = 3, sigma_px: float = 2.0):
        camera, truth = ring(num_views, lens="mixed"), points_in_view(num_points)
        source = torch.Generator().manual_seed(3)
        noise = torch.randn(num_views, num_points, 2, generator=source, dtype=torch.float64)
        return camera, truth, camera.project(truth)[0] + sigma_px * noise

    return make


def test_two_perpendicular_views_by_hand() -> None:
    """f = 100 px at 2 m: 50 px a metre. One view sees x and y, the other one z and y.

    They agree in x and z; in y they are 2 px apart, and take the middle.
    """
    K = torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]], dtype=torch.float64)
    rotation = torch.tensor(
        [[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 0, -1], [0, 1, 0], [1, 0, 0]]]
    )
    away = torch.tensor([0.0, 0, 2], dtype=torch.float64).expand(2, 3)
    camera = Camera(
        K.expand(2, 3, 3),
        Lens.of("radtan", torch.zeros(2, 5).double()),
        Rigid(rotation.double(), away),
    )
    points_px = torch.tensor([[[32.0, 25.0]], [[32.0, 23.0]]], dtype=torch.float64)
    refined = refine(torch.full((1, 3), 0.01).double(), points_px, camera, ones, steps=6)
    torch.testing.assert_close(refined.points_world, torch.zeros(1, 3).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(refined.squared_px, torch.ones(2, 1).double())
    sizes = torch.diag(torch.tensor([1.0, 0.5, 1.0], dtype=torch.float64)) / 50**2
    torch.testing.assert_close(refined.covariance_m2[0], sizes)
    # Each view's projection moves by its own x (1 px^2) and by half of y.
    torch.testing.assert_close(refined.leverage_px2, torch.full((2, 1), 1.5).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perfect_pixels_lead_to_the_truth(dtype, scene) -> None:
    camera, truth, points_px = scene(20, sigma_px=0.0)
    refined = refine(truth.to(dtype) + 0.05, points_px.to(dtype), camera.to(dtype), ones, steps=4)
    assert refined.points_world.dtype == dtype
    assert refined.valid.all()
    assert refined.in_front.all()
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(refined.points_world.double(), truth, atol=tolerance, rtol=0)
    assert (refined.squared_px < 1e-4).all()


def test_ends_where_scipy_ends(scene) -> None:
    camera, truth, points_px = scene(5)
    precision = torch.tensor([[1.0], [0.25], [4.0]], dtype=torch.float64).expand(3, 5)
    refined = refine(truth, points_px, camera, lambda squared: precision, steps=6)
    for n in range(5):

        def residual(point, n=n):
            projected_px, _ = camera.project(torch.from_numpy(point)[None])
            return (precision[:, n, None].sqrt() * (projected_px[:, 0] - points_px[:, n])).flatten()

        solution = least_squares(residual, truth[n].numpy(), xtol=1e-15, ftol=1e-15, gtol=1e-15)
        assert refined.points_world[n].numpy() == pytest.approx(solution.x, abs=1e-7)


def test_reported_numbers_are_those_of_the_final_point(scene) -> None:
    camera, truth, points_px = scene(6)
    for steps in (0, 2):
        refined = refine(truth, points_px, camera, ones, steps)
        projected_px, jacobian, in_front = camera.project_with_jacobian(refined.points_world)
        torch.testing.assert_close(refined.squared_px, (projected_px - points_px).square().sum(-1))
        spread = jacobian @ refined.covariance_m2 @ jacobian.mT
        torch.testing.assert_close(refined.leverage_px2, spread.diagonal(dim1=-2, dim2=-1).sum(-1))
        assert torch.equal(refined.in_front, in_front)
        if steps == 0:
            assert torch.equal(refined.points_world, truth)
        # All views together take as many degrees of freedom as a point has.
        torch.testing.assert_close(refined.leverage_px2.sum(0), torch.full((6,), 3.0).double())


def test_a_moved_world_moves_the_result(scene, rigid_motion, seen_from) -> None:
    camera, truth, points_px = scene(6)
    motion = rigid_motion()
    here = refine(truth, points_px, camera, ones, steps=3)
    there = refine(motion.apply(truth), points_px, seen_from(camera, motion), ones, steps=3)
    torch.testing.assert_close(there.points_world, motion.apply(here.points_world))
    turned = motion.rotation @ here.covariance_m2 @ motion.rotation.mT
    torch.testing.assert_close(there.covariance_m2, turned)
    torch.testing.assert_close(there.squared_px, here.squared_px, rtol=1e-5, atol=1e-8)


def test_the_order_of_views_says_nothing(scene) -> None:
    camera, truth, points_px = scene(6, num_views=4)
    order = torch.tensor([2, 3, 0, 1])
    here = refine(truth, points_px, camera, ones)
    there = refine(truth, points_px[order], camera[order], ones)
    torch.testing.assert_close(there.points_world, here.points_world)
    torch.testing.assert_close(there.squared_px, here.squared_px[order])


def test_views_without_a_say(scene) -> None:
    camera, truth, points_px = scene(4, num_views=4)
    precision = torch.ones(4, 4).double()
    precision[3] = 0
    points_px[3] = -1e5
    refined = refine(truth, points_px, camera, lambda squared: precision, steps=3)
    without = refine(truth, points_px[:3], camera[torch.arange(3)], ones, steps=3)
    torch.testing.assert_close(refined.points_world, without.points_world)
    torch.testing.assert_close(refined.covariance_m2, without.covariance_m2)


def test_open_points_stay_where_they_are(scene) -> None:
    camera, truth, points_px = scene(3)
    precision = torch.ones(3, 3).double()
    precision[:, 0], precision[1:, 1] = 0, 0
    points_px.requires_grad_()
    refined = refine(truth + 0.1, points_px, camera, lambda squared: precision)
    assert refined.valid.tolist() == [False, False, True]
    torch.testing.assert_close(refined.points_world[:2], truth[:2] + 0.1)
    assert not refined.covariance_m2[:2].any()
    refined.points_world.sum().backward()
    assert torch.isfinite(points_px.grad).all()
    assert not points_px.grad[:, :2].any()


def test_steps_do_not_jump_over_cameras(scene) -> None:
    """From far off a step is held to half the distance to the nearest camera."""
    camera, truth, points_px = scene(20)
    start = camera.centre_world[:1] + 0.3 * (truth - camera.centre_world[:1])
    refined = refine(start, points_px, camera, ones, steps=1)
    moved = (refined.points_world - start).norm(dim=-1)
    reach = 0.5 * (start[:, None] - camera.centre_world).norm(dim=-1).amin(-1)
    assert (moved <= reach * (1 + 1e-9)).all()
    settled = refine(start, points_px, camera, ones, steps=15)
    best = refine(truth, points_px, camera, ones, steps=5)
    torch.testing.assert_close(settled.points_world, best.points_world, atol=1e-7, rtol=0)


def test_behind_all_cameras_is_open(scene) -> None:
    camera, _, points_px = scene(1)
    below = camera[:1].centre_world + torch.tensor([[0.0, 0, 100]]).double()
    refined = refine(below, points_px, camera, ones)
    assert torch.isfinite(refined.points_world).all()
    assert torch.isfinite(refined.squared_px).all()
    assert not refined.in_front.any()
    assert not refined.valid.any()


def test_gradients(scene) -> None:
    camera, truth, points_px = scene(2)

    def kernel(squared: Tensor) -> Tensor:
        return 1 / (1 + squared / 9).square()

    def solve(start: Tensor, pixels: Tensor, coefficients: Tensor):
        lens = Lens(camera.lens.model, coefficients)
        moved = Camera(camera.K, lens, camera.cam_from_world)
        refined = refine(start, pixels, moved, kernel)
        return refined.points_world, refined.covariance_m2, refined.squared_px

    inputs = (truth.clone(), points_px.clone(), camera.lens.coefficients.clone())
    assert torch.autograd.gradcheck(
        solve, tuple(part.requires_grad_() for part in inputs), atol=1e-4
    )


def test_gradient_at_the_optimum_is_that_of_the_optimum(scene) -> None:
    """Moved pixels move the converged point as finite differences of it say."""
    camera, truth, points_px = scene(1)
    best = refine(truth, points_px, camera, ones, steps=8).points_world
    points_px.requires_grad_()
    (grad,) = torch.autograd.grad(
        refine(best, points_px, camera, ones, steps=2).points_world[0, 0], points_px
    )
    for v in range(3):
        for axis in range(2):
            shifted = []
            for sign in (-1, 1):
                moved_px = points_px.detach().clone()
                moved_px[v, 0, axis] += sign * 1e-3
                shifted.append(refine(best, moved_px, camera, ones, steps=8).points_world[0, 0])
            difference = (shifted[1] - shifted[0]) / 2e-3
            assert grad[v, 0, axis].item() == pytest.approx(difference.item(), rel=1e-3, abs=1e-9)
