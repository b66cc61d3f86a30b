from __future__ import annotations

import math
import sys

import pytest
import torch

from triangulate.data.lots import Lots
from triangulate.data.pixels import (
    Patches,
    add_noise,
    blur,
    draw_patches,
    hue_rotation,
    jitter_colours,
    random_patches,
)
from triangulate.errors import InputError
from triangulate.synthetic.draws import seeded


@pytest.fixture
def images():
    return 255 * torch.rand(6, 3, 20, 30, generator=seeded(1))


def lots(seed: int = 0) -> Lots:
    return Lots(seeded(seed), 3, 2)


# --- Colours --------------------------------------------------------------------------------------


def test_nothing_varied_is_nothing_changed(images):
    assert torch.allclose(jitter_colours(images, lots()), images, atol=1e-3)


def test_brightness_is_a_factor(images):
    factor = jitter_colours(images, lots(), brightness=0.5) / images
    assert torch.allclose(factor, factor[:, :1, :1, :1].expand_as(factor), rtol=1e-4)
    assert 0.5 <= factor.min() < factor.max() <= 1.5
    assert len(factor[:, 0, 0, 0].unique()) == 6


def test_contrast_keeps_the_mean_grey(images):
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    changed = jitter_colours(images, lots(), contrast=0.5)
    before, after = ((x * weights).sum(1) for x in (images, changed))
    assert torch.allclose(before.mean((1, 2)), after.mean((1, 2)), atol=1e-3)
    factor = after.std((1, 2)) / before.std((1, 2))
    assert 0.5 < factor.min() < 0.9 or 1.1 < factor.max() < 1.5


def test_saturation_is_kornias(images):
    kornia = pytest.importorskip("kornia")
    factor = Lots(seeded(0), 3, 2)
    factor.images(1, 1)
    factor.images(1, 1)
    amount = factor.images(1, 1, low=0.6, high=1.4).flatten()
    expected = kornia.enhance.adjust_saturation_with_gray_subtraction(images / 255, amount)
    changed = jitter_colours(images, lots(), saturation=0.4) / 255
    assert torch.allclose(changed.clamp(0, 1), expected.clamp(0, 1), atol=2e-3)


def test_hue_turns_about_grey():
    turn = hue_rotation(torch.tensor([2 * math.pi / 3, 0.7]))
    red = torch.tensor([1.0, 0, 0])
    assert torch.allclose(turn[0] @ red, torch.tensor([0.0, 1, 0]), atol=1e-6)
    assert torch.allclose(turn @ torch.ones(3), torch.ones(2, 3), atol=1e-6)
    assert torch.allclose(turn @ turn.mT, torch.eye(3).expand(2, 3, 3), atol=1e-6)


# --- Blur and noise -------------------------------------------------------------------------------


def test_blur_keeps_where_light_lies():
    image = torch.zeros(6, 3, 41, 61)
    image[:, :, 20, 30] = 255
    blurred = blur(image, lots(), 1.5, share=1.0)
    x, y = torch.arange(61.0), torch.arange(41.0)
    total = blurred.sum((2, 3))
    assert torch.allclose(total, torch.full((6, 3), 255.0), rtol=1e-4)
    assert torch.allclose((blurred.sum(2) * x).sum(-1) / total, torch.tensor(30.0), atol=1e-3)
    assert torch.allclose((blurred.sum(3) * y).sum(-1) / total, torch.tensor(20.0), atol=1e-3)
    variance = (blurred.sum(2) * (x - 30).square()).sum(-1)[:, 0] / total[:, 0]
    assert len(variance.unique()) == 6
    assert variance.max() < 1.5**2 + 0.1


def test_a_share_is_blurred_and_the_input_stays(images):
    before = images.clone()
    is_changed = (blur(images, lots(2), 2.0, share=0.5) != images).flatten(1).any(1)
    assert 0 < is_changed.sum() < 6
    assert torch.equal(blur(images, lots(), 2.0, share=0.0), images)
    assert torch.equal(images, before)


def test_blur_names_what_it_needs(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "kornia", None)
    with pytest.raises(InputError, match=r"pip install \"triangulate\[train\]\""):
        blur(images, lots(), 2.0, share=1.0)


def test_noise_has_the_amount_asked_for():
    image = torch.full((6, 3, 64, 64), 100.0)
    noisy = add_noise(image, lots(), 10.0, share=1.0)
    sigma = noisy.std((1, 2, 3))
    assert sigma.max() <= 10.5
    assert len(sigma.unique()) == 6
    assert torch.allclose(noisy.mean((1, 2, 3)), torch.tensor(100.0), atol=0.4)
    assert torch.equal(add_noise(image, lots(), 10.0, share=0.0), image)


# --- Patches --------------------------------------------------------------------------------------


def test_what_a_patch_covers():
    patches = Patches(
        torch.tensor([[[10.0, 5.0], [20.0, 5.0]], [[10.0, 5.0], [0.0, 0.0]]]),
        torch.tensor([[[3.0, 2.0], [2.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]]),
        torch.tensor([[False, True], [False, False]]),
    )
    points = torch.tensor([[12.9, 6.9], [13.1, 5.0], [21.9, 5.0], [21.7, 6.7], [10.0, 5.0]])
    covered = patches.cover(points.expand(2, 5, 2))
    assert covered[0].tolist() == [True, False, True, False, True]
    masks = patches.masks(30, 12)
    assert masks.shape == (2, 12, 30)
    assert int(masks[0].sum()) == 7 * 5 + 13  # and a disc of radius 2
    # what has no size covers at most the very point it is at
    assert int(masks[1].sum()) <= 2


def test_pixels_and_points_are_covered_alike():
    patches = random_patches(lots(), (30, 20), at_most=3, share=0.7, side=(0.1, 0.5))
    x, y = torch.meshgrid(torch.arange(30.0), torch.arange(20.0), indexing="xy")
    points = torch.stack([x, y], -1).view(1, -1, 2).expand(6, -1, 2)
    assert torch.equal(patches.cover(points).view(6, 20, 30), patches.masks(30, 20))
    has_any = (patches.half_px > 0).flatten(1).any(1)
    assert 0 < has_any.sum() < 6


def test_patches_are_painted_where_they_are(images):
    patches = random_patches(lots(), (30, 20), at_most=2, share=1.0, side=(0.2, 0.4))
    painted = draw_patches(images, patches, lots(1))
    is_changed = (painted != images).any(1)
    assert torch.equal(is_changed, patches.masks(30, 20))
    assert 0 <= painted.min() <= painted.max() <= 255
    nowhere = random_patches(lots(), (30, 20), at_most=2, share=0.0, side=(0.2, 0.4))
    assert torch.equal(draw_patches(images, nowhere, lots(1)), images)
