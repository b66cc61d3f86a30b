"""Volumetric networks as a whole on moments that tell little or nothing: all stays finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from triangulate.geometry.aggregation import AGGREGATIONS
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.losses import volumetric_ce
from triangulate.models.backbone import PoseUNet
from triangulate.models.prediction import Prediction
from triangulate.models.v2v import V2V
from triangulate.models.volumetric import VolumetricTriangulator

JOINTS, CHANNELS, VIEWS, SIZE = 4, 2, 3, 16
FAR_M = 1e5


def network(aggregation: str) -> VolumetricTriangulator:
    by_channel = CHANNELS if aggregation.startswith("conf") else None
    backbone = PoseUNet(JOINTS, channels=(4, 4, 4, 4), context_blocks=0, num_confidences=by_channel)
    volume_net = None
    if aggregation != "logsum":
        volume_net = V2V(CHANNELS, JOINTS, channels=(4, 4), front_channels=4, front_kernel=3)
    return VolumetricTriangulator(
        backbone, aggregation=aggregation, channels=CHANNELS, size=SIZE, volume_net=volume_net
    )


def turned_away(cameras: Camera) -> Camera:
    """Cameras that have everything behind them."""
    about = Rigid(
        rotation_from_vector(torch.tensor([0.0, torch.pi, 0.0], dtype=torch.float64)),
        torch.zeros(3, dtype=torch.float64),
    )
    return replace(cameras, cam_from_world=about @ cameras.cam_from_world)


def mishaps(cameras: Camera, generator: torch.Generator) -> tuple[Camera, Tensor, Tensor, Tensor]:
    """Moments with one mishap each or two, shuffled: cameras, views, centres, images."""
    all_views = torch.ones(VIEWS, dtype=torch.bool)
    middle = torch.tensor([0.0, 0.0, 0.9], dtype=torch.float64)
    images = torch.randn(3, 32, 48, generator=generator).expand(VIEWS, 3, 32, 48)
    moments = [
        (cameras, all_views, middle, images),
        (cameras[[0] * VIEWS], all_views, middle, images),  # coincident views
        (cameras[[0, 0, 1]], torch.tensor([True, True, False]), middle, images),
        (cameras, torch.tensor([False, True, False]), middle, images),
        (cameras, ~all_views, middle, images),
        (turned_away(cameras), all_views, middle, images),
        (cameras, all_views, cameras.centre_world[0], images),  # the cube around a camera
        (cameras, all_views, middle + FAR_M, images),
        (cameras, all_views, middle - FAR_M, 1e3 * images),  # heatmaps with one cell
        (cameras, all_views, middle, 0 * images),
        (turned_away(cameras)[[0] * VIEWS], all_views, middle + FAR_M, 0 * images),
    ]
    order = torch.randperm(len(moments), generator=generator)
    rigs, views, centres, pictures = zip(*(moments[number] for number in order), strict=True)
    flat = [torch.stack(parts) for parts in zip(*(_tensors(rig) for rig in rigs), strict=True)]
    each = iter(flat)
    together = cameras.map(lambda _: next(each))
    return together, torch.stack(views), torch.stack(centres), torch.stack(pictures)


def _tensors(cameras: Camera) -> list[Tensor]:
    found: list[Tensor] = []
    cameras.map(lambda tensor: found.append(tensor) or tensor)
    return found


def check_finite(found: Prediction, net: VolumetricTriangulator, case: str) -> None:
    for field in fields(found):
        value = getattr(found, field.name)
        assert value is not None and bool(value.isfinite().all()), (case, field.name)
    loss = found.points_world.square().sum() / FAR_M**2 + found.points_px.square().mean()
    truth, known = found.points_world.detach(), found.valid | True
    loss = loss + volumetric_ce(found.volume, found.grid_world, truth, known)
    loss.backward()
    for name, parameter in net.named_parameters():
        if parameter.grad is not None:
            assert bool(parameter.grad.isfinite().all()), (case, name)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("has_centre", [True, False])
def test_all_is_finite_whatever_the_moments(
    small_rig: Callable[..., Camera], aggregation: str, has_centre: bool
) -> None:
    generator = torch.Generator().manual_seed(1)
    cameras = small_rig(VIEWS).resized(0.3)  # images of 48 x 29 cells and less
    for trial in range(2):
        torch.manual_seed(trial)
        net = network(aggregation).train()
        if trial == 1:  # flat heatmaps
            torch.nn.init.zeros_(net.backbone.final_layer.weight)
        rigs, views, centres, images = mishaps(cameras, generator)
        centre_world = centres if has_centre else None
        found = net(images, rigs, views, centre_world=centre_world, keep_maps=True)
        few = views.sum(1) < 2
        assert not bool(found.valid[few].any())
        check_finite(found, net, f"trial {trial}")
