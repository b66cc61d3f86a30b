from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.refine import Refined
from triangulate.geometry.robust import (
    MAX_PAIRS,
    belonging,
    pair_disagreement,
    triangulate_robust,
)


class Scene:
    """Points seen with 1 px of noise by a ring of cameras."""

    def __init__(self, camera: Camera, truth: Tensor, sigma_px: float = 1.0) -> None:
        self.camera, self.truth = camera, truth
        self.source = torch.Generator().manual_seed(21)
        self.shape = (len(camera.K), len(truth))
        noise = torch.randn(*self.shape, 2, generator=self.source, dtype=torch.float64)
        self.points_px = camera.project(truth)[0] + sigma_px * noise
        self.sigma_px = torch.ones(self.shape, dtype=torch.float64)
        self.share = torch.full(self.shape, 0.05, dtype=torch.float64)
        self.observed = torch.ones(self.shape, dtype=torch.bool)

    def spoil(self, views: Tensor, least_px: float = 20.0, most_px: float = 200.0) -> None:
        """Move the observation of one view of each point far off, in any direction."""
        count = len(self.truth)
        draws = torch.rand(2, count, generator=self.source, dtype=torch.float64)
        angle = 2 * math.pi * draws[0]
        radius = least_px + (most_px - least_px) * draws[1]
        shift = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
        self.points_px[views, torch.arange(count)] += shift

    def solve(self, **changes) -> tuple[Refined, Tensor]:
        arguments = {
            "points_px": self.points_px,
            "camera": self.camera,
            "sigma_px": self.sigma_px,
            "outlier_share": self.share,
            "observed": self.observed,
        }
        return triangulate_robust(**(arguments | changes))


@pytest.fixture
def scene(ring, points_in_view):
    def make(num_views: int, num_points: int = 200, sigma_px: float = 1.0) -> Scene:
        return Scene(ring(num_views, lens="mixed"), points_in_view(num_points), sigma_px)

    return make


def errors(refined: Refined, scene: Scene) -> Tensor:
    return (refined.points_world - scene.truth).norm(dim=-1)


# --- The mixture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_belonging_by_hand(dtype) -> None:
    # At 0 sigmas: 1 against odds * 10 * 100^-1.5 = odds / 100
    squared = torch.tensor([0.0, 16.0], dtype=dtype)
    odds = torch.tensor(0.25, dtype=dtype)
    shows = belonging(squared, odds, 8.0)
    assert shows.dtype == dtype
    honest, tail = 3.0**-5, 0.25 * 10 * 116**-1.5
    expected = torch.tensor([1 / 1.0025, honest / (honest + tail)], dtype=dtype)
    torch.testing.assert_close(shows, expected)


@pytest.mark.parametrize("freedom", [2.0, 30.0, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_belonging_falls_with_the_distance_and_stays_finite(dtype, freedom) -> None:
    squared = torch.logspace(-3, 30, 100, dtype=dtype).requires_grad_()
    shows = belonging(squared, torch.tensor(0.05, dtype=dtype), freedom)
    shows.sum().backward()
    assert torch.isfinite(shows).all()
    assert torch.isfinite(squared.grad).all()
    assert (shows.diff() <= 0).all()
    assert shows[0] > 0.99
    assert shows[-1] < 1e-6


def test_belonging_gradients() -> None:
    squared = torch.tensor([0.0, 1.0, 9.0, 30.0], dtype=torch.float64, requires_grad=True)
    odds = torch.tensor([0.01, 0.1, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, o: belonging(s, o, 5.0), (squared, odds))


# --- Triangulation --------------------------------------------------------------------------------


@pytest.mark.parametrize("num_views", [2, 3, 4, 8])
def test_perfect_pixels_give_the_truth(num_views, scene) -> None:
    perfect = scene(num_views, 50, sigma_px=0.0)
    refined, shows = perfect.solve(steps=3)
    assert refined.valid.all()
    assert (shows > 0.9).all()
    torch.testing.assert_close(refined.points_world, perfect.truth, atol=1e-9, rtol=0)


def test_no_view_is_dropped_when_all_agree(scene) -> None:
    for num_views in (2, 3, 5):
        agreeing = scene(num_views, 2000)
        refined, shows = agreeing.solve()
        # Beyond four sigmas lies one observation in 3,000.
        assert (shows > 0.5).double().mean() > 0.999
        plain = agreeing.solve(outlier_share=torch.full(agreeing.shape, 1e-9).double())[0]
        typical = refined.covariance_m2.diagonal(dim1=-2, dim2=-1).sum(-1).median().sqrt()
        apart = (refined.points_world - plain.points_world).norm(dim=-1)
        assert apart.median() < 0.02 * typical


def test_a_wrong_view_of_five_does_not_count(scene) -> None:
    spoiled = scene(5)
    wrong = torch.arange(200) % 5
    spoiled.spoil(wrong)
    refined, shows = spoiled.solve()
    every = torch.arange(200)
    assert refined.valid.all()
    assert (shows[wrong, every] < 0.5).all()
    is_wrong = torch.zeros(spoiled.shape, dtype=torch.bool)
    is_wrong[wrong, every] = True
    assert (shows[~is_wrong] > 0.5).double().mean() > 0.995
    # As if the wrong view had not been there.
    without, _ = spoiled.solve(observed=~is_wrong)
    apart = (refined.points_world - without.points_world).norm(dim=-1)
    assert apart.quantile(0.95) < 1e-3
    assert errors(refined, spoiled).amax() < 0.03


def test_two_wrong_views_of_five(scene) -> None:
    spoiled = scene(5)
    first = torch.arange(200) % 5
    spoiled.spoil(first)
    spoiled.spoil((first + 2) % 5)
    refined, shows = spoiled.solve()
    every = torch.arange(200)
    assert (shows[first, every] < 0.5).double().mean() > 0.98
    assert errors(refined, spoiled).quantile(0.97) < 0.03


def test_one_wrong_view_of_three(scene) -> None:
    """Two views agree, and that is all there is to go by: it works off the epipolar lines."""
    spoiled = scene(3, 600)
    wrong = torch.arange(600) % 3
    spoiled.spoil(wrong, least_px=40.0)
    refined, shows = spoiled.solve()
    found = shows[wrong, torch.arange(600)] < 0.5
    assert found.double().mean() > 0.93
    assert errors(refined, spoiled).median() < 0.01
    assert errors(refined, spoiled)[found].quantile(0.98) < 0.05


def test_many_views_draw_their_pairs(scene) -> None:
    spoiled = scene(16, 60)
    assert 16 * 15 // 2 > MAX_PAIRS
    wrong = torch.arange(60) % 16
    for step in range(5):
        spoiled.spoil((wrong + 3 * step) % 16)
    # Some see little, and need not have been drawn.
    spoiled.observed[8:, :20] = False
    spoiled.observed[0:6, 20:40] = False
    refined, shows = spoiled.solve()
    assert refined.valid.all()
    assert errors(refined, spoiled).amax() < 0.05
    seen = spoiled.observed[wrong, torch.arange(60)]
    assert (shows[wrong, torch.arange(60)][seen] < 0.5).all()
    again, _ = spoiled.solve()
    assert torch.equal(again.points_world, refined.points_world)


def test_few_observers_among_many_views(scene) -> None:
    """The one pair that sees the point must be among the drawn ones."""
    sparse = scene(16, 100)
    sparse.observed[:] = False
    every = torch.arange(100)
    sparse.observed[every % 16, every] = True
    sparse.observed[(every + 5) % 16, every] = True
    refined, _ = sparse.solve()
    assert refined.valid.all()
    assert errors(refined, sparse).amax() < 0.05


def test_the_same_again_and_from_any_state(scene) -> None:
    spoiled = scene(14, 40)
    spoiled.spoil(torch.arange(40) % 14)
    first, shows = spoiled.solve()
    torch.manual_seed(123)
    torch.rand(5)
    state = torch.get_rng_state()
    second, again = spoiled.solve()
    assert torch.equal(first.points_world, second.points_world)
    assert torch.equal(shows, again)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_order_of_views_says_nothing(scene) -> None:
    spoiled = scene(5)
    spoiled.spoil(torch.arange(200) % 5)
    refined, shows = spoiled.solve()
    order = torch.tensor([3, 1, 4, 0, 2])
    permuted, again = spoiled.solve(
        points_px=spoiled.points_px[order], camera=spoiled.camera[order]
    )
    torch.testing.assert_close(permuted.points_world, refined.points_world, atol=1e-6, rtol=0)
    torch.testing.assert_close(again, shows[order], atol=1e-4, rtol=0)


def test_points_do_not_see_each_other(scene) -> None:
    spoiled = scene(5)
    spoiled.spoil(torch.arange(200) % 5)
    refined, _ = spoiled.solve()
    some = torch.tensor([17, 3, 150])
    alone, _ = spoiled.solve(
        points_px=spoiled.points_px[:, some],
        sigma_px=spoiled.sigma_px[:, some],
        outlier_share=spoiled.share[:, some],
        observed=spoiled.observed[:, some],
    )
    torch.testing.assert_close(alone.points_world, refined.points_world[some])


def test_a_moved_world_moves_the_points(scene, rigid_motion, seen_from) -> None:
    spoiled, motion = scene(5), rigid_motion()
    spoiled.spoil(torch.arange(200) % 5)
    here, shows = spoiled.solve()
    there, again = spoiled.solve(camera=seen_from(spoiled.camera, motion))
    torch.testing.assert_close(
        there.points_world, motion.apply(here.points_world), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(again, shows, atol=1e-4, rtol=0)


def test_unseen_points_are_masked_and_finite(scene) -> None:
    partial = scene(4, 4)
    partial.observed[:, 0] = False  # nobody
    partial.observed[1:, 1] = False  # one view
    partial.observed[2:, 2] = False  # two views
    partial.points_px[~partial.observed] = 0
    partial.points_px.requires_grad_()
    refined, shows = partial.solve()
    assert refined.valid.tolist() == [False, False, True, True]
    assert (shows[~partial.observed] == 0).all()
    refined.points_world.sum().backward()
    for tensor in (*vars(refined).values(), shows, partial.points_px.grad):
        assert torch.isfinite(tensor).all()
    assert not partial.points_px.grad[~partial.observed].any()
    assert partial.points_px.grad[:, 3].any()


def test_no_points(scene) -> None:
    refined, shows = scene(4, 0).solve()
    assert refined.points_world.shape == (0, 3)
    assert shows.shape == (4, 0)


def test_pixels_that_the_lens_cannot_show_do_not_count(scene) -> None:
    odd = scene(4, 20)
    odd.points_px[1] = 1e5  # the fisheye's image ends before
    assert not odd.camera.undistort(odd.points_px)[1][1].any()
    refined, shows = odd.solve()
    assert (shows[1] == 0).all()
    assert errors(refined, odd).amax() < 0.03


def test_gradients_are_those_of_the_converged_point(scene) -> None:
    spoiled = scene(4, 3)
    spoiled.spoil(torch.tensor([0, 1, 2]))
    pixels = spoiled.points_px.clone().requires_grad_()
    refined, _ = spoiled.solve(points_px=pixels, steps=6)
    (grad,) = torch.autograd.grad(refined.points_world.sum(), pixels)
    assert torch.isfinite(grad).all()
    for v in range(4):
        shifted = []
        for sign in (-1, 1):
            moved = spoiled.points_px.clone()
            moved[v, :, 0] += sign * 1e-3
            shifted.append(spoiled.solve(points_px=moved, steps=6)[0].points_world.sum(-1))
        difference = (shifted[1] - shifted[0]) / 2e-3
        torch.testing.assert_close(grad[v, :, 0], difference, rtol=0.02, atol=1e-6)


def test_gradients_reach_noise_and_cameras(scene) -> None:
    spoiled = scene(4, 5)
    spoiled.spoil(torch.arange(5) % 4)
    spoiled.observed[3, 2:] = False
    sigma_px = spoiled.sigma_px.clone().requires_grad_()
    share = spoiled.share.clone().requires_grad_()
    K = spoiled.camera.K.clone().requires_grad_()
    camera = Camera(K, spoiled.camera.lens, spoiled.camera.cam_from_world)
    refined, _ = spoiled.solve(sigma_px=sigma_px, outlier_share=share, camera=camera)
    refined.points_world.sum().backward()
    for leaf in (sigma_px, share, K):
        assert torch.isfinite(leaf.grad).all()
        assert leaf.grad.any()


def test_single_precision_follows(scene) -> None:
    spoiled = scene(5)
    spoiled.spoil(torch.arange(200) % 5)
    double, _ = spoiled.solve()
    single, shows = spoiled.solve(
        points_px=spoiled.points_px.float(),
        camera=spoiled.camera.to(torch.float32),
        sigma_px=spoiled.sigma_px.float(),
        outlier_share=spoiled.share.float(),
    )
    for name in ("points_world", "covariance_m2", "squared_px", "leverage_px2", "precision"):
        assert getattr(single, name).dtype == torch.float32
    assert shows.dtype == torch.float32
    apart = (single.points_world - double.points_world).norm(dim=-1)
    assert apart.quantile(0.99) < 1e-4
    assert errors(single, spoiled).amax() < 0.03


# --- How far views are from agreeing --------------------------------------------------------------


def test_disagreement_of_perfect_views_is_none(scene) -> None:
    perfect = scene(4, 20, sigma_px=0.0)
    perfect.observed[2:, 5] = False
    perfect.observed[:, 6] = False
    perfect.observed[1:, 7] = False
    disagreement2, num_views = pair_disagreement(
        perfect.points_px, perfect.camera, perfect.observed
    )
    assert num_views.tolist() == [4] * 5 + [2, 0, 1] + [4] * 12
    assert torch.isinf(disagreement2[[6, 7]]).all()
    assert (disagreement2[[n for n in range(20) if n not in (6, 7)]] < 1e-9).all()


def test_disagreement_is_that_of_the_agreeing_majority(scene) -> None:
    spoiled = scene(5, 300)
    first = torch.arange(300) % 5
    clean2, _ = pair_disagreement(spoiled.points_px, spoiled.camera, spoiled.observed)
    spoiled.spoil(first)
    spoiled.spoil((first + 2) % 5)
    wrong2, _ = pair_disagreement(spoiled.points_px, spoiled.camera, spoiled.observed)
    assert clean2.median() < 1
    assert wrong2.median() < 4
    # The middle one of three views at most stands one that is wrong.
    few = scene(3, 300)
    assert pair_disagreement(few.points_px, few.camera, few.observed)[0].median() < 1
