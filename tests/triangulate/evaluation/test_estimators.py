"""Several estimators on one backbone: it works once, and each does what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from spots import Spots, exactly
from torch import Tensor, nn

from triangulate.errors import InputError, UsageError
from triangulate.evaluation.estimators import NETWORK, OTHERS, Remembered, estimators
from triangulate.evaluation.measuring import batches, measure
from triangulate.evaluation.passing import Passing
from triangulate.geometry.camera import Camera
from triangulate.metrics import joint_errors
from triangulate.models.algebraic import AlgebraicTriangulator
from triangulate.models.backbone import Maps
from triangulate.models.prediction import Prediction
from triangulate.models.volumetric import VolumetricTriangulator

CPU = Passing(torch.device("cpu"))


class Colours(nn.Module):
    """The images' own colours, halved in size, as heatmaps; counts its calls."""

    num_joints, num_confidences, feature_channels, calls = 3, 3, 3, 0

    def forward(self, images: Tensor) -> Maps:
        self.calls += 1
        heatmaps = nn.functional.avg_pool2d(images, 2)
        return Maps(heatmaps, heatmaps, torch.full((len(images), 3), 0.5))


def test_all_find_the_spots_and_the_backbone_works_once_a_batch() -> None:
    backbone = Colours()
    network = AlgebraicTriangulator(backbone, heatmap_multiplier=6.0)
    ways = estimators(network, list(OTHERS), CPU)
    assert list(ways) == [NETWORK, *OTHERS]
    found = measure(ways, batches(Spots(), 8, 4), views=[2])
    assert backbone.calls == 2 * 2  # batches, numbers of views
    for (_, name), measured in found.items():
        errors = joint_errors(measured.points_world, measured.truth_world)
        assert bool(measured.valid.all())
        # a pixel is 5 cm: RANSAC knows whole cells alone, the cube has voxels of 8 cm
        assert float(errors.mean()) < (0.08 if name in ("ransac", "logsum") else 0.04), name
    plain, own = found[0, "plain"], found[0, NETWORK]
    torch.testing.assert_close(plain.points_world, own.points_world)  # confidences are equal


def test_different_images_are_not_taken_for_the_same() -> None:
    backbone = Remembered(Colours())
    images = torch.rand(2, 3, 8, 12)
    first = backbone(images).heatmaps
    assert torch.equal(backbone(images.clone()).heatmaps, first)
    assert backbone.calls == 1
    images[0, 0, 0, 0] += 1
    assert not torch.equal(backbone(images.clone()).heatmaps, first)
    assert backbone.calls == 2
    assert backbone.num_joints == 3
    with pytest.raises(AttributeError):
        backbone.nothing_of_the_kind  # noqa: B018


class Elsewhere(nn.Module):
    """Finds all joints in one place."""

    def predict(self, images: Tensor, cameras: Camera, *, views: Tensor) -> Prediction:
        sample = next(batches(Spots(), len(images), len(images)))
        found = exactly()(sample)
        return replace(found, points_world=torch.full_like(found.points_world, 5.0))


def test_another_network_says_where_the_cube_stands() -> None:
    cubes = VolumetricTriangulator(
        Colours(), aggregation="logsum", heatmap_multiplier=6.0, finds_centre=False
    )
    sample = next(batches(Spots(), 4, 4))
    with pytest.raises(InputError, match="needs centre_world"):
        estimators(cubes, [], CPU)[NETWORK](sample)
    source = AlgebraicTriangulator(Colours(), heatmap_multiplier=6.0)
    found = estimators(cubes, [], CPU, source)[NETWORK](sample)
    assert float(joint_errors(found.points_world, sample.points_world).mean()) < 0.08
    astray = estimators(cubes, [], CPU, Elsewhere())[NETWORK](sample)
    assert float(joint_errors(astray.points_world, sample.points_world).min()) > 3


def test_wrong_names_and_networks_without_images() -> None:
    network = AlgebraicTriangulator(Colours())
    with pytest.raises(UsageError, match=r"--against knows plain, variance, .*; got 'plan'"):
        estimators(network, ["plan"], CPU)
    with pytest.raises(UsageError, match="begins with images"):
        estimators(nn.Linear(1, 1), ["plain"], CPU)
