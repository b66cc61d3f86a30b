from __future__ import annotations

import copy
import math
from dataclasses import fields

import numpy as np
import pytest
import torch

from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid
from triangulate.models.algebraic import AlgebraicTriangulator, solve_views
from triangulate.models.backbone import PoseResNet, PoseUNet
from triangulate.models.views import map_cameras

BATCH, VIEWS, JOINTS = 3, 4, 5
MAP = (80, 48)  # of images of 160 x 96


@pytest.fixture
def truth() -> torch.Tensor:
    source = torch.Generator().manual_seed(1)
    drawn = torch.rand(BATCH, JOINTS, 3, generator=source, dtype=torch.float64)
    return drawn - torch.tensor([0.5, 0.5, 0.0]) + torch.tensor([0.0, 0.0, 0.3])


def seen_by(cameras: Camera, points_world: torch.Tensor) -> torch.Tensor:
    """(V,) cameras and (B, J, 3) -> (B, V, J, 2) map pixels."""
    of_maps = map_cameras(cameras, (160, 96), MAP)
    return (
        of_maps.project(points_world.flatten(0, 1))[0].unflatten(1, (BATCH, JOINTS)).movedim(1, 0)
    )


@pytest.fixture
def scene(small_rig, truth, recorded, numbered_images, gaussian_maps):
    """A rig with lenses, images, and a backbone that knows where the joints are."""
    cameras = small_rig(VIEWS)
    maps = gaussian_maps(seen_by(cameras, truth), *MAP, 1.5).float().flatten(0, 1) / 100
    confidence = torch.linspace(0.2, 0.9, BATCH * VIEWS * JOINTS).view(BATCH * VIEWS, JOINTS)
    return cameras, numbered_images(BATCH, VIEWS), recorded(maps, confidence), truth


# --- Parity ---------------------------------------------------------------------------------------


def test_the_published_network(parity) -> None:
    network = AlgebraicTriangulator(
        PoseResNet(17, depth=18, num_confidences=17), homogeneous_unit=1e-3, sampling="published"
    )
    network.load_state_dict(parity.weights("alg_r18"))
    images = torch.from_numpy(parity.inputs.images(2, 3, (128, 128)))
    found = network.predict(images, parity.cameras(3, (128, 128)), keep_maps=True)
    recorded = parity.arrays("alg_r18")
    off_mm = np.linalg.norm(1000 * found.points_world.numpy() - recorded["kp3d"], axis=-1)
    assert np.percentile(off_mm, 99) < 0.1
    assert found.valid.all()
    np.testing.assert_allclose(found.points_px, recorded["kp2d"], atol=1e-3)
    np.testing.assert_allclose(found.confidence, recorded["conf"], atol=1e-6)
    assert found.heatmaps is not None
    np.testing.assert_allclose(found.heatmaps[:, :, :2], recorded["heatmaps0"], atol=1e-5)


# --- What is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [None, 8])
def test_joints_are_found_where_they_are(scene, window: int | None) -> None:
    cameras, images, backbone, truth = scene
    network = AlgebraicTriangulator(backbone, window=window)
    found = network.predict(images, cameras)
    assert found.valid.all()
    assert float((found.points_world - truth).norm(dim=-1).max()) < 1e-3
    in_images = cameras.project(truth.flatten(0, 1))[0].unflatten(1, (BATCH, JOINTS)).movedim(1, 0)
    torch.testing.assert_close(found.points_px, in_images, atol=0.01, rtol=0)
    expected = backbone.confidence.detach().unflatten(0, (BATCH, VIEWS))
    torch.testing.assert_close(found.confidence, expected)
    assert found.heatmaps is None
    kept = network.predict(images, cameras, keep_maps=True).heatmaps
    assert kept is not None and kept.shape == (BATCH, VIEWS, JOINTS, MAP[1], MAP[0])
    torch.testing.assert_close(kept.sum((-2, -1)), torch.ones(BATCH, VIEWS, JOINTS))


def test_half_a_pixel_counts(scene) -> None:
    cameras, images, backbone, truth = scene
    found = AlgebraicTriangulator(backbone, sampling="published").predict(images, cameras)
    assert float((found.points_world - truth).norm(dim=-1).min()) > 2e-3
    torch.testing.assert_close(found.confidence.sum(1), torch.full((BATCH, JOINTS), 1 + 4e-5))


def test_cameras_of_each_moment(scene) -> None:
    cameras, images, backbone, _ = scene
    network = AlgebraicTriangulator(backbone)
    one = network.predict(images, cameras)
    each = network.predict(images, cameras.map(lambda field: field.expand(BATCH, *field.shape)))
    torch.testing.assert_close(each.points_world, one.points_world)


def test_the_order_of_views_does_not_matter(scene) -> None:
    cameras, images, backbone, _ = scene
    network, order = AlgebraicTriangulator(backbone), torch.tensor([2, 0, 3, 1])
    one, other = (
        network.predict(images, cameras),
        network.predict(images[:, order], cameras[order]),
    )
    torch.testing.assert_close(other.points_world, one.points_world)
    torch.testing.assert_close(other.covariance, one.covariance)
    torch.testing.assert_close(other.confidence, one.confidence[:, order])


def test_results_move_with_the_world(scene) -> None:
    cameras, images, backbone, _ = scene
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    moved_from_world = Rigid(turn * turn.det(), torch.tensor([3.0, -20.0, 7.0]).double())
    moved = Camera(cameras.K, cameras.lens, cameras.cam_from_world @ moved_from_world.inverse())
    network = AlgebraicTriangulator(backbone)
    one, other = network.predict(images, cameras), network.predict(images, moved)
    expected = moved_from_world.apply(one.points_world)
    torch.testing.assert_close(other.points_world, expected, atol=1e-8, rtol=0)
    turned = moved_from_world.rotation @ one.covariance @ moved_from_world.rotation.mT
    torch.testing.assert_close(other.covariance, turned, atol=1e-12, rtol=1e-6)


@pytest.mark.parametrize("learned", [True, False])
def test_what_stands_in_for_a_missing_view_does_not_matter(scene, learned: bool) -> None:
    cameras, images, backbone, _ = scene
    network = AlgebraicTriangulator(backbone, learned_confidences=learned)
    views = torch.ones(BATCH, VIEWS, dtype=torch.bool)
    views[0, 0] = views[1, 3] = False
    clean = network.predict(images, cameras, views=views, keep_maps=True)
    images = torch.where(views[..., None, None, None], images, torch.nan)
    each = cameras.map(lambda field: field.expand(BATCH, *field.shape))
    broken = torch.where(views[..., None, None], each.K, torch.nan)
    garbage = network.predict(
        images, Camera(broken, each.lens, each.cam_from_world), views=views, keep_maps=True
    )
    for field in fields(clean):
        torch.testing.assert_close(getattr(garbage, field.name), getattr(clean, field.name))
    assert not clean.confidence[~views].any() and clean.valid.all()
    three = network.predict(images[:1, 1:], cameras[1:])
    torch.testing.assert_close(three.points_world, clean.points_world[:1])


# --- Weights --------------------------------------------------------------------------------------


def test_a_wrong_view_of_little_confidence_hardly_counts(
    small_rig, truth, recorded, numbered_images, gaussian_maps
) -> None:
    cameras = small_rig(VIEWS)
    seen = seen_by(cameras, truth)
    seen[:, 0] += 10.0
    maps = gaussian_maps(seen, *MAP, 1.5).float().flatten(0, 1) / 100
    confidence = torch.full((BATCH, VIEWS, JOINTS), 0.8)
    confidence[:, 0] = 0.004
    images = numbered_images(BATCH, VIEWS)
    network = AlgebraicTriangulator(recorded(maps, confidence.flatten(0, 1)))
    weighted = network.predict(images, cameras)
    network.learned_confidences = False
    equal = network.predict(images, cameras)
    truth_error = [(found.points_world - truth).norm(dim=-1).mean() for found in (weighted, equal)]
    assert float(truth_error[0]) < 2e-3 < 0.1 < float(truth_error[1])
    assert bool((equal.confidence == 1).all())


def test_weights_by_the_variance_of_heatmaps(scene, gaussian_maps) -> None:
    cameras, images, backbone, truth = scene
    sigma = torch.full((BATCH, VIEWS, JOINTS), 1.0)
    sigma[:, 1] = 3.0
    backbone.heatmaps.data = (gaussian_maps(seen_by(cameras, truth), *MAP, sigma) / 100).flatten(
        0, 1
    )
    network = AlgebraicTriangulator(backbone, learned_confidences=False, fixed_weights="variance")
    confidence = network.predict(images, cameras).confidence
    ratio = confidence[:, 1] / confidence[:, 0]
    torch.testing.assert_close(ratio, torch.full_like(ratio, 1.125 / 9.125), rtol=0.05, atol=0)
    assert float(confidence.max()) <= 1


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e3])
def test_a_common_factor_of_confidences_does_not_matter(scene, scale: float) -> None:
    cameras, images, backbone, _ = scene
    network = AlgebraicTriangulator(backbone)
    one = network.predict(images, cameras)
    backbone.confidence.data *= scale
    other = network.predict(images, cameras)
    assert other.valid.all()
    torch.testing.assert_close(other.points_world, one.points_world)
    torch.testing.assert_close(other.covariance, one.covariance)


def test_learned_confidences_need_a_head() -> None:
    with pytest.raises(ValueError, match="num_confidences=17, got None"):
        AlgebraicTriangulator(PoseUNet(17))


# --- Unlucky data ---------------------------------------------------------------------------------


def gradients(network: AlgebraicTriangulator, *arguments: object) -> dict[str, torch.Tensor]:
    network.zero_grad()
    found = network(*arguments)
    (found.points_world.sum() + found.points_px.sum() + found.confidence.sum()).backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def check_finite(network: AlgebraicTriangulator, *arguments: object) -> torch.Tensor:
    found = network(*arguments)
    for field in fields(found):
        value = getattr(found, field.name)
        assert value is None or bool(value.isfinite().all()), field.name
    for name, grad in gradients(network, *arguments).items():
        assert bool(grad.isfinite().all()), name
    return found.valid


def test_no_confidence_at_all(scene) -> None:
    cameras, images, backbone, _ = scene
    backbone.confidence.data[:, 2] = 0
    valid = check_finite(AlgebraicTriangulator(backbone), images, cameras)
    assert valid.sum(0).tolist() == [3, 3, 0, 3, 3]


def test_cameras_in_one_place(scene) -> None:
    cameras, images, backbone, _ = scene
    valid = check_finite(AlgebraicTriangulator(backbone), images, cameras[[0, 0, 0, 0]])
    assert not valid.any()


def test_one_view(scene) -> None:
    cameras, images, backbone, _ = scene
    views = torch.zeros(BATCH, VIEWS, dtype=torch.bool)
    views[:, 1] = True
    network = AlgebraicTriangulator(backbone)
    assert not check_finite(network, images, cameras, views).any()
    assert not check_finite(network, images, cameras, torch.zeros_like(views)).any()
    assert not check_finite(network, images[:, :1], cameras[:1]).any()


def test_behind_a_camera(scene) -> None:
    cameras, images, backbone, _ = scene
    turned = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    back = Rigid(
        turned @ cameras.cam_from_world.rotation, cameras.cam_from_world.translation @ turned
    )
    away = Camera(cameras.K, cameras.lens, back)
    assert not check_finite(AlgebraicTriangulator(backbone), images, away).any()


def test_heatmaps_without_mass(scene) -> None:
    cameras, images, backbone, _ = scene
    backbone.heatmaps.data[1] = -1.0
    backbone.heatmaps.data[[0, 2, 3]] += 1.0
    network = AlgebraicTriangulator(backbone, normalise="relu")
    check_finite(network, images, cameras)
    assert not network(images, cameras).confidence[0, 1].any()


# --- Gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [None, 2])
def test_gradcheck_from_heatmaps_to_points(small_rig, gaussian_maps, window: int | None) -> None:
    cameras = map_cameras(small_rig(3), (160, 96), (20, 12)).map(lambda field: field[None])
    source = torch.Generator().manual_seed(0)
    middle = cameras.project(torch.tensor([[[0.0, 0.0, 1.0], [0.2, 0.1, 0.8]]]).double())[0]
    heatmaps = gaussian_maps(middle, 20, 12, 2.0)
    heatmaps = (heatmaps + 0.1 * torch.rand(heatmaps.shape, generator=source)).requires_grad_()
    weights = torch.rand(1, 3, 2, generator=source, dtype=torch.float64).requires_grad_()

    def points(maps: torch.Tensor, confidence: torch.Tensor) -> torch.Tensor:
        from triangulate.geometry.heatmap import soft_argmax_2d

        found, _ = soft_argmax_2d(maps, window=window)
        return solve_views(found, cameras, confidence, torch.ones_like(confidence))[0]

    assert bool((points(heatmaps, weights) != 0).any())
    assert torch.autograd.gradcheck(points, (heatmaps, weights), fast_mode=True)


def test_training_and_frozen_modes_come_back() -> None:
    network = AlgebraicTriangulator(PoseUNet(3, num_confidences=3))
    network.backbone.stem.eval()
    before = {name: module.training for name, module in network.named_modules()}
    state = copy.deepcopy(network.state_dict())
    images = torch.randn(1, 2, 3, 32, 48)
    cameras = Camera(
        torch.eye(3).expand(2, 3, 3),
        _no_lens(2),
        Rigid(torch.eye(3).expand(2, 3, 3), torch.eye(3)[:2]),
    )
    found = network.predict(images, cameras)
    assert not found.points_px.requires_grad
    assert {name: module.training for name, module in network.named_modules()} == before
    torch.testing.assert_close(network.state_dict(), state)


def _no_lens(count: int):
    from triangulate.geometry.lens import Lens

    return Lens.of("radtan", torch.zeros(count, 0))


def test_half_precision_stays_near(small_rig) -> None:
    torch.manual_seed(0)
    network = AlgebraicTriangulator(PoseUNet(JOINTS, num_confidences=JOINTS))
    images, cameras = torch.randn(2, VIEWS, 3, 96, 160), small_rig(VIEWS)
    exact = network.predict(images, cameras)
    with torch.autocast("cpu", torch.bfloat16):
        half = network.predict(images, cameras)
        loss = network(images, cameras).points_world.sum()
    loss.backward()
    assert half.points_world.dtype == torch.float64 and half.confidence.dtype == torch.float32
    assert float((half.points_px - exact.points_px).abs().max()) < 2.0
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)


# --- Fuzz -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [math.inf, 1e-3])
def test_ten_thousand_degenerate_batches(small_rig, unit: float) -> None:
    """Nothing is ever NaN or infinite, forward or backward, and nonsense is not valid."""
    count, joints = 10_000, 2
    source = torch.Generator().manual_seed(3)

    def lot(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=source, dtype=torch.float64)

    rig = small_rig(VIEWS)
    which = (4 * lot(count, VIEWS)).long()
    which = torch.where(lot(count, 1) < 0.3, which[:, :1], which)  # all in one place
    which = torch.where(lot(count, 1) < 0.3, torch.arange(VIEWS), which)
    cameras = rig[which]
    flip = torch.where(lot(count, VIEWS) < 0.2, -1.0, 1.0)[..., None, None]  # looks away
    turned = torch.cat(
        [
            cameras.cam_from_world.rotation[..., :1, :],
            flip * cameras.cam_from_world.rotation[..., 1:, :],
        ],
        -2,
    )
    shift = cameras.cam_from_world.translation * torch.cat(
        [torch.ones_like(flip[..., 0]), flip[..., 0], flip[..., 0]], -1
    )
    cameras = Camera(cameras.K, cameras.lens, Rigid(turned, shift))
    middle = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    points = cameras.project((middle + 0.3 * lot(count, 1, joints, 3)).expand(-1, VIEWS, -1, -1))[0]
    far = torch.where(
        lot(count, VIEWS, joints, 1) < 0.2, 10.0 ** (6 * lot(count, VIEWS, joints, 1)), 0.0
    )
    points = (points + far * (lot(*points.shape) - 0.5)).requires_grad_()
    confidence = lot(count, VIEWS, joints) * 10.0 ** -(20 * lot(count, VIEWS, joints)).floor()
    confidence = torch.where(lot(count, VIEWS, joints) < 0.3, 0.0, confidence).requires_grad_()
    variance = 10.0 ** (8 * lot(count, VIEWS, joints) - 4)
    found, valid, covariance = solve_views(points, cameras, confidence, variance, unit)
    assert bool(found.isfinite().all()) and bool(covariance.isfinite().all())
    assert 0.02 < float(valid.double().mean()) < 0.9
    assert not found[~valid].any() and not covariance[~valid].any()
    found.square().sum().sqrt().backward()
    assert points.grad is not None and bool(points.grad.isfinite().all())
    assert confidence.grad is not None and bool(confidence.grad.isfinite().all())
    assert not points.grad.transpose(1, 2)[~valid].any()
