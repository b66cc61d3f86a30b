"""Bookkeeping of views: cameras for each moment, missing views, the cameras of maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from triangulate.geometry.camera import Camera
from triangulate.geometry.sampling import Sampling
from triangulate.models.backbone import Maps


class Backbone(Protocol):
    """What turns images into maps, such as `PoseResNet` and `PoseUNet`."""

    num_joints: int
    feature_channels: int
    num_confidences: int | None

    def __call__(self, images: Tensor) -> Maps:
        """(N, 3, H, W) -> maps of N images."""
        ...


def present_views(images: Tensor, views: Tensor | None) -> Tensor:
    """(B, V) bool: which views of the images (B, V, 3, H, W) are there; all where `views` is None.

    Raises:
        ValueError: for images or views of another shape.
    """
    if images.ndim != 5:
        raise ValueError(f"images must have shape (B, V, 3, H, W), got {tuple(images.shape)}")
    if views is None:
        return torch.ones(images.shape[:2], dtype=torch.bool, device=images.device)
    if views.shape != images.shape[:2] or views.dtype != torch.bool:
        raise ValueError(
            f"views must be bool of shape {tuple(images.shape[:2])}, got {views.dtype} of shape "
            f"{tuple(views.shape)}"
        )
    return views


def size_of(maps: Tensor) -> tuple[int, int]:
    """(width, height) of images or maps (*B, H, W)."""
    return maps.shape[-1], maps.shape[-2]


@contextmanager
def in_use(network: nn.Module) -> Iterator[None]:
    """The network as in use (`eval`) inside the block, and as it was after it."""
    training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, before in training.items():
            module.training = before


def cameras_of(cameras: Camera, views: Tensor) -> Camera:
    """Cameras with leading dims (B, V) in float64, whatever stands where a view is missing.

    Args:
        cameras: (V,) one rig for all moments, or (B, V).
        views: (B, V) bool. A missing view gets the camera of one that is there.
    """
    batch, num_views = views.shape
    leading = cameras.K.shape[:-2]
    if leading not in ((num_views,), (batch, num_views)):
        raise ValueError(
            f"cameras must have leading dims ({num_views},) or ({batch}, {num_views}), got "
            f"{tuple(leading)}"
        )
    cameras = cameras.to(torch.float64, views.device)
    if len(leading) == 1:
        cameras = cameras.map(lambda field: field.expand(batch, *field.shape))
    if bool(views.all()):
        return cameras
    rows = torch.arange(batch, device=views.device)[:, None]
    there = views.to(torch.uint8).argmax(-1, keepdim=True)  # the first view that is there
    return cameras[rows, torch.where(views, torch.arange(num_views, device=views.device), there)]


def map_cameras(
    cameras: Camera,
    image_size: tuple[int, int],
    map_size: tuple[int, int],
    sampling: Sampling = "exact",
) -> Camera:
    """The cameras of maps that cover whole images.

    Args:
        cameras: of the images.
        image_size: (width, height) pixels.
        map_size: (width, height) cells.
        sampling: "exact" maps image edges to map edges. "published" repeats what the published
            weights were trained with: pixel numbers are scaled by the plain ratio of the sizes.
    """
    scale = torch.tensor(
        [cells / pixels for cells, pixels in zip(map_size, image_size, strict=True)],
        dtype=cameras.K.dtype,
        device=cameras.K.device,
    )
    if sampling == "exact":
        return cameras.resized(scale)
    if sampling == "published":
        return cameras.warped(torch.diag(torch.cat([scale, scale.new_ones(1)])))
    raise ValueError(f"sampling must be 'exact' or 'published', got {sampling!r}")


def image_points(points_px: Tensor, of_maps: Camera, of_images: Camera) -> Tensor:
    """Points of maps, (*B, N, 2), in the pixels of their images; both cameras have dims *B."""
    image_from_map = of_images.K @ torch.linalg.inv_ex(of_maps.K).inverse
    return (
        points_px.to(image_from_map) @ image_from_map[..., :2, :2].mT
        + (image_from_map[..., None, :2, 2])
    )


def maps_of(backbone: Backbone, images: Tensor, views: Tensor) -> Maps:
    """The maps of the views that are there; those of missing ones are zero.

    Args:
        backbone: sees only the images of views that are there, so that batch norm and time do not
            depend on what stands in for the others.
        images: (B, V, 3, H, W) normalised.
        views: (B, V) bool.

    Returns:
        Maps with leading dims (B, V) instead of N.
    """
    there = views.flatten().nonzero()[:, 0]
    if len(there) == views.numel():
        return _map(backbone(images.flatten(0, 1)), lambda part: part.unflatten(0, views.shape))
    if len(there):
        maps = backbone(images.flatten(0, 1)[there])
    else:  # an empty batch would spoil the statistics of batch norm
        maps = _map(backbone(images.new_zeros(2, *images.shape[2:])), lambda part: 0 * part[:0])

    def in_place(part: Tensor) -> Tensor:
        full = part.new_zeros(views.numel(), *part.shape[1:])
        return full.index_copy(0, there, part).unflatten(0, views.shape)

    return _map(maps, in_place)


def _map(maps: Maps, function: Callable[[Tensor], Tensor]) -> Maps:
    confidence = None if maps.confidence is None else function(maps.confidence)
    return Maps(function(maps.heatmaps), function(maps.features), confidence)
