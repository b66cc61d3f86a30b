from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from triangulate.config.models import (
    AlgebraicConfig,
    HeatmapVolumeConfig,
    ModelConfig,
    ResNetConfig,
    UNetConfig,
    ViewWeightsConfig,
    VolumetricConfig,
)
from triangulate.errors import InputError
from triangulate.models.build import build_model
from triangulate.models.images import normalise_images
from triangulate.models.weights import Card, load, read_header, save
from triangulate.pose2d.heatmap_reader import (
    WINDOW_CELLS,
    HeatmapReader,
    mass_near,
    reads_images,
    trained_crop_px,
)
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

SMALL = UNetConfig(channels=[8, 8, 8, 12])


def write(path: Path, config: ModelConfig, card: Card | None = None) -> Path:
    torch.manual_seed(0)
    network = build_model(config)
    for name, weight in network.named_parameters():
        if name.endswith("final_layer.weight"):  # so that heatmaps have peaks
            torch.nn.init.normal_(weight, std=0.5)
    save(network, path, card)
    return path


def some_crops(count: int, width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, height // 16, width // 16, 3), dtype=np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("sampling", ["exact", "published"])
def test_points_are_those_of_the_network_itself(
    tmp_path: Path, learned: bool, sampling: str
) -> None:
    config = AlgebraicConfig(
        joints=5,
        backbone=SMALL,
        window=WINDOW_CELLS,
        heatmap_multiplier=3.0,
        learned_confidences=learned,
        sampling=sampling,
    )
    path = write(tmp_path / "net.safetensors", config)
    crops = some_crops(3, 96, 64)
    points, confidence, mass = HeatmapReader(path)(crops)
    network = load(path)
    images = torch.from_numpy(crops).permute(0, 3, 1, 2)
    batch = normalise_images(images, channel_order=network.channel_order)[None]
    cameras = ring_rig(seeded(0), 3, size=(96, 64)).cameras
    prediction = network.predict(batch, cameras, keep_maps=True)
    np.testing.assert_allclose(points, prediction.points_px[0], atol=1e-3)
    assert prediction.heatmaps is not None
    peak = prediction.heatmaps[0].flatten(-2).amax(-1).numpy()
    assert (mass >= peak - 1e-6).all()
    assert (mass <= 1).all()
    if not learned:
        np.testing.assert_array_equal(confidence, mass)
    elif sampling == "exact":
        expected = np.sqrt(mass * prediction.confidence[0].numpy())
        np.testing.assert_allclose(confidence, expected, atol=1e-6)


def test_mass_near_a_point() -> None:
    maps = torch.zeros(2, 9, 12)
    maps[0, 4, 6], maps[0, 4, 9], maps[0, 0, 0] = 0.5, 0.3, 0.2
    maps[1] = 1 / (9 * 12)
    points = torch.tensor([[6.4, 3.9], [0.0, 0.0]])
    near = mass_near(maps, points)
    assert near.tolist() == pytest.approx([0.5, 9 / 108])
    points = torch.tensor([[6.6, 3.9], [6.0, 4.0]])  # 9 is within 2.5 of 6.6
    assert mass_near(maps, points).tolist() == pytest.approx([0.8, 25 / 108])


def test_the_size_of_crops_is_what_the_weights_say(tmp_path: Path) -> None:
    config = AlgebraicConfig(joints=2, backbone=SMALL, learned_confidences=False)
    plain = write(tmp_path / "a.safetensors", config)
    assert trained_crop_px(read_header(plain)) == 128
    card = Card(metrics={"settings": {"data": {"size": [96, 160]}}})
    told = write(tmp_path / "b.safetensors", config, card)
    assert trained_crop_px(read_header(told)) == 160
    odd = Card(metrics={"settings": {"data": {"size": "large"}}})
    assert trained_crop_px(read_header(write(tmp_path / "c.safetensors", config, odd))) == 128
    resnet = ResNetConfig(depth=18)
    config = AlgebraicConfig(joints=2, backbone=resnet, learned_confidences=False)
    assert trained_crop_px(read_header(write(tmp_path / "d.safetensors", config))) == 384


@pytest.mark.parametrize(
    ("config", "reads"),
    [
        (VolumetricConfig(joints=2, backbone=SMALL, aggregation="logsum", v2v=None), True),
        (HeatmapVolumeConfig(joints=2), False),
        (ViewWeightsConfig(), False),
    ],
)
def test_only_networks_with_trained_heatmaps_are_read(
    tmp_path: Path, config: ModelConfig, reads: bool
) -> None:
    path = write(tmp_path / "net.safetensors", config)
    assert reads_images(read_header(path)) == reads
    if reads:
        points, _, _ = HeatmapReader(path)(some_crops(1, 64, 64))
        assert points.shape == (1, 2, 2)
    else:
        with pytest.raises(InputError, match="finds no joints in single images"):
            HeatmapReader(path)
