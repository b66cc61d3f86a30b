"""Networks from images to heatmaps, features and confidences.

`PoseResNet` is the published backbone (Xiao et al. 2018, "Simple Baselines", with the confidence
head of Iskakov et al. 2019); its parameters have the published names. `PoseUNet` is small enough to
be trained on a processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from triangulate.geometry.heatmap import soft_argmax_2d
from triangulate.models.confidence_heads import (
    HEAD_CELLS,
    ChannelConfidence,
    ConfidenceHead,
    JointConfidence,
)
from triangulate.models.context import ContextBlock
from triangulate.models.map_statistics import map_statistics
from triangulate.models.residual import BasicBlock, Bottleneck, Style, conv_bn_relu, stage

DEPTHS: dict[int, tuple[type[BasicBlock | Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
"""ResNets by their number of layers: of which blocks, and how many in each stage."""


@dataclass(frozen=True)
class Maps:
    """What a backbone makes of N images.

    Attributes:
        heatmaps: (N, J, h, w) before any normalising, float32 also under autocast.
        features: (N, C, h, w).
        confidence: (N, n) in (0, 1): one a joint, or one a feature channel; None without a head.
    """

    heatmaps: Tensor
    features: Tensor
    confidence: Tensor | None


# --- PoseResNet -----------------------------------------------------------------------------------


class PoseResNet(nn.Module):
    """A ResNet with three deconvolutions: (N, 3, H, W) images to maps of H / 4 x W / 4."""

    stride = 32
    feature_channels = 256

    @property
    def least_side(self) -> int:
        """Of images, pixels."""
        return self.stride if self.num_confidences is None else HEAD_CELLS * self.stride

    def __init__(
        self,
        num_joints: int = 17,
        *,
        depth: int = 152,
        num_confidences: int | None = None,
        style: Style = "simple",
    ) -> None:
        """A network with random weights.

        Args:
            num_joints: J.
            depth: 18, 34, 50, 101 or 152 layers.
            num_confidences: None for no head; as many as joints: one a joint (`alg_confidences`);
                any other number: one a feature channel (`vol_confidences`).
            style: where a bottleneck has its stride: "simple" on the 3x3, "caffe" on the first 1x1.
        """
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {list(DEPTHS)}, got {depth}")
        if style not in ("simple", "caffe"):
            raise ValueError(f"style must be 'simple' or 'caffe', got {style!r}")
        self.num_joints, self.num_confidences, self.depth = num_joints, num_confidences, depth
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        block, counts = DEPTHS[depth]
        widths = [64, 64 * block.expansion, 128 * block.expansion, 256 * block.expansion]
        self.layer1 = stage(block, widths[0], 64, counts[0], 1, style)
        self.layer2 = stage(block, widths[1], 128, counts[1], 2, style)
        self.layer3 = stage(block, widths[2], 256, counts[2], 2, style)
        self.layer4 = stage(block, widths[3], 512, counts[3], 2, style)
        bottom = 512 * block.expansion
        if num_confidences == num_joints:
            self.alg_confidences = ConfidenceHead(bottom, num_confidences)
        elif num_confidences is not None:
            self.vol_confidences = ConfidenceHead(bottom, num_confidences)
        self.deconv_layers = _deconvolutions(bottom, self.feature_channels)
        self.final_layer = nn.Conv2d(self.feature_channels, num_joints, 1)
        _initialise(self)

    def forward(self, images: Tensor) -> Maps:
        """(N, 3, H, W) normalised; H and W multiples of 32."""
        _check_images(images, self)
        stem = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        bottom = self.layer4(self.layer3(self.layer2(self.layer1(stem))))
        features = self.deconv_layers(bottom)
        heatmaps = _in_float32(self.final_layer, features)
        return Maps(heatmaps, features, self._confidence(bottom))

    def _confidence(self, bottom: Tensor) -> Tensor | None:
        if self.num_confidences is None:
            return None
        if self.num_confidences == self.num_joints:
            return self.alg_confidences(bottom)
        return self.vol_confidences(bottom)


# --- PoseUNet -------------------------------------------------------------------------------------


class PoseUNet(nn.Module):
    """A small encoder and decoder: (N, 3, H, W) images to maps of H / 4 x W / 4."""

    stride = least_side = 16

    def __init__(
        self,
        num_joints: int = 17,
        *,
        channels: Sequence[int] = (32, 64, 128, 192),
        context_blocks: int = 2,
        num_confidences: int | None = None,
        heatmap_multiplier: float = 100.0,
        detach_mass: bool = True,
    ) -> None:
        """A network with random weights.

        Args:
            num_joints: J.
            channels: of the stem, at half the image's size, and of three stages, each at half the
                size of what is before it.
            context_blocks: of attention at the bottom.
            num_confidences: None for no head; as many as joints: one a joint (`JointConfidence`);
                any other number: one a feature channel (`ChannelConfidence`).
            heatmap_multiplier: what the estimator multiplies heatmaps with before the softmax: the
                confidence head looks at the same mass.
            detach_mass: whether the confidences leave the heatmaps alone in training.
        """
        super().__init__()
        if len(channels) != 4:
            raise ValueError(f"channels must be four numbers, got {list(channels)}")
        stem, fine, middle, deep = channels
        self.num_joints, self.num_confidences = num_joints, num_confidences
        self.channels, self.feature_channels = tuple(channels), fine
        self.heatmap_multiplier, self.detach_mass = heatmap_multiplier, detach_mass
        self.stem = nn.Sequential(*conv_bn_relu(3, stem, stride=2), *conv_bn_relu(stem, stem))
        self.stage1 = stage(BasicBlock, stem, fine, 2, 2)
        self.stage2 = stage(BasicBlock, fine, middle, 2, 2)
        self.stage3 = stage(BasicBlock, middle, deep, 2, 2)
        self.lateral2 = nn.Conv2d(deep, middle, 1)
        self.merge2 = nn.Sequential(*conv_bn_relu(middle, middle))
        self.lateral1 = nn.Conv2d(middle, fine, 1)
        self.merge1 = nn.Sequential(*conv_bn_relu(fine, fine))
        self.final_layer = nn.Conv2d(fine, num_joints, 1)
        self.confidences: JointConfidence | ChannelConfidence | None = None
        if num_confidences == num_joints:
            self.confidences = JointConfidence(num_joints, fine, deep)
        elif num_confidences is not None:
            self.confidences = ChannelConfidence(num_joints, deep, num_confidences)
        _initialise(self)
        self.context = nn.Sequential(*(ContextBlock(deep) for _ in range(context_blocks)))

    def forward(self, images: Tensor) -> Maps:
        """(N, 3, H, W) normalised; H and W multiples of 16."""
        _check_images(images, self)
        fine = self.stage1(self.stem(images))
        middle = self.stage2(fine)
        bottom = self.context(self.stage3(middle))
        merged = self.merge2(_twice(self.lateral2(bottom)) + middle)
        features = self.merge1(_twice(self.lateral1(merged)) + fine)
        heatmaps = _in_float32(self.final_layer, features)
        if self.confidences is None:
            return Maps(heatmaps, features, None)
        seen = heatmaps.detach() if self.detach_mass else heatmaps
        points, mass = soft_argmax_2d(seen * self.heatmap_multiplier)
        statistics = map_statistics(mass, points)
        return Maps(heatmaps, features, self.confidences(bottom, features, mass, statistics))


# --- Parts ----------------------------------------------------------------------------------------


def _deconvolutions(before: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, width, width):
        deconv = nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False)
        layers += [deconv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _twice(maps: Tensor) -> Tensor:
    return nn.functional.interpolate(maps, scale_factor=2.0, mode="nearest")


def _in_float32(layer: nn.Conv2d, features: Tensor) -> Tensor:
    """Heatmaps are sharpened by a large factor: half precision would put steps into them."""
    with torch.autocast(features.device.type, enabled=False):
        return layer(features.float())


def _initialise(network: nn.Module) -> None:
    """He et al. 2015 for convolutions; nearly flat heatmaps to begin with."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.001)
    final = network.final_layer
    if isinstance(final, nn.Conv2d):
        nn.init.normal_(final.weight, std=0.001)


def check_image_size(backbone: PoseResNet | PoseUNet, size: tuple[int, int]) -> None:
    """Refuse images of a (width, height) that a backbone cannot take.

    Raises:
        ValueError: what it takes.
    """
    if any(side % backbone.stride or side < backbone.least_side for side in size):
        raise ValueError(
            f"the images' sides must be multiples of {backbone.stride} pixels, at least "
            f"{backbone.least_side}, got {size[0]} x {size[1]}"
        )


def _check_images(images: Tensor, backbone: PoseResNet | PoseUNet) -> None:
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must have shape (N, 3, H, W), got {tuple(images.shape)}")
    check_image_size(backbone, (images.shape[-1], images.shape[-2]))
