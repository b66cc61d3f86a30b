from __future__ import annotations

import math
from dataclasses import fields
from itertools import combinations

import pytest
import torch

from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.rigid import Rigid
from triangulate.models.ransac import RansacTriangulator, consensus, highest_cells
from triangulate.models.views import map_cameras

BATCH, VIEWS, JOINTS = 3, 5, 4
MAP = (160, 96)  # as large as the images: a cell is a pixel


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=source, dtype=torch.float64)


def observed(cameras: Camera, wrong_share: float, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Points, their pixels with wrong ones, and which are wrong."""
    truth = draw(BATCH, JOINTS, 3, seed=seed) - torch.tensor([0.5, 0.5, -0.3])
    pixels = cameras.project(truth.flatten(0, 1))[0].unflatten(1, (BATCH, JOINTS)).movedim(1, 0)
    wrong = draw(BATCH, len(cameras.K), JOINTS, seed=seed + 1) < wrong_share
    shift = 60 * (draw(*pixels.shape, seed=seed + 2) - 0.5)
    noise = 2 * (draw(*pixels.shape, seed=seed + 3) - 0.5)
    return truth, pixels + noise + torch.where(wrong[..., None], shift, 0.0), wrong


def consensus_by_loops(
    points_px: torch.Tensor, cameras: Camera, there: torch.Tensor, threshold_px: float
) -> torch.Tensor:
    """The readable twin: pairs one after another, a strictly larger set replaces."""
    undistorted, _ = cameras.undistort(points_px)
    projections = cameras.projection()
    chosen = torch.zeros_like(there)
    for b in range(points_px.shape[0]):
        for j in range(points_px.shape[2]):
            best: set[int] = set()
            for pair in combinations(range(points_px.shape[1]), 2):
                if not all(there[b, v, j] for v in pair):
                    continue
                at = list(pair)
                point, valid = triangulate_dlt(
                    undistorted[b, at, j], projections[b, at], torch.ones(2).double(), math.inf
                )
                if not valid:
                    continue
                agree = set(pair)
                for v in range(points_px.shape[1]):
                    x, y, z = projections[b, v] @ torch.cat([point, torch.ones(1)])
                    off = torch.stack([x / z, y / z]) - undistorted[b, v, j]
                    if there[b, v, j] and z > 0 and off.norm() < threshold_px:
                        agree.add(v)
                if len(agree) > len(best):
                    best = agree
            chosen[b, sorted(best), j] = True
    return chosen


@pytest.mark.parametrize("wrong_share", [0.0, 0.3, 0.8])
def test_it_does_what_the_loops_do(small_rig, wrong_share: float) -> None:
    rig = small_rig(VIEWS)
    _, pixels, _ = observed(rig, wrong_share)
    cameras = rig.map(lambda field: field.expand(BATCH, *field.shape))
    there = draw(BATCH, VIEWS, JOINTS, seed=9) > 0.2
    found = consensus(pixels, cameras, there, 4.0)
    assert torch.equal(found, consensus_by_loops(pixels, cameras, there, 4.0))


def test_a_pair_always_agrees_with_its_point(small_rig) -> None:
    cameras = small_rig(2)[None]
    pixels = torch.tensor([[[[10.0, 5.0]], [[100.0, 90.0]]]]).double()
    assert consensus(pixels, cameras, torch.ones(1, 2, 1, dtype=torch.bool), 1e-3).all()


@pytest.mark.parametrize("num_views", [0, 1])
def test_too_few_views(small_rig, num_views: int) -> None:
    cameras = small_rig(3)[:num_views][None]
    there = torch.ones(1, num_views, 2, dtype=torch.bool)
    assert not consensus(torch.zeros(1, num_views, 2, 2).double(), cameras, there, 5.0).any()


def test_many_views_are_drawn_from(small_rig) -> None:
    rig = small_rig(20)
    _, pixels, wrong = observed(rig, 0.3)
    cameras = rig.map(lambda field: field.expand(BATCH, *field.shape))
    there = torch.ones_like(wrong)
    there[0, :17] = False  # the three that are left make three pairs, which must be among the drawn
    found = consensus(pixels, cameras, there, 4.0)
    assert not found[0, :17].any() and bool((found[0].sum(0) >= 2).all())
    assert float((found[1:] & wrong[1:]).double().mean()) < 0.05
    assert float(found[1:][~wrong[1:]].double().mean()) > 0.95


def test_the_highest_cell() -> None:
    heatmaps = torch.zeros(2, 3, 6, 9)
    heatmaps[..., 4, 7] = 1.0
    assert highest_cells(heatmaps).tolist() == [[[7.0, 4.0]] * 3] * 2


# --- The estimator --------------------------------------------------------------------------------


@pytest.fixture
def scene(small_rig, recorded, numbered_images, gaussian_maps):
    cameras = small_rig(VIEWS)
    truth, pixels, _ = observed(cameras, 0.0)
    pixels[:, 0] += torch.tensor([20.0, 15.0])  # one view is wrong throughout
    maps = gaussian_maps(pixels, *MAP, 2.0).float().flatten(0, 1) / 100
    return cameras, numbered_images(BATCH, VIEWS), recorded(maps), truth


@pytest.mark.parametrize("huber", [False, True])
def test_a_wrong_view_is_left_out(scene, huber: bool) -> None:
    cameras, images, backbone, truth = scene
    network = RansacTriangulator(backbone, threshold_px=5.0, huber=huber)
    found = network.predict(images, cameras, keep_maps=True)
    assert found.valid.all()
    assert not found.confidence[:, 0].any() and bool((found.confidence[:, 1:] == 1).all())
    assert float((found.points_world - truth).norm(dim=-1).max()) < 0.05  # a cell is 4 cm wide
    assert found.points_px.shape == (BATCH, VIEWS, JOINTS, 2)
    assert found.heatmaps is not None and found.heatmaps.shape[-2:] == (MAP[1], MAP[0])
    error = (found.points_world - truth)[..., None]
    nees = (error.mT @ torch.linalg.inv(found.covariance) @ error).mean()
    assert 0.5 < float(nees) < 10


def test_huber_finds_the_least_reprojection_error(scene) -> None:
    cameras, images, backbone, _ = scene
    plain, refined = (
        RansacTriangulator(backbone, threshold_px=5.0, huber=huber).predict(images, cameras)
        for huber in (False, True)
    )

    def mean_error(found) -> float:
        projected = cameras.project(found.points_world.flatten(0, 1))[0]
        projected = projected.unflatten(1, (BATCH, JOINTS)).movedim(1, 0)
        return float((projected - found.points_px)[:, 1:].square().sum(-1).mean())

    assert mean_error(refined) < mean_error(plain)


def test_the_threshold_is_in_pixels_of_the_images(
    small_rig, recorded, numbered_images, gaussian_maps
) -> None:
    cameras = small_rig(VIEWS)
    _, pixels, _ = observed(cameras, 0.0)
    pixels[:, 0] += torch.tensor([12.0, 0.0])
    of_maps = map_cameras(cameras, (160, 96), (40, 24))
    in_maps = pixels @ (of_maps.K[:, :2, :2] @ torch.linalg.inv(cameras.K)[:, :2, :2]).mT - 0.375
    backbone = recorded(gaussian_maps(in_maps, 40, 24, 2.0).float().flatten(0, 1))
    images = numbered_images(BATCH, VIEWS)
    share = [
        float(
            RansacTriangulator(backbone, threshold_px=threshold_px)
            .predict(images, cameras)
            .confidence[:, 0]
            .mean()
        )
        for threshold_px in (5.0, 40.0)
    ]
    assert share[0] < 0.2 and share[1] == 1.0


def test_what_stands_in_for_a_missing_view_does_not_matter(scene) -> None:
    cameras, images, backbone, _ = scene
    network = RansacTriangulator(backbone, threshold_px=5.0)
    views = torch.ones(BATCH, VIEWS, dtype=torch.bool)
    views[0, 1] = views[2, 4] = False
    clean = network.predict(images, cameras, views=views)
    garbage = network.predict(
        torch.where(views[..., None, None, None], images, torch.nan), cameras, views=views
    )
    for field in fields(clean):
        torch.testing.assert_close(getattr(garbage, field.name), getattr(clean, field.name))
    assert not clean.confidence[~views].any()


def test_unlucky_data_is_not_valid(scene) -> None:
    cameras, images, backbone, _ = scene
    network = RansacTriangulator(backbone)
    turned = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    back = Rigid(
        turned @ cameras.cam_from_world.rotation, cameras.cam_from_world.translation @ turned
    )
    nothing = torch.zeros(BATCH, VIEWS, dtype=torch.bool)
    for found in (
        network(images, cameras[[0] * VIEWS]),
        network(images, Camera(cameras.K, cameras.lens, back)),
        network(images, cameras, nothing),
        network(images[:, :1], cameras[:1]),
    ):
        assert not found.valid.any() and not found.points_world.any()
        assert not found.covariance.any() and not found.confidence.any()
        assert bool(found.points_px.isfinite().all())


def test_ten_thousand_degenerate_batches(small_rig) -> None:
    count, rig = 10_000, small_rig(4)
    which = (4 * draw(count, 4)).long()
    which = torch.where(draw(count, 1, seed=2) < 0.3, which[:, :1], which)
    cameras = rig[which]
    size = 10.0 ** (6 * draw(count, 4, 1, 1, seed=3))
    pixels = torch.where(draw(count, 4, 1, 1, seed=4) < 0.3, size, 80.0) * draw(
        count, 4, 1, 2, seed=5
    )
    there = draw(count, 4, 1, seed=6) < 0.7
    agree = consensus(pixels, cameras, there, 10.0)
    assert not (agree & ~there).any()
    assert set(agree.sum(1).unique().tolist()) <= {0, 2, 3, 4}
    network = RansacTriangulator(torch.nn.Module(), huber=True)  # type: ignore[arg-type]
    some = slice(500)  # the refinement is slow, and its arithmetic tested elsewhere
    for found in network._solve(pixels[some], cameras[some], there[some].any(-1), 0.5):
        assert bool(found.isfinite().all())
