"""Volumetric triangulation (Iskakov et al. 2019, section 3.2): features, a cube, a 3D network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from triangulate.errors import InputError
from triangulate.geometry.aggregation import AGGREGATIONS, Aggregation
from triangulate.geometry.camera import Camera
from triangulate.geometry.heatmap import soft_argmax_2d
from triangulate.geometry.sampling import Sampling
from triangulate.geometry.volume import cuboid_grid, unproject
from triangulate.models.backbone import Maps
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.image_network import ImageNetwork
from triangulate.models.prediction import Prediction
from triangulate.models.v2v import V2V
from triangulate.models.views import (
    Backbone,
    cameras_of,
    image_points,
    in_use,
    map_cameras,
    maps_of,
    present_views,
    size_of,
)
from triangulate.models.volume_points import (
    algebraic_points,
    body_centre,
    read_volume,
    volume_prediction,
)


class Estimator(Protocol):
    """A network that finds joints in images, such as `AlgebraicTriangulator`."""

    def predict(
        self, images: Tensor, cameras: Camera, *, views: Tensor | None = None
    ) -> Prediction:
        """Joints of images (B, V, 3, H, W)."""
        ...


class VolumetricTriangulator(ImageNetwork):
    """Features of all views, joined in a cube that a 3D network turns into one volume a joint.

    With "logsum" the heatmaps are joined instead (see `HeatmapVolume`), and the 3D network corrects
    their volume.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        aggregation: Aggregation = "softmax",
        channels: int = 32,
        size: int = 64,
        side_m: float = 2.5,
        volume_net: nn.Module | None = None,
        volume_multiplier: float = 1.0,
        heatmap_multiplier: float = 100.0,
        centre_joints: Sequence[int] | None = None,
        finds_centre: bool = True,
        sampling: Sampling = "exact",
    ) -> None:
        """An estimator around a backbone.

        Args:
            backbone: gives features and heatmaps, with conf and conf_norm a confidence a channel.
            aggregation: see `triangulate.geometry.volume.unproject`.
            channels: of the volume, C; `logsum` has one a joint.
            size: voxels along a side of the cube; a multiple of what the 3D network takes.
            side_m: of the cube.
            volume_net: the 3D network, C channels to J; None: a `V2V` (for `logsum`: nothing).
            volume_multiplier: sharpens the volume's softmax.
            heatmap_multiplier: sharpens the heatmaps' softmax.
            centre_joints: whose mean is the cube's centre; None: the median of all joints.
            finds_centre: whether the backbone's heatmaps show where the body is; otherwise the
                centre has to be given.
            sampling: "published" for the published weights.
        """
        super().__init__()
        if aggregation not in AGGREGATIONS:
            raise ValueError(f"aggregation must be one of {AGGREGATIONS}, got {aggregation!r}")
        if aggregation.startswith("conf") and backbone.num_confidences != channels:
            raise ValueError(
                f"{aggregation} needs a backbone with num_confidences={channels}, "
                f"got {backbone.num_confidences}"
            )
        self.backbone, self.aggregation = backbone, aggregation
        self.size, self.side_m = size, side_m
        self.volume_multiplier, self.heatmap_multiplier = volume_multiplier, heatmap_multiplier
        self.centre_joints, self.finds_centre = centre_joints, finds_centre
        self.sampling = sampling
        joints = backbone.num_joints
        if aggregation == "logsum":
            self.heatmap_volume = HeatmapVolume(
                joints,
                size=size,
                side_m=side_m,
                v2v=volume_net,
                volume_multiplier=volume_multiplier,
                centre_joints=centre_joints,
            )
            return
        self.process_features = nn.Sequential(nn.Conv2d(backbone.feature_channels, channels, 1))
        self.volume_net = V2V(channels, joints) if volume_net is None else volume_net

    @property
    def _step_m(self) -> float:
        return self.side_m / (self.size - 1)

    def forward(
        self,
        images: Tensor,
        cameras: Camera,
        views: Tensor | None = None,
        *,
        centre_world: Tensor | None = None,
        rotation: Tensor | None = None,
        keep_maps: bool = False,
    ) -> Prediction:
        """3D joints of a batch of moments.

        Args:
            images: (B, V, 3, H, W) normalised, see `normalise_images`.
            cameras: (B, V), or (V,) for all moments.
            views: (B, V) bool, False where a view is missing.
            centre_world: (B, 3) of the cubes; None: found from the backbone's own heatmaps, which
                published weights cannot.
            rotation: (B, 3, 3) turns the cubes about their centres, as in training.
            keep_maps: whether the prediction has `heatmaps`, `heatmap_logits`, `volume` and
                `grid_world`.

        Returns:
            The joints in float64. `points_px` are those of the backbone's heatmaps, `confidence` is
            what these hold at the joint, relative to their highest cells. `valid` where two views
            stand apart and have the joint before them.
        """
        views = present_views(images, views)
        self._check_centre(centre_world, len(images))
        maps = maps_of(self.backbone, images, views)
        with torch.autocast(images.device.type, enabled=False):
            of_images = cameras_of(cameras, views)
            of_maps = map_cameras(of_images, size_of(images), size_of(maps.heatmaps), self.sampling)
            logits_2d = maps.heatmaps.float() * self.heatmap_multiplier
            points, mass = soft_argmax_2d(logits_2d)
            points_px = image_points(points, of_maps, of_images)
        if self.aggregation == "logsum":
            found = self.heatmap_volume(
                mass,
                of_maps,
                views,
                centre_world=centre_world,
                rotation=rotation,
                keep_maps=keep_maps,
            )
            kept = logits_2d if keep_maps else None
            return replace(found, points_px=points_px, heatmap_logits=kept)
        seen = views[..., None].expand(mass.shape[:3])
        if centre_world is None:
            joints = algebraic_points(points, mass, of_maps, seen)
            centre_world, is_found = body_centre(*joints, self.centre_joints)
            seen = seen & is_found[:, None, None]
        grid = cuboid_grid(centre_world.to(of_maps.K), self.side_m, self.size, rotation)
        logits = self._volumes(maps, of_images, size_of(images), grid, views)
        with torch.autocast(images.device.type, enabled=False):
            read = read_volume(logits, grid[:, None], self._step_m, self.volume_multiplier)
            found = volume_prediction(
                *read, grid, points_px, mass, of_maps, seen, keep_maps=keep_maps
            )
            return replace(found, heatmap_logits=logits_2d if keep_maps else None)

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        cameras: Camera,
        centre_world: Tensor | None = None,
        *,
        centre_from: Estimator | None = None,
        views: Tensor | None = None,
        keep_maps: bool = False,
    ) -> Prediction:
        """`forward` as in use: without gradients, batch norm as learned.

        Args:
            images: see `forward`.
            cameras: see `forward`.
            centre_world: see `forward`.
            centre_from: a network whose joints say where the centre is, where it is not given:
                needed with published weights, whose own heatmaps were not trained with the rest.
            views: see `forward`.
            keep_maps: see `forward`.
        """
        if centre_world is None and centre_from is not None:
            found = centre_from.predict(images, cameras, views=views)
            body = found.points_world, found.valid
            centre_world, is_found = body_centre(*body, self.centre_joints)
            views = present_views(images, views) & is_found[:, None]  # no body, no views
        with in_use(self):
            return self(images, cameras, views, centre_world=centre_world, keep_maps=keep_maps)

    def _check_centre(self, centre_world: Tensor | None, batch: int) -> None:
        if centre_world is None and not self.finds_centre:
            raise InputError(
                "this volumetric network needs centre_world, or centre_from= an algebraic network: "
                "its own heatmaps were not trained with the rest"
            )
        if centre_world is not None and centre_world.shape != (batch, 3):
            raise ValueError(
                f"centre_world must have shape ({batch}, 3), got {tuple(centre_world.shape)}"
            )

    def _volumes(
        self,
        maps: Maps,
        of_images: Camera,
        image_size: tuple[int, int],
        grid: Tensor,
        views: Tensor,
    ) -> Tensor:
        """(B, J, X, Y, Z) before the softmax."""
        features = self.process_features(maps.features.flatten(0, 1)).unflatten(0, views.shape)
        of_features = map_cameras(of_images, image_size, size_of(features), self.sampling)
        with torch.autocast(features.device.type, enabled=False):
            joined = unproject(
                features,
                of_features,
                grid,
                views,
                aggregation=self.aggregation,
                confidence=maps.confidence if self.aggregation.startswith("conf") else None,
                sampling=self.sampling,
            )
        return self.volume_net(joined)
