from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.models import load
from triangulate.models.prediction import Prediction
from triangulate.models.view_weights import ViewWeights
from triangulate.models.weights import read_header
from triangulate.skeleton import Skeleton
from triangulate.synthetic import ring_rig
from triangulate.synthetic.detections import Detections, Sides, detect
from triangulate.synthetic.draws import seeded
from triangulate.synthetic.habits import Habits
from triangulate.synthetic.motion import walk
from triangulate.synthetic.viewpoints import random_cameras

BATCH, VIEWS = 20, 4


def made_up(seed: int = 0, num_views: int = VIEWS, batch: int = BATCH, **habits) -> Detections:
    points = torch.from_numpy(walk(seeded(seed), batch).positions_m)
    cameras = random_cameras(points, num_views, seeded(seed + 1))
    habits = {"sigma": 0.02, "wrong_joints": 0.05, "wrong_views": 0.2, "width": 0.04} | habits
    kind = Habits.constant(batch, **habits)
    return detect(points, cameras, Sides.of(Skeleton.named("h36m17")), seeded(seed + 2), kind)


def run(network: ViewWeights, scenes: Detections, **changes) -> Prediction:
    given = {
        "points_px": scenes.points_px,
        "score": scenes.score,
        "cameras": scenes.cameras,
        "observed": scenes.observed,
    }
    with torch.no_grad():
        return network(**(given | changes))


def errors_m(found: Prediction, scenes: Detections) -> Tensor:
    return (found.points_world - scenes.points_world).norm(dim=-1)


@pytest.fixture(scope="module")
def network() -> ViewWeights:
    return load("view_weights")


@pytest.fixture(scope="module")
def scenes() -> Detections:
    return made_up()


# --- What it is for -------------------------------------------------------------------------------


def test_it_leaves_wrong_views_out(network) -> None:
    scenes = made_up(sigma=0.005, wrong_joints=0.0, wrong_views=0.0, known=0.0)
    spoilt = scenes.points_px.clone()
    spoilt[:, 1, 3:9] += 30
    clean = errors_m(run(network, scenes), scenes)
    found = run(network, scenes, points_px=spoilt)
    assert (found.confidence[:, 1, 3:9] < 0.1).double().mean() > 0.9
    assert errors_m(found, scenes).median() < 1.3 * clean.median()
    plain, _, _ = _solve_plainly(scenes, spoilt)
    assert errors_m(found, scenes).mean() < 0.5 * (plain - scenes.points_world).norm(dim=-1).mean()


def _solve_plainly(scenes: Detections, points_px: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    from triangulate.models.view_rays import Views

    views = Views.of(points_px, scenes.observed, scenes.cameras)
    return views.solve(views.seen)


def test_without_training_all_views_weigh_the_same(scenes) -> None:
    torch.manual_seed(0)
    found = run(ViewWeights().eval(), scenes)
    assert (found.confidence[scenes.observed] == 1).all()
    plain, _, _ = _solve_plainly(scenes, scenes.points_px)
    assert (found.points_world - plain).norm(dim=-1).median() < 0.01


def test_views_from_two_to_sixteen_and_any_joints(network) -> None:
    for num_views in (2, 3, 8, 16):
        scenes = made_up(num_views=num_views, batch=4)
        found = run(network, scenes)
        assert found.points_world.shape == (4, 17, 3)
        assert found.confidence.shape == (4, num_views, 17)
        assert found.valid.all()
        assert errors_m(found, scenes).median() < 0.2
        one = replace(
            scenes,
            points_px=scenes.points_px[:, :, :1],
            score=scenes.score[:, :, :1],
            observed=scenes.observed[:, :, :1],
        )
        assert torch.isfinite(run(network, one).points_world).all()


def test_more_views_are_better(network) -> None:
    means = [
        float(
            errors_m(
                run(network, made_up(num_views=v, batch=60)), made_up(num_views=v, batch=60)
            ).mean()
        )
        for v in (3, 5, 8)
    ]
    assert means[0] > means[1] > means[2]


def test_heatmaps_that_know_help(network) -> None:
    scenes = made_up(batch=200, known=0.0, wrong_joints=0.15, wrong_views=0.0)
    off = scenes.cameras.project(scenes.points_world[:, None])[0] - scenes.points_px
    off_px = off.norm(dim=-1)
    maps = torch.stack([1 + off_px, 1 / (1 + off_px), off_px / (5 + off_px)], dim=-1)
    without = errors_m(run(network, scenes), scenes).mean()
    assert errors_m(run(network, scenes, map_features=maps), scenes).mean() < 0.8 * without


@pytest.mark.slow
def test_the_covariance_covers(network) -> None:
    for habits in ({}, {"sigma": 0.005}, {"sigma": 0.04, "known": 0.5}):
        scenes = made_up(batch=120, **habits)
        found = run(network, scenes)
        offset = (found.points_world - scenes.points_world)[..., None]
        nees = (offset.mT @ torch.linalg.solve(found.covariance, offset))[..., 0, 0]
        assert 0.8 < (nees < 7.8147).double().mean() <= 1
        assert 0.4 < nees.median() / 2.366 < 1.9


# --- What does not matter -------------------------------------------------------------------------


def test_views_and_joints_have_no_order(network, scenes) -> None:
    views, joints = torch.tensor([2, 0, 3, 1]), torch.randperm(17, generator=seeded(0))
    found = run(network, scenes)
    shuffled = run(
        network,
        scenes,
        points_px=scenes.points_px[:, views][:, :, joints],
        score=scenes.score[:, views][:, :, joints],
        observed=scenes.observed[:, views][:, :, joints],
        cameras=scenes.cameras[:, views],
    )
    torch.testing.assert_close(
        shuffled.points_world, found.points_world[:, joints], rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        shuffled.confidence, found.confidence[:, views][:, :, joints], rtol=1e-3, atol=1e-4
    )


def test_the_worlds_frame_does_not_matter(network, scenes) -> None:
    turn = rotation_from_vector(torch.tensor([0.4, -2.0, 1.1], dtype=torch.float64))
    moved_from_world = Rigid(turn, torch.tensor([100.0, -40.0, 7.0], dtype=torch.float64))
    posed = scenes.cameras.cam_from_world @ moved_from_world.inverse()
    found = run(network, scenes)
    moved = run(network, scenes, cameras=replace(scenes.cameras, cam_from_world=posed))
    expected = moved_from_world.apply(found.points_world.flatten(0, 1)).unflatten(0, (BATCH, 17))
    torch.testing.assert_close(moved.points_world, expected, rtol=0, atol=1e-4)
    turned = turn @ found.covariance @ turn.mT
    torch.testing.assert_close(moved.covariance, turned, rtol=1e-2, atol=1e-7)


@pytest.mark.parametrize("scale", [0.02, 50.0])
def test_neither_the_unit_nor_the_resolution_matters(network, scenes, scale: float) -> None:
    posed = scenes.cameras.cam_from_world
    small = Rigid(posed.rotation, scale * posed.translation)
    found = run(network, scenes)
    again = run(
        network,
        scenes,
        cameras=replace(scenes.cameras, cam_from_world=small).resized(17.0),
        points_px=17 * (scenes.points_px + 0.5) - 0.5,
    )
    torch.testing.assert_close(again.points_world / scale, found.points_world, rtol=0, atol=1e-4)
    torch.testing.assert_close(again.covariance / scale**2, found.covariance, rtol=1e-2, atol=1e-7)


def test_scenes_of_a_batch_do_not_see_each_other(network, scenes) -> None:
    found = run(network, scenes)
    alone = run(
        network,
        scenes,
        points_px=scenes.points_px[3:4],
        score=scenes.score[3:4],
        observed=scenes.observed[3:4],
        cameras=scenes.cameras[3:4],
    )
    torch.testing.assert_close(alone.points_world[0], found.points_world[3], rtol=0, atol=1e-5)


def test_one_rig_for_all_is_the_rig_of_each(network) -> None:
    cameras = ring_rig(seeded(0), 4, lens="mixed").cameras
    pixels = _seen_by(cameras, sigma_px=3.0)
    score = torch.rand(pixels.shape[:-1], generator=seeded(5), dtype=torch.float64)
    repeated = cameras.map(lambda values: values.expand(len(pixels), *values.shape))
    with torch.no_grad():
        shared, own = network(pixels, score, cameras), network(pixels, score, repeated)
    torch.testing.assert_close(shared.points_world, own.points_world, rtol=0, atol=1e-6)
    torch.testing.assert_close(shared.covariance, own.covariance, rtol=1e-3, atol=1e-9)


def test_garbage_in_a_missing_view_changes_nothing(network, scenes) -> None:
    observed = scenes.observed.clone()
    observed[:, 2] = False
    found = run(network, scenes, observed=observed)
    points_px, score = scenes.points_px.clone(), scenes.score.clone()
    points_px[:, 2], score[:, 2] = torch.nan, 0.97
    again = run(network, scenes, points_px=points_px, score=score, observed=observed)
    torch.testing.assert_close(again.points_world, found.points_world)
    assert (again.confidence[:, 2] == 0).all()
    absent = [0, 1, 3]
    without = run(
        network,
        scenes,
        points_px=scenes.points_px[:, absent],
        score=scenes.score[:, absent],
        observed=scenes.observed[:, absent],
        cameras=scenes.cameras[:, absent],
    )
    torch.testing.assert_close(without.points_world, found.points_world, rtol=0, atol=1e-5)


def test_nan_and_score_zero_are_not_seen(network, scenes) -> None:
    observed = scenes.observed.clone()
    observed[:, 1, 4] = False
    expected = run(network, scenes, observed=observed)
    by_nan, by_score = scenes.points_px.clone(), scenes.score.clone()
    by_nan[:, 1, 4], by_score[:, 1, 4] = torch.nan, 0
    for changes in ({"points_px": by_nan}, {"score": by_score}):
        found = run(network, scenes, **changes)
        torch.testing.assert_close(found.points_world, expected.points_world)


# --- Geometry -------------------------------------------------------------------------------------


def _seen_by(cameras: Camera, sigma_px: float = 0.0) -> Tensor:
    truth = torch.from_numpy(walk(seeded(0), 5, half_length_m=0.5).positions_m)
    pixels, _ = cameras.project(truth.flatten(0, 1))
    pixels = pixels.unflatten(1, truth.shape[:2]).movedim(1, 0)
    noise = torch.randn(pixels.shape, generator=seeded(4), dtype=torch.float64)
    return pixels + sigma_px * noise


@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
def test_perfect_detections_give_the_points(network, lens: str) -> None:
    cameras = ring_rig(seeded(0), 4, lens=lens).cameras
    truth = torch.from_numpy(walk(seeded(0), 5, half_length_m=0.5).positions_m)
    with torch.no_grad():
        found = network(_seen_by(cameras), torch.ones(5, 4, 17), cameras)
    assert found.valid.all()
    torch.testing.assert_close(found.points_world, truth, rtol=0, atol=1e-6)


def test_the_points_are_those_of_least_squares_in_the_distorted_image(network) -> None:
    """But for the prior, no small step makes the weighted reprojection error smaller."""
    cameras = ring_rig(seeded(0), 5, lens="radtan").cameras
    pixels = _seen_by(cameras, sigma_px=4.0)
    without_prior = {
        "leaning.out.weight": torch.zeros_like(network.leaning.out.weight),
        "leaning.out.bias": torch.full_like(network.leaning.out.bias, -60.0),
    }
    given = (pixels, torch.ones(pixels.shape[:-1]), cameras)
    with torch.no_grad():
        found = torch.func.functional_call(network, without_prior, given)
    points = found.points_world.flatten(0, 1).requires_grad_()
    projected, _ = cameras.project(points)
    depth = cameras.cam_from_world.apply(points)[..., 2].detach()
    weights = found.confidence.movedim(1, 0).flatten(1) * depth.square()
    squared = (projected - pixels.movedim(1, 0).flatten(1, 2)).square().sum(-1)
    (weights * squared).sum().backward()
    scale = (weights * squared).sum(0).detach()
    step_m = (points.grad.norm(dim=-1) / scale) * 1e-3
    assert step_m.max() < 0.01  # a millimetre's step changes the sum by less than a hundredth


def test_what_leaves_the_point_open_is_not_valid_but_finite(network) -> None:
    cameras = ring_rig(seeded(0), 3).cameras
    same = cameras[torch.tensor([0, 0, 0])]
    pixels = torch.full((2, 3, 4, 2), 300.0, dtype=torch.float64)
    with torch.no_grad():
        found = network(pixels, torch.ones(2, 3, 4), same)
        nothing = network(pixels, torch.zeros(2, 3, 4), cameras)
        single = network(
            pixels,
            torch.ones(2, 3, 4),
            cameras,
            torch.tensor([True, False, False])[:, None].expand(2, 3, 4),
        )
    for each in (found, nothing, single):
        assert not each.valid.any()
        assert (each.points_world == 0).all()
        assert torch.isfinite(each.covariance).all() and torch.isfinite(each.confidence).all()


@pytest.mark.slow
def test_degenerate_batches_have_finite_results_and_gradients() -> None:
    torch.manual_seed(0)
    network = ViewWeights(channels=8, layers=1, passes=2)
    for head in (each.weigh for each in network.rounds):
        torch.nn.init.normal_(head.weight)
    generator = seeded(0)
    for number in range(40):
        scenes = made_up(seed=number, batch=250, num_views=3 + number % 3)
        points_px = scenes.points_px.clone()
        kind = torch.randint(6, (250,), generator=generator)
        points_px[kind == 0] = 1e6
        points_px[kind == 1] = 0
        score = scenes.score.clone()
        score[kind == 2] = 0
        observed = scenes.observed & (torch.rand(score.shape, generator=generator) < 0.6)
        centres = torch.where((kind == 3)[:, None], 0, torch.arange(score.shape[1]))
        cameras = scenes.cameras[torch.arange(250)[:, None], centres]
        turned = cameras.cam_from_world.rotation.clone()
        turned[kind == 4, 0] = -turned[kind == 4, 0]
        turned[kind == 4, 0, 0] = -turned[kind == 4, 0, 0]
        cameras = replace(cameras, cam_from_world=Rigid(turned, cameras.cam_from_world.translation))
        network.zero_grad()
        found, earlier = network.in_passes(points_px, score, cameras, observed)
        total = sum(
            (points.square().sum() for points in earlier), found.points_world.square().sum()
        )
        (total + found.covariance.sum() + found.confidence.sum()).backward()
        values = [found.points_world, found.covariance, found.confidence, *earlier]
        values += [p.grad for p in network.parameters() if p.grad is not None]
        assert all(torch.isfinite(value).all() for value in values)


def test_gradcheck_through_weights_and_points() -> None:
    torch.manual_seed(0)
    network = ViewWeights(channels=4, layers=1, passes=1).double()
    scenes = made_up(batch=1)
    torch.nn.init.normal_(network.rounds[0].weigh.weight, std=0.5)
    head = network.rounds[0].weigh
    bias = torch.zeros(4, dtype=torch.float64)[None].requires_grad_()

    def points(weight: Tensor) -> Tensor:
        changed = {"rounds.0.weigh.weight": head.weight + weight}
        given = (scenes.points_px, scenes.score, scenes.cameras, scenes.observed)
        return torch.func.functional_call(network, changed, given).points_world

    assert torch.autograd.gradcheck(points, (bias,), eps=1e-5, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("points_px", lambda s: {"points_px": s.points_px[..., :1]}),
        ("score", lambda s: {"score": s.score[:, :2]}),
        ("observed", lambda s: {"observed": s.observed[..., :3]}),
        ("cameras", lambda s: {"cameras": s.cameras[:3]}),
    ],
)
def test_wrong_shapes_are_named(network, scenes, name: str, change) -> None:
    with pytest.raises(ValueError, match=f"{name} must have"):
        run(network, scenes, **change(scenes))


# --- What ships -----------------------------------------------------------------------------------


def test_the_shipped_file_is_small_and_says_what_it_is() -> None:
    header = read_header("view_weights")
    assert header.num_bytes < 1_000_000
    assert header.num_parameters < 200_000
    assert header.card.summary and header.card.data and header.card.command and header.card.limits
    assert header.path.with_suffix(".md").is_file()


REACHED_MM = {  # a little above what was measured, and no more than a study reached
    "base": 43.5,
    "clean": 28.9,
    "noisy": 102.0,
    "uninformative_score": 49.5,
    "score_cubed": 44.2,
    "precise": 10.5,
    "base_8views": 24.0,
}


@pytest.mark.parametrize("model", REACHED_MM)
def test_kinds_of_detector_noise(network, shared, model: str) -> None:
    """On people, rigs and noise that it was not trained on."""
    from tools.bench._made_up_noise import errors_mm, load_noise
    from tools.bench._weighing_methods import learned

    scenes = load_noise(shared.bench / "networks" / "detector_noise.npz", model)
    distance = errors_mm(lambda *given: learned(network, *given), scenes)
    assert distance.mean() <= REACHED_MM[model]


class Counting(TorchDispatchMode):
    """Counts operations on tensors."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_more_frames_take_no_more_operations(network) -> None:
    """No loop over the batch."""
    cameras = ring_rig(seeded(0), 4).cameras
    counts = []
    for repeats in (1, 20):
        pixels = _seen_by(cameras, 2.0).repeat(repeats, 1, 1, 1)
        with torch.no_grad(), Counting() as counting:
            network(pixels, torch.ones(pixels.shape[:-1]), cameras)
        counts.append(counting.count)
    assert counts[0] == counts[1] > 100
