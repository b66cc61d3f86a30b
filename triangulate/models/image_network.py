"""What all estimators around a backbone share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from triangulate.geometry.camera import Camera
from triangulate.geometry.sampling import Sampling
from triangulate.models.images import ChannelOrder
from triangulate.models.prediction import Prediction
from triangulate.models.views import Backbone, in_use


class ImageNetwork(nn.Module):
    """Base of the estimators that begin with images."""

    backbone: Backbone
    sampling: Sampling

    @property
    def num_joints(self) -> int:
        """J."""
        return self.backbone.num_joints

    @property
    def channel_order(self) -> ChannelOrder:
        """In which order `normalise_images` has to give the channels."""
        return "bgr" if self.sampling == "published" else "rgb"

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        cameras: Camera,
        centre_world: Tensor | None = None,
        *,
        views: Tensor | None = None,
        keep_maps: bool = False,
    ) -> Prediction:
        """`forward` as in use: without gradients, batch norm as learned.

        Args:
            images: (B, V, 3, H, W) normalised, see `normalise_images`.
            cameras: (B, V), or (V,) for all moments.
            centre_world: (B, 3), what volumetric networks take; others do without.
            views: (B, V) bool, False where a view is missing.
            keep_maps: whether the prediction has `heatmaps`.
        """
        with in_use(self):
            return self(images, cameras, views, keep_maps=keep_maps)
