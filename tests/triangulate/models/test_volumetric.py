from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from triangulate.errors import InputError
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import rotation_from_vector
from triangulate.models.backbone import PoseResNet
from triangulate.models.v2v import V2V
from triangulate.models.volumetric import VolumetricTriangulator

JOINTS, CHANNELS = 4, 3
WIDTH, HEIGHT = 40, 24


@pytest.fixture
def moment(small_rig, gaussian_maps, recorded, numbered_images):
    """A backbone that sees the joints of some moments, images for it, cameras and the joints.

    The features are the heatmaps of the first joints.
    """

    def make(batch: int = 2, num_views: int = 3, confidences: int | None = None):
        cameras = small_rig(num_views, "radtan")
        source = torch.Generator().manual_seed(1)
        truth = torch.rand(batch, JOINTS, 3, generator=source, dtype=torch.float64) - 0.5
        truth = truth + torch.tensor([0.0, 0.0, 0.95])
        both = cameras.resized(0.25).map(lambda field: field.expand(batch, *field.shape))
        points_px, _ = both.project(truth[:, None])
        maps = gaussian_maps(points_px, WIDTH, HEIGHT, 1.0).float().flatten(0, 1)
        sure = None
        if confidences:
            sure = torch.rand(batch * num_views, confidences, generator=source)
        backbone = recorded(maps / 100, sure, maps[:, :CHANNELS].exp())
        return backbone, numbered_images(batch, num_views), cameras, truth

    return make


def network(backbone: nn.Module, **options) -> VolumetricTriangulator:
    """Small, and one that passes the first channels on where it has no network."""
    torch.manual_seed(0)
    if "volume_net" not in options and options.get("aggregation") != "logsum":
        options["volume_net"] = V2V(2, JOINTS, channels=(4, 6), front_kernel=3)
    net = VolumetricTriangulator(backbone, channels=2, size=options.pop("size", 8), **options)
    return net.eval()


def test_as_published(parity) -> None:
    net = VolumetricTriangulator(
        PoseResNet(17, depth=18),
        size=32,
        volume_multiplier=100.0,
        centre_joints=(6,),
        sampling="published",
    ).eval()
    shapes = {name: list(tensor.shape) for name, tensor in net.state_dict().items()}
    assert shapes == parity.shapes("vol_r18")
    net.load_state_dict(parity.weights("vol_r18"))
    recorded = parity.arrays("vol_softmax_r18")
    cameras = parity.cameras(3, (128, 128))
    images = torch.from_numpy(parity.inputs.images(2, 3, (128, 128)))
    centre = torch.from_numpy(recorded["base"]).double() / 1000
    found = net.predict(images, cameras, centre_world=centre, keep_maps=True)
    off_mm = (1000 * found.points_world - torch.from_numpy(recorded["kp3d"])).norm(dim=-1)
    assert off_mm.quantile(0.99) < 0.1
    assert off_mm.median() < 0.03
    np.testing.assert_allclose(found.volume[:, :1], recorded["volumes0"], atol=1e-5)
    corners_mm = 1000 * found.grid_world[:, ::31, ::31, ::31]
    np.testing.assert_allclose(corners_mm, recorded["coord_corner"], atol=1e-2)
    assert found.valid.all()


@pytest.mark.parametrize("name", ["vol", "vol_conf", "vol_conf_r18"])
def test_names_as_published(parity, name) -> None:
    depth = 18 if name.endswith("r18") else 152
    aggregation = "conf" if "conf" in name else "softmax"
    with torch.device("meta"):
        backbone = PoseResNet(17, depth=depth, num_confidences=32 if "conf" in name else None)
        net = VolumetricTriangulator(backbone, aggregation=aggregation)
    shapes = {name: list(tensor.shape) for name, tensor in net.state_dict().items()}
    assert shapes == parity.shapes(name)


@pytest.mark.parametrize(
    "aggregation", ["sum", "mean", "max", "softmax", "conf", "conf_norm", "logsum"]
)
def test_all_aggregations(moment, aggregation) -> None:
    by_channel = 2 if aggregation.startswith("conf") else None
    backbone, images, cameras, _ = moment(confidences=by_channel)
    net = network(backbone, aggregation=aggregation).train()
    found = net(images, cameras, keep_maps=True)
    assert found.points_world.shape == (2, JOINTS, 3)
    assert found.confidence.shape == (2, 3, JOINTS)
    assert found.volume.shape == (2, JOINTS, 8, 8, 8)
    found.points_world.sum().backward()
    for name, parameter in net.named_parameters():
        if parameter.grad is not None:
            assert torch.isfinite(parameter.grad).all(), name
    if aggregation != "logsum":
        assert net.process_features[0].weight.grad.any()
    if by_channel:
        assert backbone.confidence.grad.any()


def test_logsum_gives_the_joints_at_once(moment) -> None:
    backbone, images, cameras, truth = moment()
    found = network(backbone, aggregation="logsum", size=32).predict(images, cameras)
    assert found.valid.all()
    assert (found.points_world - truth).norm(dim=-1).max() < 0.02
    both = cameras.map(lambda field: field.expand(2, *field.shape))
    expected_px, _ = both.project(truth[:, None])  # in the pixels of the images
    torch.testing.assert_close(found.points_px, expected_px, atol=0.3, rtol=0)


def test_the_cube_is_where_it_is_told_to_be(moment) -> None:
    backbone, images, cameras, truth = moment()
    net = network(backbone, centre_joints=(1, 2))

    def middle(**options) -> Tensor:
        found = net.predict(images, cameras, keep_maps=True, **options)
        return found.grid_world.mean((1, 2, 3))

    torch.testing.assert_close(middle(), truth[:, 1:3].mean(1), atol=0.02, rtol=0)
    given = torch.rand(2, 3).double()
    torch.testing.assert_close(middle(centre_world=given), given)

    class Elsewhere:
        def predict(self, images: Tensor, cameras: Camera, views: Tensor | None = None):
            found = network(backbone, aggregation="logsum").predict(images, cameras)
            found.points_world[:] = torch.arange(12.0).double().reshape(1, JOINTS, 3)
            return found

    expected = torch.tensor([[4.5, 5.5, 6.5]]).double().expand(2, 3)
    torch.testing.assert_close(middle(centre_from=Elsewhere()), expected)
    torch.testing.assert_close(middle(centre_from=Elsewhere(), centre_world=given), given)


def test_rotation_turns_the_cube(moment) -> None:
    backbone, images, cameras, truth = moment()
    net = network(backbone)
    angle = torch.tensor([[0.0, 0, 0.5], [0, 0, -1.0]]).double()
    rotation = rotation_from_vector(angle)
    centre = truth.mean(1)
    upright = net(images, cameras, centre_world=centre, keep_maps=True).grid_world
    turned = net(images, cameras, centre_world=centre, rotation=rotation, keep_maps=True).grid_world
    offset = (upright - centre[:, None, None, None]).flatten(1, 3)
    torch.testing.assert_close(turned.flatten(1, 3), offset @ rotation.mT + centre[:, None])


@pytest.mark.parametrize("aggregation", ["softmax", "mean", "logsum"])
def test_a_missing_view_says_nothing(moment, aggregation) -> None:
    backbone, images, cameras, _ = moment(num_views=4)
    net = network(backbone, aggregation=aggregation)
    there = [0, 2, 3]
    expected = net.predict(images[:, there], cameras[there])
    views = torch.tensor([True, False, True, True]).expand(2, 4)
    images[:, 1] = 1.0
    found = net.predict(images, cameras, views=views)
    torch.testing.assert_close(found.points_world, expected.points_world, atol=1e-5, rtol=0)
    assert not found.confidence[:, 1].any()
    assert found.valid.all()
    lonely = net.predict(images, cameras, views=torch.eye(4).bool()[:2])
    assert not lonely.valid.any()
    assert not lonely.points_world.any()


def test_predict_restores_the_mode(moment) -> None:
    backbone, images, cameras, _ = moment()
    net = network(backbone).train()
    before = net.volume_net.front_layers[0].block[1].running_mean.clone()
    found = net.predict(images, cameras)
    assert net.training
    assert not found.points_world.requires_grad
    torch.testing.assert_close(net.volume_net.front_layers[0].block[1].running_mean, before)


def test_wrong_arguments_are_refused(moment) -> None:
    backbone, _, _, _ = moment()
    with pytest.raises(ValueError, match="conf needs a backbone with num_confidences=2, got None"):
        network(backbone, aggregation="conf")
    with pytest.raises(ValueError, match="aggregation must be one of"):
        network(backbone, aggregation="conf-norm")
    backbone, images, cameras, _ = moment()
    for shape in ((3,), (3, 3)):
        with pytest.raises(ValueError, match=r"centre_world must have shape \(2, 3\)"):
            network(backbone).predict(images, cameras, centre_world=torch.zeros(shape))


def test_a_network_that_cannot_find_the_centre_asks_for_it(moment) -> None:
    backbone, images, cameras, truth = moment()
    net = network(backbone, finds_centre=False)
    with pytest.raises(InputError, match="needs centre_world, or centre_from="):
        net.predict(images, cameras)
    source = network(backbone, aggregation="logsum")
    found = net.predict(images, cameras, centre_from=source, keep_maps=True)
    centre = found.grid_world.mean((1, 2, 3))
    torch.testing.assert_close(centre, truth.median(1).values, atol=0.05, rtol=0)
