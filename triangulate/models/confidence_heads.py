"""Heads that say how far a view is believed, between 0 and 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from triangulate.models.map_statistics import NUM_STATISTICS
from triangulate.models.residual import conv_bn_relu

HEAD_CELLS = 4
"""The least side of the features that a `ConfidenceHead` halves twice."""


class ConfidenceHead(nn.Module):
    """How far a view is believed, from the deepest features (Iskakov et al. 2019, section 3.1)."""

    def __init__(self, in_channels: int, num_confidences: int) -> None:
        """A head on `in_channels` feature channels."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 512, 3, padding=1),
            nn.BatchNorm2d(512),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 256, 3, padding=1),
            nn.BatchNorm2d(256),
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Sequential(
            nn.Linear(256, 512),
            nn.ReLU(inplace=True),
            nn.Linear(512, 256),
            nn.ReLU(inplace=True),
            nn.Linear(256, num_confidences),
            nn.Sigmoid(),
        )

    def forward(self, bottom: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, n)."""
        if min(bottom.shape[-2:]) < HEAD_CELLS:
            raise ValueError(
                "the confidence head needs images of at least 128 x 128 pixels, got features of "
                f"{bottom.shape[-1]} x {bottom.shape[-2]} cells of 32 pixels"
            )
        return self.head(self.features(bottom).mean((-2, -1)))


class JointConfidence(nn.Module):
    """How far each joint is believed, from what the image shows where the joint should be.

    A covered joint looks like what covers it: the features around the joint, pooled with its
    heatmap's mass at both ends of the decoder, tell more than a mean over the image. Beside them
    stand that mean, the heatmap's shape and which joint it is.
    """

    def __init__(self, num_joints: int, fine: int, deep: int, width: int = 128) -> None:
        """A head on `fine` channels of the heatmaps' size and `deep` ones at the bottom."""
        super().__init__()
        self.context = nn.Sequential(*conv_bn_relu(deep, width))
        self.joints = nn.Parameter(torch.zeros(num_joints, 64))
        self.first = nn.Linear(2 * width + fine + NUM_STATISTICS, 64)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, bottom: Tensor, features: Tensor, mass: Tensor, statistics: Tensor) -> Tensor:
        """Bottom and top features, heatmaps of mass one, their (N, J, 4) statistics -> (N, J)."""
        context = self.context(bottom)
        ratio = mass.shape[-1] // bottom.shape[-1]
        coarse = nn.functional.avg_pool2d(mass, ratio) * ratio**2
        overall = context.mean((-2, -1))[:, None].expand(-1, mass.shape[1], -1)
        parts = [overall, _pooled(context, coarse), _pooled(features, mass), statistics]
        joined = torch.cat([part.float() for part in parts], dim=-1)  # (N, J, ..)
        logits = self.head(self.first(joined) + self.joints)[..., 0]
        return torch.sigmoid(logits.float())


class ChannelConfidence(nn.Module):
    """How far each feature channel is believed, from the whole image and all heatmaps' shapes."""

    def __init__(self, num_joints: int, deep: int, num_confidences: int, width: int = 128) -> None:
        """A head on `deep` channels at the bottom."""
        super().__init__()
        self.context = nn.Sequential(*conv_bn_relu(deep, width))
        self.head = nn.Sequential(
            nn.Linear(width + num_joints * NUM_STATISTICS, width),
            nn.ReLU(),
            nn.Linear(width, num_confidences),
        )

    def forward(self, bottom: Tensor, features: Tensor, mass: Tensor, statistics: Tensor) -> Tensor:
        """As `JointConfidence`, but (N, n)."""
        overall = self.context(bottom).mean((-2, -1)).float()
        return torch.sigmoid(self.head(torch.cat([overall, statistics.flatten(1)], -1)).float())


def _pooled(features: Tensor, mass: Tensor) -> Tensor:
    """(N, C, h, w), (N, J, h, w) of mass one -> (N, J, C): the features where the mass is."""
    return mass.flatten(2).to(features.dtype) @ features.flatten(2).mT
