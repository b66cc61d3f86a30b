from __future__ import annotations

import pytest
import torch

from triangulate.geometry.heatmap import normalise_maps
from triangulate.models.algebraic import AlgebraicTriangulator
from triangulate.models.backbone import PoseUNet
from triangulate.models.image_network import ImageNetwork
from triangulate.models.ransac import RansacTriangulator
from triangulate.models.v2v import V2V
from triangulate.models.volumetric import VolumetricTriangulator

ESTIMATORS = {
    "algebraic": lambda backbone: AlgebraicTriangulator(backbone, learned_confidences=False),
    "ransac": RansacTriangulator,
    "volumetric": lambda backbone: VolumetricTriangulator(backbone, aggregation="logsum", size=8),
}


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_predict_takes_a_centre_third_and_leaves_the_mode_alone(name: str, small_rig) -> None:
    torch.manual_seed(0)
    network = ESTIMATORS[name](PoseUNet(5, channels=(6, 6, 6, 6)))
    assert isinstance(network, ImageNetwork)
    assert network.num_joints == 5
    assert network.channel_order == "rgb"
    images = torch.rand(2, 3, 3, 32, 48)
    cameras = small_rig(3)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.train()
    found = network.predict(images, cameras, torch.zeros(2, 3))
    assert found.points_world.shape == (2, 5, 3)
    assert not found.points_world.requires_grad
    assert found.heatmaps is found.heatmap_logits is None
    assert network.training
    for key, value in network.state_dict().items():  # batch norm looked, and learned nothing
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", [*sorted(ESTIMATORS), "features", "relu"])
def test_kept_heatmaps_are_the_softmax_of_the_kept_logits(name: str, small_rig) -> None:
    torch.manual_seed(0)
    make = {
        **ESTIMATORS,
        "features": lambda backbone: VolumetricTriangulator(
            backbone, channels=2, size=8, volume_net=V2V(2, 5, channels=(4, 6), front_kernel=3)
        ),
        "relu": lambda backbone: AlgebraicTriangulator(
            backbone, learned_confidences=False, normalise="relu"
        ),
    }
    network = make[name](PoseUNet(5, channels=(6, 6, 6, 6)))
    found = network.predict(torch.rand(2, 3, 3, 32, 48), small_rig(3), keep_maps=True)
    assert found.heatmaps.shape == (2, 3, 5, 8, 12)
    if name == "relu":
        assert found.heatmap_logits is None
        return
    torch.testing.assert_close(normalise_maps(found.heatmap_logits, 2), found.heatmaps)
