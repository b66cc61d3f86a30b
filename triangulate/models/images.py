"""Images as the networks want them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

ChannelOrder = Literal["rgb", "bgr"]

# ImageNet's statistics of red, green and blue in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalise_images(images: Tensor, *, channel_order: ChannelOrder = "rgb") -> Tensor:
    """Bring pixel values to mean zero and variance one.

    Args:
        images: (*B, 3, H, W) uint8 RGB.
        channel_order: the order in which the network takes its channels. The published weights
            were trained on BGR images with the statistics of RGB: "bgr" does that to an RGB image.

    Returns:
        (*B, 3, H, W) float32.
    """
    if images.dtype != torch.uint8 or images.ndim < 3 or images.shape[-3] != 3:
        raise ValueError(
            f"images must be uint8 of shape (*B, 3, H, W), got {images.dtype} of shape "
            f"{tuple(images.shape)}"
        )
    if channel_order not in ("rgb", "bgr"):
        raise ValueError(f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}")
    ordered = images.flip(-3) if channel_order == "bgr" else images
    scale = torch.tensor([255.0 * std for std in _STD], device=images.device)[:, None, None]
    shift = torch.tensor(
        [mean / std for mean, std in zip(_MEAN, _STD, strict=True)], device=images.device
    )[:, None, None]
    return ordered / scale - shift
