"""Changes of pixels: colours, sharpness, noise, and things in front of people.

All take (N, 3, H, W) float images in [0, 255], N = B V, and return new ones, each image changed by
an amount of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from triangulate.data.lots import Lots
from triangulate.errors import InputError

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
_TEXTURE_CELLS = 8


def jitter_colours(
    images: Tensor,
    lots: Lots,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue_rad: float = 0.0,
) -> Tensor:
    """Vary colours: all at once, as one affine map of (r, g, b) an image.

    Args:
        images: (N, 3, H, W).
        lots: all that varies.
        brightness: factors in 1 +- this.
        contrast: factors in 1 +- this, about the image's mean grey.
        saturation: factors in 1 +- this, about each pixel's grey.
        hue_rad: colours turn about the axis of greys by up to this much, either way.
    """
    spreads = (brightness, contrast, saturation)
    factors = [lots.images(1, 1, low=1 - s, high=1 + s).to(images) for s in spreads]
    bright, contrasty, saturated = factors
    turn = hue_rotation(lots.images(low=-hue_rad, high=hue_rad).to(images))
    weights = images.new_tensor(_GREY)
    identity = torch.eye(3, dtype=images.dtype, device=images.device)
    saturate = saturated * identity + (1 - saturated) * weights.expand(3, 3)
    flat = images.flatten(2)
    mean_grey = (flat.mean(-1) @ weights)[:, None, None]
    offset = (bright * (1 - contrasty) * mean_grey).expand(-1, 3, 1)
    return torch.baddbmm(offset, bright * contrasty * saturate @ turn, flat).view_as(images)


def hue_rotation(angle_rad: Tensor) -> Tensor:
    """Rotations of (r, g, b) about the axis of greys, (N,) -> (N, 3, 3)."""
    cos, sin = torch.cos(angle_rad)[:, None, None], torch.sin(angle_rad)[:, None, None]
    along = angle_rad.new_full((3, 3), 1 / 3)
    identity = torch.eye(3, dtype=angle_rad.dtype, device=angle_rad.device)
    across = angle_rad.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return cos * identity + (1 - cos) * along + sin * across


def blur(images: Tensor, lots: Lots, sigma_px: float, share: float) -> Tensor:
    """Blur a share of the images by Gaussians of up to `sigma_px`."""
    index = _some(lots, share).to(images.device)
    sigma = lots.images(1, low=0.1 * sigma_px, high=sigma_px).to(images)[index]
    if not len(index):
        return images
    reach = min(math.ceil(2.5 * sigma_px), (min(images.shape[-2:]) - 1) // 2)
    side = 2 * reach + 1
    softened = _kornia().filters.gaussian_blur2d(images[index], (side, side), sigma.expand(-1, 2))
    return images.index_copy(0, index, softened)


def add_noise(images: Tensor, lots: Lots, sigma: float, share: float) -> Tensor:
    """Add Gaussian noise of up to `sigma` (of 255) to a share of the images."""
    index = _some(lots, share)
    amount = lots.images(1, 1, 1, high=sigma)[index].to(images)
    field = lots.normal_fields(index, images.shape[1:], images.device)
    return images.index_add(0, index.to(images.device), field.mul_(amount))


def _some(lots: Lots, share: float) -> Tensor:
    """The indices of images, each there with a probability of `share`."""
    return (lots.images() < share).nonzero()[:, 0]


def _kornia() -> ModuleType:
    try:
        import kornia
    except ImportError:
        raise InputError(
            'blurring images needs kornia: pip install "triangulate[train]", or leave blur_px out'
        ) from None
    return kornia


# --- Things in front ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Patches:
    """K patches in each of N images: rectangles, or the ellipses in them.

    Attributes:
        centre_px: (N, K, 2).
        half_px: (N, K, 2) half width and half height; zero: there is none.
        is_round: (N, K) an ellipse.
    """

    centre_px: Tensor
    half_px: Tensor
    is_round: Tensor

    def cover(self, points_px: Tensor) -> Tensor:
        """Whether any patch of its image lies over a point, (N, J, 2) -> (N, J)."""
        offset = points_px[:, None] - self.centre_px[:, :, None].to(points_px)
        half = self.half_px[:, :, None].to(points_px)
        x, y = (offset / half.clamp_min(1e-6)).unbind(-1)  # (N, K, J)
        return self._holds(x, y, self.is_round[..., None]).any(1)

    def masks(self, width: int, height: int) -> Tensor:
        """(N, H, W) the pixels that any patch covers."""
        half = self.half_px.clamp_min(1e-6)
        columns, rows = (torch.arange(n, device=half.device) for n in (width, height))
        x = (columns - self.centre_px[..., :1]) / half[..., :1]
        y = (rows - self.centre_px[..., 1:]) / half[..., 1:]
        holds = self._holds(x[..., None, :], y[..., None], self.is_round[..., None, None])
        return holds.any(1)

    @staticmethod
    def _holds(x: Tensor, y: Tensor, is_round: Tensor) -> Tensor:
        in_box = (x.abs() <= 1) & (y.abs() <= 1)
        return in_box & (~is_round | (x.square() + y.square() <= 1))


def random_patches(
    lots: Lots,
    image_size: tuple[int, int],
    *,
    at_most: int,
    share: float,
    side: Sequence[float],
) -> Patches:
    """Patches anywhere in the images.

    Args:
        lots: all that varies.
        image_size: (width, height).
        at_most: K; an image that has any has 1 to K.
        share: the probability that an image has any.
        side: shortest and longest side of a patch, as shares of the image's.
    """
    shortest, longest = side
    centre = lots.images(at_most, 2)
    size = centre.new_tensor(image_size)
    half = 0.5 * size * lots.images(at_most, 2, low=shortest, high=longest)
    has_any = lots.images() < share
    number = has_any * (1 + (lots.images() * at_most).floor())
    exists = torch.arange(at_most, device=size.device) < number[:, None]
    return Patches(centre * size - 0.5, half * exists[..., None], lots.images(at_most) < 0.5)


def draw_patches(images: Tensor, patches: Patches, lots: Lots) -> Tensor:
    """Paint patches over images: one colour an image, with soft blotches of some strength."""
    height, width = images.shape[-2:]
    colour = lots.images(3, 1, 1, high=255.0)
    strength = lots.images(1, 1, 1, high=255.0)
    cells = lots.images(1, _TEXTURE_CELLS, _TEXTURE_CELLS, low=-1.0)
    index = (patches.half_px > 0).flatten(1).any(1).nonzero()[:, 0]
    if not len(index):
        return images
    coarse = (strength * cells)[index].to(images)
    blotches = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    paint = (blotches + colour[index].to(images)).clamp_(0, 255)
    parts = (patches.centre_px, patches.half_px, patches.is_round)
    covered = Patches(*(part[index].to(images.device) for part in parts)).masks(width, height)
    index = index.to(images.device)
    painted = torch.where(covered[:, None], paint, images[index])
    return images.index_copy(0, index, painted)
