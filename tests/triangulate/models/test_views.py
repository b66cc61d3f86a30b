from __future__ import annotations

import pytest
import torch
from torch import nn

from triangulate.geometry.camera import Camera
from triangulate.models.backbone import PoseUNet
from triangulate.models.views import (
    cameras_of,
    image_points,
    in_use,
    map_cameras,
    maps_of,
    present_views,
    size_of,
)


def test_all_views_are_there_unless_said() -> None:
    images = torch.zeros(2, 3, 3, 4, 6)
    assert present_views(images, None).all() and present_views(images, None).shape == (2, 3)
    views = torch.tensor([[True, False, True]] * 2)
    assert present_views(images, views) is views


@pytest.mark.parametrize(
    ("shape", "views", "said"),
    [
        ((2, 3, 4, 6), None, "images must have shape"),
        (
            (2, 3, 3, 4, 6),
            torch.ones(2, 2, dtype=torch.bool),
            r"views must be bool of shape \(2, 3",
        ),
        ((2, 3, 3, 4, 6), torch.ones(2, 3), r"views must be bool .* got torch.float32"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], views: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        present_views(torch.zeros(shape), views)


def test_one_rig_serves_all_moments(small_rig) -> None:
    rig = small_rig(3)
    cameras = cameras_of(rig.to(torch.float32), torch.ones(2, 3, dtype=torch.bool))
    assert cameras.K.shape == (2, 3, 3, 3) and cameras.K.dtype == torch.float64
    torch.testing.assert_close(cameras[1].K, rig.K, rtol=1e-6, atol=0)
    same = cameras_of(cameras, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(same.K, cameras.K)
    with pytest.raises(ValueError, match=r"leading dims \(2,\) or \(1, 2\), got \(3,\)"):
        cameras_of(rig, torch.ones(1, 2, dtype=torch.bool))


def test_a_missing_view_gets_the_camera_of_another(small_rig) -> None:
    rig = small_rig(3)
    broken = rig.K.clone()
    broken[0] = torch.nan
    cameras = cameras_of(
        Camera(broken, rig.lens, rig.cam_from_world), torch.tensor([[False, True, True]])
    )
    torch.testing.assert_close(cameras.K[0], rig.K[[1, 1, 2]])


def test_edges_of_the_image_are_edges_of_the_map(small_rig) -> None:
    rig = small_rig(2)
    corners_map = torch.tensor([[-0.5, -0.5], [39.5, 23.5]]).expand(2, 2, 2)
    corners_image = torch.tensor([[-0.5, -0.5], [159.5, 95.5]], dtype=torch.float64)
    found = image_points(corners_map, map_cameras(rig, (160, 96), (40, 24)), rig)
    torch.testing.assert_close(found, corners_image.expand(2, 2, 2))


def test_the_published_ratio_is_half_a_cell_off(small_rig) -> None:
    rig = small_rig(2)
    points_map = torch.tensor([[0.0, 0.0], [10.0, 6.0]]).expand(2, 2, 2)
    found = image_points(points_map, map_cameras(rig, (160, 96), (40, 24), "published"), rig)
    torch.testing.assert_close(found, 4.0 * points_map.double())
    with pytest.raises(ValueError, match="'exact' or 'published', got 'half'"):
        map_cameras(rig, (160, 96), (40, 24), "half")  # type: ignore[arg-type]


@pytest.mark.parametrize("training", [False, True])
def test_the_backbone_never_sees_missing_views(training: bool) -> None:
    torch.manual_seed(0)
    backbone = PoseUNet(4, num_confidences=4).train(training)
    state = {name: value.clone() for name, value in backbone.state_dict().items()}
    images = torch.randn(2, 3, 3, 32, 48)
    views = torch.tensor([[True, False, True], [True, True, False]])
    expected = backbone(images[views])
    after = {name: value.clone() for name, value in backbone.state_dict().items()}
    backbone.load_state_dict(state)
    images[~views] = torch.nan
    maps = maps_of(backbone, images, views)
    for found, wanted in (
        (maps.heatmaps, expected.heatmaps),
        (maps.features, expected.features),
        (maps.confidence, expected.confidence),
    ):
        assert found is not None and found.shape[:2] == (2, 3)
        torch.testing.assert_close(found[views], wanted)
        assert bool((found[~views] == 0).all())
    torch.testing.assert_close(backbone.state_dict(), after)


def test_without_any_view_maps_are_zero() -> None:
    images = torch.full((1, 2, 3, 32, 48), torch.nan)
    maps = maps_of(PoseUNet(4), images, torch.zeros(1, 2, dtype=torch.bool))
    assert maps.heatmaps.shape == (1, 2, 4, 8, 12) and not maps.heatmaps.any()
    assert size_of(maps.heatmaps) == (12, 8)
    maps.heatmaps.sum().backward()


def test_in_use_keeps_what_was_frozen() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.Dropout()))
    network[0].eval()
    with pytest.raises(RuntimeError, match="stop"), in_use(network):
        assert not any(module.training for module in network.modules())
        raise RuntimeError("stop")
    assert [module.training for module in network.modules()] == [True, False, True, True]
