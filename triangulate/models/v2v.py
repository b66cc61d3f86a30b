"""The network on volumes: V2V, an hourglass of 3D convolutions.

After Moon, Chang & Lee, "V2V-PoseNet", CVPR 2018, in the shape that Iskakov et al. 2019 give it;
the parameters carry the names of their published weights.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

PUBLISHED_CHANNELS = (32, 64, 128, 128, 128, 128)
SMALL_CHANNELS = (16, 32, 32)
"""410,000 parameters with 17 joints and `front_kernel=3`: to correct a log-sum at 32^3."""


class V2V(nn.Module):
    """Volumes to volumes of the same size.

    bf16 autocast and `torch.channels_last_3d` suit it; `folded` is a copy for inference.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        channels: at full, half, quarter ... resolution.
        front_channels: after the first layer.
        front_kernel: edge of the first layer's kernel.
        zero_output: the last layer starts at zero, so that an untrained network adds nothing to
            what its output is added to.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        channels: Sequence[int] = PUBLISHED_CHANNELS,
        front_channels: int = 16,
        front_kernel: int = 7,
        zero_output: bool = False,
    ) -> None:
        """Build with Xavier weights."""
        super().__init__()
        if len(channels) < 2:
            raise ValueError(f"channels must name at least two resolutions, got {channels}")
        full = channels[0]
        self.in_channels, self.out_channels = in_channels, out_channels
        self.size_multiple = 2 ** (len(channels) - 1)
        self.front_layers = nn.Sequential(
            Basic(in_channels, front_channels, front_kernel),
            Residual(front_channels, full),
            Residual(full, full),
            Residual(full, full),
        )
        self.encoder_decoder = Hourglass(channels)
        self.back_layers = nn.Sequential(
            Residual(full, full), Basic(full, full, 1), Basic(full, full, 1)
        )
        self.output_layer = nn.Conv3d(full, out_channels, 1)
        self.apply(_start_as_xavier)
        if zero_output:
            nn.init.zeros_(self.output_layer.weight)

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> (B, out_channels, X, Y, Z)."""
        if volumes.ndim != 5 or volumes.shape[1] != self.in_channels:
            raise ValueError(
                f"volumes must have shape (B, {self.in_channels}, X, Y, Z), "
                f"got {tuple(volumes.shape)}"
            )
        if any(size % self.size_multiple for size in volumes.shape[2:]):
            raise ValueError(
                f"the sizes of volumes must be multiples of {self.size_multiple}, "
                f"got {tuple(volumes.shape[2:])}"
            )
        inner = self.encoder_decoder(self.front_layers(volumes))
        return self.output_layer(self.back_layers(inner))

    def folded(self) -> V2V:
        """A copy for inference whose batch normalisations have become part of the convolutions."""
        copied = copy.deepcopy(self).eval()
        for module in copied.modules():
            if isinstance(module, nn.Sequential):
                _fold(module)
        return copied


class Basic(nn.Module):
    """Convolution, normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        """Build."""
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv3d(in_channels, out_channels, kernel, padding=kernel // 2),
            nn.BatchNorm3d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> (B, C', X, Y, Z)."""
        return self.block(volumes)


class Residual(nn.Module):
    """Two convolutions beside a skip connection."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Build."""
        super().__init__()
        self.res_branch = nn.Sequential(
            nn.Conv3d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm3d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv3d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm3d(out_channels),
        )
        self.skip_con = nn.Sequential()
        if in_channels != out_channels:
            self.skip_con = nn.Sequential(
                nn.Conv3d(in_channels, out_channels, 1), nn.BatchNorm3d(out_channels)
            )

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> (B, C', X, Y, Z)."""
        return torch.relu(self.res_branch(volumes) + self.skip_con(volumes))


class Upsample(nn.Module):
    """Twice the resolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Build."""
        super().__init__()
        self.block = nn.Sequential(
            nn.ConvTranspose3d(in_channels, out_channels, 2, stride=2),
            nn.BatchNorm3d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> (B, C', 2X, 2Y, 2Z)."""
        return self.block(volumes)


class Hourglass(nn.Module):
    """Down through the resolutions and up again, with a skip connection at each."""

    def __init__(self, channels: Sequence[int]) -> None:
        """Build for `channels` from the full resolution down."""
        super().__init__()
        self.depth = len(channels) - 1
        for level in range(1, self.depth + 1):
            above, below = channels[level - 1], channels[level]
            self.add_module(f"skip_res{level}", Residual(above, above))
            self.add_module(f"encoder_res{level}", Residual(above, below))
            self.add_module(f"decoder_res{level}", Residual(below, below))
            self.add_module(f"decoder_upsample{level}", Upsample(below, above))
        self.mid_res = Residual(channels[-1], channels[-1])

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> the same shape."""
        skipped = []
        for level in range(1, self.depth + 1):
            skipped.append(self.get_submodule(f"skip_res{level}")(volumes))
            volumes = nn.functional.max_pool3d(volumes, 2)
            volumes = self.get_submodule(f"encoder_res{level}")(volumes)
        volumes = self.mid_res(volumes)
        for level in range(self.depth, 0, -1):
            volumes = self.get_submodule(f"decoder_res{level}")(volumes)
            volumes = self.get_submodule(f"decoder_upsample{level}")(volumes) + skipped.pop()
        return volumes


def _start_as_xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _fold(layers: nn.Sequential) -> None:
    """Give each convolution the normalisation behind it, in place; layers keep their numbers."""
    for index in range(len(layers) - 1):
        conv, norm = layers[index], layers[index + 1]
        if not isinstance(conv, nn.Conv3d | nn.ConvTranspose3d):
            continue
        if not isinstance(norm, nn.BatchNorm3d):
            continue
        if norm.running_mean is None or norm.running_var is None:
            continue
        conv.weight, bias = fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
            transpose=isinstance(conv, nn.ConvTranspose3d),
        )
        conv.bias = bias
        layers[index + 1] = nn.Identity()
