from __future__ import annotations

import pytest
import torch

from triangulate.models.images import normalise_images


def test_a_value_by_hand() -> None:
    images = torch.tensor([255, 0, 51], dtype=torch.uint8)[:, None, None].expand(3, 2, 5)
    expected = torch.tensor(
        [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225], dtype=torch.float32
    )
    found = normalise_images(images)
    assert found.dtype == torch.float32 and found.shape == (3, 2, 5)
    torch.testing.assert_close(found[:, 1, 4], expected)


@pytest.mark.parametrize("leading", [(), (1,), (3, 1, 2)])
def test_the_published_order_puts_statistics_of_rgb_on_bgr(leading: tuple[int, ...]) -> None:
    source = torch.Generator().manual_seed(0)
    images = torch.randint(256, (*leading, 3, 4, 6), dtype=torch.uint8, generator=source)
    found = normalise_images(images, channel_order="bgr")
    torch.testing.assert_close(found, normalise_images(images.flip(-3)))
    assert found.shape == images.shape


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(3, 4, 4), "uint8"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), "H, W"),
        (torch.zeros(4, 4, dtype=torch.uint8), "H, W"),
    ],
)
def test_other_images_are_refused(images: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        normalise_images(images)


def test_another_order_is_refused() -> None:
    with pytest.raises(ValueError, match="'rgb' or 'bgr', got 'gbr'"):
        normalise_images(torch.zeros(3, 4, 4, dtype=torch.uint8), channel_order="gbr")  # type: ignore[arg-type]
