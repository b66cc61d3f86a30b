"""A batch's way through a network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from spots import Spots
from torch import Tensor, nn

from triangulate.errors import InputError
from triangulate.evaluation.measuring import batches
from triangulate.evaluation.passing import Passing, choose_device
from triangulate.models.images import normalise_images

CPU = torch.device("cpu")


class Noting(nn.Module):
    """Keeps what it was given."""

    def __init__(self, channel_order: str = "rgb") -> None:
        super().__init__()
        self.channel_order = channel_order
        self.conv, self.volume = nn.Conv2d(3, 2, 3), nn.Conv3d(1, 1, 3)

    def forward(self, images: Tensor, cameras: Any, views: Tensor, **options: Any) -> Any:
        self.given, self.views, self.options = images, views, options
        self.made = self.conv(images.flatten(0, 1))
        return None


@pytest.mark.parametrize("channel_order", ["rgb", "bgr"])
def test_images_are_normalised_as_the_network_wants_them(channel_order: str) -> None:
    sample = next(batches(Spots(), 2, 2))
    model = Noting(channel_order)
    Passing(CPU)(model, sample, {"keep_maps": True})
    expected = normalise_images(sample.images, channel_order=channel_order)  # type: ignore[arg-type]
    assert torch.equal(model.given, expected)
    assert torch.equal(model.views, sample.views)
    assert model.options == {"keep_maps": True}
    assert model.made.dtype == torch.float32


def test_half_precision_and_another_order_in_memory() -> None:
    sample = next(batches(Spots(), 2, 2))
    passing = Passing(CPU, "bfloat16", channels_last=True)
    model = passing.prepared(Noting())
    passing(model, sample)
    assert model.made.dtype == torch.bfloat16
    assert model.given.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    weight = next(model.parameters())
    assert weight.dtype == torch.float32
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(model.given, normalise_images(sample.images))


def test_the_device() -> None:
    assert choose_device("cpu") == CPU
    if torch.cuda.is_available():
        assert choose_device("auto").type == "cuda"
    else:
        assert choose_device("auto") == CPU
        with pytest.raises(InputError, match="cuda cannot be used"):
            choose_device("cuda")
