from __future__ import annotations

import pytest
import torch
from torch import nn

from triangulate.models.backbone import DEPTHS, PoseResNet, PoseUNet


def seeded_images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alg_r18", {"num_confidences": 17}),
        ("alg_no_conf_r18", {}),
        ("vol_conf_r18", {"num_confidences": 32}),
        ("vol_r18", {}),
        ("alg", {"num_confidences": 17, "depth": 152}),
    ],
)
def test_parameters_have_the_published_names(parity, name: str, options: dict[str, int]) -> None:
    with torch.device("meta"):
        network = PoseResNet(17, **{"depth": 18, **options})
    found = {f"backbone.{key}": list(value.shape) for key, value in network.state_dict().items()}
    published = parity.shapes(name)
    assert found == {key: shape for key, shape in published.items() if key.startswith("backbone.")}


@pytest.mark.parametrize("depth", [18, 50])
def test_maps_are_a_quarter_of_the_image(depth: int) -> None:
    network = PoseResNet(5, depth=depth).eval()
    with torch.no_grad():
        maps = network(seeded_images(2, 3, 64, 96))
    assert maps.heatmaps.shape == (2, 5, 16, 24)
    assert maps.features.shape == (2, network.feature_channels, 16, 24)
    assert maps.confidence is None


def test_the_number_of_layers_is_the_depth() -> None:
    for depth in DEPTHS:
        with torch.device("meta"):
            network = PoseResNet(depth=depth)
        layers = [network.layer1, network.layer2, network.layer3, network.layer4]
        convolutions = [
            module
            for layer in layers
            for name, module in layer.named_modules()
            if isinstance(module, nn.Conv2d) and "downsample" not in name
        ]
        assert len(convolutions) + 2 == depth


def test_the_stride_of_a_bottleneck() -> None:
    for style, strides in (("simple", [(1, 1), (2, 2)]), ("caffe", [(2, 2), (1, 1)])):
        with torch.device("meta"):
            first = PoseResNet(depth=50, style=style).layer2[0]  # type: ignore[arg-type]
        assert [first.conv1.stride, first.conv2.stride] == strides


@pytest.mark.parametrize(("given", "name"), [(17, "alg_confidences"), (32, "vol_confidences")])
def test_confidences_of_a_resnet(given: int, name: str) -> None:
    network = PoseResNet(17, depth=18, num_confidences=given).eval()
    assert hasattr(network, name)
    with torch.no_grad():
        confidence = network(seeded_images(2, 3, 128, 160)).confidence
    assert confidence is not None and confidence.shape == (2, given)
    assert 0 < float(confidence.min()) and float(confidence.max()) < 1
    with pytest.raises(ValueError, match="multiples of 32 pixels, at least 128, got"):
        network(seeded_images(1, 3, 96, 128))


@pytest.mark.parametrize("given", [None, 17, 32])
def test_maps_of_a_unet(given: int | None) -> None:
    network = PoseUNet(17, num_confidences=given).eval()
    with torch.no_grad():
        maps = network(seeded_images(3, 3, 48, 80))
    assert maps.heatmaps.shape == (3, 17, 12, 20)
    assert maps.features.shape == (3, network.feature_channels, 12, 20)
    if given is None:
        assert maps.confidence is None
    else:
        assert maps.confidence is not None and maps.confidence.shape == (3, given)
        assert 0 < float(maps.confidence.min()) and float(maps.confidence.max()) < 1


def test_a_unet_is_small() -> None:
    numbers = sum(value.numel() for value in PoseUNet(num_confidences=17).state_dict().values())
    assert 2 * numbers < 6e6  # bytes in float16


@pytest.mark.parametrize("make", [PoseUNet, lambda: PoseResNet(depth=18)])
@pytest.mark.parametrize("shape", [(1, 3, 100, 128), (1, 3, 128, 0), (1, 1, 128, 128), (3, 64, 64)])
def test_other_images_are_refused(make, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images"):
        make()(torch.zeros(shape))


def test_impossible_networks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"depth must be one of .* got 20"):
        PoseResNet(depth=20)
    with pytest.raises(ValueError, match="style must be"):
        PoseResNet(style="other")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channels must be four numbers"):
        PoseUNet(channels=(32, 64))


@pytest.mark.parametrize("channels_last", [False, True])
def test_half_precision_keeps_the_heatmaps_layer_exact(channels_last: bool) -> None:
    torch.manual_seed(0)
    network = PoseUNet(17, num_confidences=17).eval()
    images = seeded_images(2, 3, 64, 96)
    with torch.no_grad():
        exact = network(images)
        if channels_last:
            network = network.to(memory_format=torch.channels_last)
            images = images.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(images)
    assert half.features.dtype == torch.bfloat16
    assert half.heatmaps.dtype == half.confidence.dtype == torch.float32
    scale = exact.heatmaps.std()
    assert float((half.heatmaps - exact.heatmaps).abs().max() / scale) < 0.1
    assert float((half.confidence - exact.confidence).abs().max()) < 0.02


def test_training_steps_in_half_precision_are_finite() -> None:
    torch.manual_seed(0)
    network = PoseUNet(17, num_confidences=17).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        maps = network(seeded_images(4, 3, 64, 64).to(memory_format=torch.channels_last))
        loss = maps.heatmaps.square().mean() + maps.confidence.mean()
    loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("detach", [True, False])
def test_confidences_may_leave_the_heatmaps_alone(detach: bool) -> None:
    torch.manual_seed(0)
    network = PoseUNet(17, num_confidences=17, detach_mass=detach)
    network(seeded_images(2, 3, 64, 64)).confidence.sum().backward()
    moved = network.final_layer.weight.grad is not None
    assert moved is not detach


def test_first_heatmaps_are_nearly_flat() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        heatmaps = PoseUNet(17)(seeded_images(8, 3, 64, 64)).heatmaps
    mass = torch.softmax(100 * heatmaps.flatten(2), -1)
    assert float(mass.max()) < 0.1  # else the softmax would be saturated before it learned a thing
