"""Joints from the heatmaps of a trained network, one square crop at a time.

The point is a softmax over the cells near a heatmap's highest one, and its confidence the mass of
the whole map's softmax that lies there: a second mode, or doubt, takes from it. Where the network
has learned a confidence, it is the geometric mean of the two: the learned one is a weight among
views, whose scale is open.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from triangulate.config.models import AlgebraicConfig, RansacConfig, VolumetricConfig
from triangulate.errors import InputError
from triangulate.geometry.heatmap import normalise_maps, soft_argmax_2d
from triangulate.models.algebraic import AlgebraicTriangulator
from triangulate.models.images import normalise_images
from triangulate.models.ransac import RansacTriangulator
from triangulate.models.volumetric import VolumetricTriangulator
from triangulate.models.weights import Header, load, read_header

WINDOW_CELLS = 2
"""How far from a heatmap's highest cell the soft-argmax reaches, and what counts as near it."""

_CROP_PX = {"unet": 128, "resnet": 384}  # where the weights do not tell
_WITH_HEATMAPS = (AlgebraicTriangulator, RansacTriangulator, VolumetricTriangulator)


def trained_crop_px(header: Header) -> int:
    """The side of the crops that weights were trained on, as their card says it."""
    try:
        return max(int(side) for side in header.card.metrics["settings"]["data"]["size"])
    except (KeyError, TypeError, ValueError):
        backbone = getattr(header.settings, "backbone", None)
        return _CROP_PX.get(getattr(backbone, "kind", ""), _CROP_PX["unet"])


def reads_images(header: Header) -> bool:
    """Whether weights are of a network whose heatmaps were trained.

    Volumes other than log-sums are made of features, and nothing trains the heatmaps beside them.
    """
    match header.settings:
        case AlgebraicConfig() | RansacConfig():
            return True
        case VolumetricConfig(aggregation=aggregation):
            return aggregation == "logsum"
        case _:
            return False


class HeatmapReader:
    """A network's heatmaps, read as joints."""

    def __init__(self, weights: str | Path) -> None:
        """Load the weights: a shipped name, or a file.

        Raises:
            InputError: there are none, or they find no joints in images.
        """
        self.header = read_header(weights)
        network = load(weights)
        if not reads_images(self.header) or not isinstance(network, _WITH_HEATMAPS):
            raise InputError(
                f"{weights}: weights of a {type(network).__name__}, which finds no joints in "
                "single images; weights of an algebraic network do"
            )
        self.network = network
        self.num_joints = network.num_joints

    @torch.inference_mode()
    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The joints in crops (N, H, W, 3), uint8 RGB.

        Returns:
            Points (N, J, 2) in pixels of the crops, confidence (N, J), and mass (N, J), how
            much of each heatmap lies near its point.
        """
        network = self.network
        images = torch.from_numpy(crops).permute(0, 3, 1, 2)
        maps = network.backbone(normalise_images(images, channel_order=network.channel_order))
        sharp = maps.heatmaps * network.heatmap_multiplier
        normalise = network.normalise if isinstance(network, AlgebraicTriangulator) else "softmax"
        points, _ = soft_argmax_2d(sharp, normalise, WINDOW_CELLS)
        mass = mass_near(normalise_maps(sharp, 2, normalise), points)
        confidence = mass
        if maps.confidence is not None and maps.confidence.shape == mass.shape:
            confidence = (mass * maps.confidence.clamp(0, 1)).sqrt()
        cells = torch.tensor(maps.heatmaps.shape[:1:-1])
        scale = torch.tensor(images.shape[:1:-1]) / cells
        centre = 0.0 if network.sampling == "published" else 0.5
        points_crop = (points + centre) * scale - centre
        return points_crop.double().numpy(), confidence.double().numpy(), mass.double().numpy()


def mass_near(mass: Tensor, points: Tensor) -> Tensor:
    """How much of maps (*B, H, W) lies near points (*B, 2): the window, and half a cell more."""
    reach = WINDOW_CELLS + 0.5
    columns = torch.arange(mass.shape[-1], device=mass.device)
    rows = torch.arange(mass.shape[-2], device=mass.device)
    near_x = (columns - points[..., :1]).abs() <= reach
    near_y = (rows - points[..., 1:]).abs() <= reach
    return (mass * near_y[..., :, None] * near_x[..., None, :]).sum((-2, -1)).clamp(0, 1)
