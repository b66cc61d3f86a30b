"""Learnable triangulation in the published manner: loops, float32, millimetres; slow and readable.

Written from the description in Iskakov et al. 2019 and what the published weights expect.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def unproject_in_a_loop(
    features: Tensor, projections: Tensor, points: Tensor, aggregation: str
) -> Tensor:
    """Features (B, V, C, h, w), pixel from world (B, V, 3, 4), (B, X, Y, Z, 3) -> (B, C, X, Y, Z).

    All views' volumes are kept until they are joined.
    """
    batch, num_views, channels, height, width = features.shape
    shape = points.shape[1:4]
    joined = []
    for sample in range(batch):
        by_view = features.new_zeros(num_views, channels, *shape)
        homogeneous = functional.pad(points[sample].reshape(-1, 3), (0, 1), value=1.0)
        for view in range(num_views):
            image = homogeneous @ projections[sample, view].mT
            behind = image[:, 2] <= 0
            pixel = image[:, :2] / torch.where(behind, 1.0, image[:, 2])[:, None]
            grid = torch.stack(
                [2 * (pixel[:, 0] / height - 0.5), 2 * (pixel[:, 1] / width - 0.5)], dim=-1
            )
            found = functional.grid_sample(
                features[sample, view][None], grid[None, :, None], align_corners=True
            )[0, :, :, 0]
            found[:, behind] = 0
            by_view[view] = found.reshape(channels, *shape)
        joined.append(_join(by_view, aggregation))
    return torch.stack(joined)


def _join(by_view: Tensor, aggregation: str) -> Tensor:
    if aggregation == "sum":
        return by_view.sum(0)
    if aggregation == "max":
        return by_view.max(0).values
    return (by_view * torch.softmax(by_view, dim=0)).sum(0)


def triangulate_in_a_loop(points_px: Tensor, projections: Tensor, confidence: Tensor) -> Tensor:
    """(B, V, J, 2), (B, V, 3, 4), (B, V, J) -> (B, J, 3), one SVD a joint."""
    points = []
    for sample in range(len(points_px)):
        for joint in range(points_px.shape[2]):
            pixel = points_px[sample, :, joint, :, None]
            rows = pixel * projections[sample, :, 2:3] - projections[sample, :, :2]
            rows = rows * confidence[sample, :, joint, None, None]
            smallest = torch.linalg.svd(rows.reshape(-1, 4)).Vh[3]
            points.append(smallest[:3] / smallest[3])
    return torch.stack(points).reshape(len(points_px), -1, 3)


def algebraic_in_a_loop(backbone: nn.Module, images: Tensor, projections: Tensor) -> Tensor:
    """Images (B, V, 3, H, W) and the cameras of images (B, V, 3, 4) -> (B, J, 3)."""
    heatmaps = backbone(images.flatten(0, 1)).heatmaps
    height, width = heatmaps.shape[-2:]
    mass = torch.softmax(100 * heatmaps.flatten(2), dim=-1).reshape(heatmaps.shape)
    x = (mass.sum(2) * torch.arange(width)).sum(-1) * (images.shape[-1] / width)
    y = (mass.sum(3) * torch.arange(height)).sum(-1) * (images.shape[-2] / height)
    points_px = torch.stack([x, y], dim=-1).unflatten(0, images.shape[:2])
    ones = torch.ones_like(points_px[..., 0]) / images.shape[1] + 1e-5
    return triangulate_in_a_loop(points_px, projections, ones)


def volumetric_in_a_loop(
    network: nn.Module, images: Tensor, projections: Tensor, points: Tensor
) -> Tensor:
    """A `VolumetricTriangulator`'s layers, joined as published: images and grids -> (B, J, 3)."""
    maps = network.get_submodule("backbone")(images.flatten(0, 1))
    features = network.get_submodule("process_features")(maps.features)
    features = features.unflatten(0, images.shape[:2])
    shrink = torch.tensor([features.shape[-1] / images.shape[-1]] * 2 + [1.0])
    joined = unproject_in_a_loop(features, shrink[:, None] * projections, points, "softmax")
    logits = network.get_submodule("volume_net")(joined)
    mass = torch.softmax(logits.flatten(2), dim=-1).reshape(logits.shape)
    return torch.einsum("bjxyz,bxyzc->bjc", mass, points)
