from __future__ import annotations

import torch

from triangulate.geometry.robust import MAX_PAIRS
from triangulate.models.view_pairs import CUTOFF2, Pairs, best_points
from triangulate.models.view_rays import Views
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded


def seen_by_ring(num_views: int = 5, sigma_px: float = 0.0, joints: int = 6):
    """Views of points of a ring of cameras, and the points."""
    cameras = ring_rig(seeded(0), num_views).cameras
    truth = 0.3 * torch.randn(2, joints, 3, generator=seeded(1), dtype=torch.float64)
    truth[..., 2] += 1
    pixels, _ = cameras.project(truth.flatten(0, 1))
    pixels = pixels.unflatten(1, (2, joints)).movedim(1, 0)
    noise = torch.randn(pixels.shape, generator=seeded(2), dtype=torch.float64)
    return pixels + sigma_px * noise, cameras, truth


def views_of(pixels, cameras, observed=None) -> Views:
    given = torch.ones(pixels.shape[:3], dtype=torch.bool) if observed is None else observed
    return Views.of(pixels, given, cameras[None])


def test_pairs_of_perfect_views_meet_in_the_points() -> None:
    pixels, cameras, truth = seen_by_ring()
    pairs = Pairs.of(views_of(pixels, cameras))
    assert len(pairs.first) == 10
    assert pairs.valid.all()
    torch.testing.assert_close(pairs.points, truth[:, None].expand(2, 10, 6, 3))
    assert pairs.squared.amax() < 1e-12


def test_the_scale_is_that_of_the_noise_and_stands_a_wrong_view() -> None:
    pixels, cameras, _ = seen_by_ring(sigma_px=2.0, joints=40)
    metres_a_pixel = 4.5 / float(cameras.K[..., 0, 0].mean())
    none = torch.zeros(2, dtype=torch.float64)
    clean = views_of(pixels, cameras)
    scale = Pairs.of(clean).scale_m(clean.seen, none)
    assert (0.3 < scale / (2 * metres_a_pixel)).all() and (scale / (2 * metres_a_pixel) < 1.5).all()
    pixels[:, 0] += 200
    spoilt = views_of(pixels, cameras)
    assert (Pairs.of(spoilt).scale_m(spoilt.seen, none) < 2 * scale).all()
    floor = torch.full((2,), 7.0, dtype=torch.float64)
    assert torch.equal(Pairs.of(clean).scale_m(clean.seen, floor), floor)


def test_a_wrong_view_is_far_from_the_others_and_spoils_its_pairs() -> None:
    pixels, cameras, truth = seen_by_ring(sigma_px=0.5)
    pixels[:, 1] += 80.0
    views = views_of(pixels, cameras)
    pairs = Pairs.of(views)
    number = views.seen.sum(1)
    unit = torch.full((2, 1, 1), 0.01, dtype=torch.float64)
    cost = (pairs.squared / unit[:, None].square()).clamp_max(CUTOFF2) / CUTOFF2
    alone, rest = pairs.without(cost, number)
    assert (alone.argmax(1) == 1).all()
    assert (alone[:, 1] > 0.2).all()
    assert (rest[:, 1] < 0.1).all()  # the others agree without it,
    assert (rest[:, 0] > 0.2).all()  # and not with it
    assert (pairs.with_view(cost, number).argmax(1) == 1).all()
    assert (pairs.meeting(number, unit).argmin(1) == 1).all()
    nowhere = torch.full_like(truth, 9.0)
    _, refitted = best_points(views, pairs, cost, unit, nowhere)
    assert (refitted - truth).norm(dim=-1).amax() < 0.02


def test_two_views_have_no_others() -> None:
    pixels, cameras, _ = seen_by_ring(2)
    views = views_of(pixels, cameras)
    pairs = Pairs.of(views)
    alone, rest = pairs.without(pairs.squared, views.seen.sum(1))
    assert (alone == 0).all() and (rest == 1).all()


def test_a_joint_without_a_pair_gets_the_point_it_is_given() -> None:
    pixels, cameras, truth = seen_by_ring(3)
    observed = torch.ones(2, 3, 6, dtype=torch.bool)
    observed[:, 1:, 0] = False
    views = views_of(pixels, cameras, observed)
    pairs = Pairs.of(views)
    unit = torch.ones(2, 1, 1, dtype=torch.float64)
    nowhere = torch.full_like(truth, 9.0)
    best, refitted = best_points(views, pairs, pairs.squared, unit, nowhere)
    assert (best[:, 0] == 9).all() and (refitted[:, 0] == 9).all()
    torch.testing.assert_close(refitted[:, 1:], truth[:, 1:])


def test_of_many_views_some_pairs_are_taken_and_every_view_is_in_one() -> None:
    pixels, cameras, truth = seen_by_ring(20)
    pairs = Pairs.of(views_of(pixels, cameras))
    assert len(pairs.first) == MAX_PAIRS
    assert set(pairs.first.tolist()) | set(pairs.second.tolist()) == set(range(20))
    torch.testing.assert_close(pairs.points[:, 5], truth)
