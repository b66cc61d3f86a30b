"""A batch's way through a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from triangulate.data.sample import Sample
from triangulate.errors import InputError
from triangulate.models.backbone import PoseResNet, PoseUNet, check_image_size
from triangulate.models.images import ChannelOrder, normalise_images
from triangulate.models.prediction import Prediction

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Passing:
    """How batches go through networks.

    Attributes:
        device: where the arithmetic is done.
        precision: of the convolutions.
        channels_last: the images' order in memory.
    """

    device: torch.device
    precision: Precision = "float32"
    channels_last: bool = False

    def prepared(self, model: nn.Module) -> nn.Module:
        """The model on the device, in the memory order."""
        model = model.to(self.device)
        if self.channels_last:
            for value in model.parameters():
                if value.ndim == 4:  # those of volumes keep theirs
                    value.data = value.data.contiguous(memory_format=torch.channels_last)
        return model

    def __call__(
        self, model: nn.Module, sample: Sample, options: Mapping[str, Any] | None = None
    ) -> Prediction:
        """What the model says of a batch, with gradients where it is in training mode.

        Args:
            model: one that takes images, cameras and views.
            sample: a batch on the device.
            options: further arguments of the model, such as `keep_maps`.
        """
        order: ChannelOrder = getattr(model, "channel_order", "rgb")
        images = normalise_images(sample.images, channel_order=order)
        if self.channels_last:
            flat = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            images = flat.unflatten(0, images.shape[:2])
        enabled = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=enabled):
            return model(images, sample.cameras, sample.views, **(options or {}))


def check_size(model: nn.Module, size: Sequence[int], setting: str) -> None:
    """Refuse crops of a (width, height) that a model cannot take.

    Raises:
        InputError: names the setting that says so.
    """
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, PoseResNet | PoseUNet):
        return
    try:
        check_image_size(backbone, (size[0], size[1]))
    except ValueError as error:
        raise InputError(f"{setting}: {error}") from None


def choose_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device a setting names.

    Raises:
        InputError: it is not there.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        built = torch.version.cuda is not None
        reason = "no NVIDIA GPU is in sight" if built else "this PyTorch is built without CUDA"
        raise InputError(f"device: cuda cannot be used ({reason}); set it to cpu or auto")
    return torch.device("cuda" if there and name != "cpu" else "cpu")
