"""Variations of moments, for training.

Each keeps what holds of a moment: `cameras.project` of the joints lands on what the images show of
them, and `visible` says whether it is seen.

* Colours, blur, noise (`triangulate.data.pixels`); patches in front of the person, which hide the
  joints behind them.
* Turning, scaling and shifting an image is `Camera.warped`, exact for distorted lenses too.
* A mirrored image is one of no camera. It is one of the mirrored world: points are reflected
  through the plane x = 0, left and right joints change names, and all views are mirrored together.
* Views that are dropped.

They take batches, on any device, and all that varies from the generators that are passed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from triangulate.data.crops import is_inside
from triangulate.data.lots import Generators, Lots
from triangulate.data.pixels import (
    Patches,
    add_noise,
    blur,
    draw_patches,
    jitter_colours,
    random_patches,
)
from triangulate.data.sample import Sample
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import LENS_MODELS, Lens
from triangulate.geometry.rigid import Rigid
from triangulate.skeleton import Skeleton

_FISHEYE = LENS_MODELS.index("fisheye")
_P2 = 3  # where the radtan and rational models have the coefficient that mirroring negates


@dataclass(frozen=True)
class Augmentation:
    """How much moments are varied; as it stands, not at all.

    Attributes:
        brightness: factors in 1 +- this.
        contrast: factors in 1 +- this.
        saturation: factors in 1 +- this.
        hue_deg: colours turn by up to this much.
        blur_px: standard deviation of up to this much.
        blur_share: of the images, that are blurred.
        noise: standard deviation of up to this much, of a full scale of 255.
        noise_share: of the images, that get noise.
        patches: most in front of one image.
        patch_share: of the images, that get any.
        patch_side: shortest and longest, as shares of the image's side.
        rotation_deg: images turn by up to this much.
        scale: factors between 1 / (1 + this) and 1 + this.
        shift: images move by up to this share of their size.
        mirror_share: of the moments, that are mirrored.
        drop_share: of the moments, that lose views.
        min_views: how many views a moment keeps at least, of those it has.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue_deg: float = 0.0
    blur_px: float = 0.0
    blur_share: float = 0.3
    noise: float = 0.0
    noise_share: float = 0.3
    patches: int = 0
    patch_share: float = 0.5
    patch_side: Sequence[float] = (0.1, 0.4)
    rotation_deg: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    mirror_share: float = 0.0
    drop_share: float = 0.0
    min_views: int = 2


def augment(
    sample: Sample, generators: Generators, how: Augmentation, skeleton: Skeleton
) -> Sample:
    """A varied batch.

    Args:
        sample: (B,).
        generators: what all that varies is drawn from: one, or one for each moment.
        how: how much.
        skeleton: the joints, for their sides.
    """
    lots = Lots(generators, *sample.views.shape)
    if how.mirror_share > 0:
        is_mirrored = lots.moments() < how.mirror_share
        sample = mirror(sample, is_mirrored.to(sample.views.device), skeleton)
    if max(how.rotation_deg, how.scale, how.shift) > 0:
        sample = reframe(sample, lots, how.rotation_deg, how.scale, how.shift)
    sample = change_pixels(sample, lots, how)
    if how.drop_share > 0:
        sample = drop_views(sample, lots, how.drop_share, how.min_views)
    return sample


def change_pixels(sample: Sample, lots: Lots, how: Augmentation) -> Sample:
    """Patches, blur, colours and noise, in this order; missing views stay black."""
    height, width = sample.images.shape[-2:]
    images = sample.images.flatten(0, 1).float()
    visible = sample.visible
    if how.patches > 0:
        patches = random_patches(
            lots, (width, height), at_most=how.patches, share=how.patch_share, side=how.patch_side
        )
        images = draw_patches(images, patches, lots)
        visible = visible & ~_covered(sample, patches)
    if how.blur_px > 0:
        images = blur(images, lots, how.blur_px, how.blur_share)
    if max(how.brightness, how.contrast, how.saturation, how.hue_deg) > 0:
        images = jitter_colours(
            images,
            lots,
            brightness=how.brightness,
            contrast=how.contrast,
            saturation=how.saturation,
            hue_rad=math.radians(how.hue_deg),
        )
    if how.noise > 0:
        images = add_noise(images, lots, how.noise, how.noise_share)
    pixels = _as_pixels(images).view_as(sample.images)
    return replace(sample, images=_where_seen(pixels, sample.views), visible=visible)


def _covered(sample: Sample, patches: Patches) -> Tensor:
    """(B, V, J) whether a patch lies over the joint."""
    points_px, _ = sample.cameras.project(sample.points_world[..., None, :, :])
    covered = patches.cover(points_px.flatten(0, 1).to(patches.centre_px.device))
    return covered.view_as(sample.visible).to(sample.visible.device)


# --- Geometry -------------------------------------------------------------------------------------


def reframe(
    sample: Sample,
    lots: Lots,
    rotation_deg: float = 0.0,
    scale: float = 0.0,
    shift: float = 0.0,
) -> Sample:
    """Turn, scale and shift every image about its middle; see `Augmentation`."""
    shape, (height, width) = sample.views.shape, sample.images.shape[-2:]
    angle = math.radians(rotation_deg) * lots.images(low=-1).double()
    factor = (1 + scale) ** lots.images(low=-1).double()
    size = torch.tensor([width, height], dtype=torch.float64, device=angle.device)
    moved = size * lots.images(2, low=-shift, high=shift)
    cos, sin = factor * torch.cos(angle), factor * torch.sin(angle)
    linear = torch.stack([cos, -sin, sin, cos], dim=-1).unflatten(-1, (2, 2))
    middle = (size - 1) / 2
    offset = middle + moved - linear @ middle
    affine = torch.cat([linear, offset[..., None]], dim=-1)
    last = affine.new_tensor([0.0, 0.0, 1.0]).expand(len(affine), 1, 3)
    warped_from_image = torch.cat([affine, last], dim=-2).unflatten(0, shape)
    return warp(sample, warped_from_image.to(sample.cameras.K))


def warp(sample: Sample, warped_from_image: Tensor) -> Sample:
    """Images under affine maps of their pixels, with their cameras.

    Args:
        sample: (B,) of V views.
        warped_from_image: (B, V, 3, 3), last row 0 0 1.
    """
    height, width = sample.images.shape[-2:]
    images = sample.images.flatten(0, 1).float()
    grid = _sampling_grid(torch.linalg.inv(warped_from_image).flatten(0, 1), width, height)
    warped = torch.nn.functional.grid_sample(images, grid.to(images), align_corners=True)
    cameras = sample.cameras.warped(warped_from_image)
    points_px, _ = cameras.project(sample.points_world[..., None, :, :])
    size = torch.tensor([width, height], device=points_px.device)
    return replace(
        sample,
        images=_as_pixels(warped).view_as(sample.images),
        cameras=cameras,
        visible=sample.visible & is_inside(points_px, size),
    )


def _sampling_grid(image_from_warped: Tensor, width: int, height: int) -> Tensor:
    """Where each pixel comes from, (N, 3, 3) -> (N, H, W, 2), in grid_sample's -1 ... 1."""
    device = image_from_warped.device
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)], dtype=torch.float64, device=device)
    rows = (image_from_warped[:, :2] * scale[:, None]).float()  # (N, 2, 3)
    columns, lines = (torch.arange(n, dtype=rows.dtype, device=device) for n in (width, height))
    by_column = rows[:, None, None, :, 0] * columns[:, None]  # (N, 1, W, 2)
    by_line = rows[:, None, None, :, 1] * lines[:, None, None] + rows[:, None, None, :, 2] - 1
    return by_column + by_line


def mirror(sample: Sample, is_mirrored: Tensor, skeleton: Skeleton) -> Sample:
    """Mirror moments: the world through the plane x = 0, and with it every image.

    Args:
        sample: (B,).
        is_mirrored: (B,) which moments.
        skeleton: the joints, for their sides.
    """
    order = torch.from_numpy(skeleton.flip_permutation()).to(is_mirrored.device)
    through_plane = sample.points_world.new_tensor([-1.0, 1.0, 1.0])
    by_moment, by_view = is_mirrored[..., None], is_mirrored[..., None, None]
    cameras = _mirrored(sample.cameras, sample.images.shape[-1])
    return replace(
        sample,
        images=torch.where(by_view[..., None, None], sample.images.flip(-1), sample.images),
        cameras=_where(by_moment, cameras, sample.cameras),
        points_world=torch.where(
            by_view, sample.points_world[..., order, :] * through_plane, sample.points_world
        ),
        known=torch.where(by_moment, sample.known[..., order], sample.known),
        visible=torch.where(by_view, sample.visible[..., order], sample.visible),
    )


def _mirrored(cameras: Camera, width: int) -> Camera:
    """The cameras that see the mirrored world as the mirror images of what they see now.

    With F = diag(-1, 1, 1) in both the world and the camera: R' = F R F, t' = F t; the lens keeps
    all but the tangential coefficient along x; u' = width - 1 - u.
    """
    flip = torch.diag(cameras.K.new_tensor([-1.0, 1.0, 1.0]))
    flip_px = flip.clone()
    flip_px[0, 2] = width - 1
    pose = cameras.cam_from_world
    turned = Rigid(flip @ pose.rotation @ flip, pose.translation @ flip)
    sign = torch.ones_like(cameras.lens.coefficients)
    sign[..., _P2] = torch.where(cameras.lens.model == _FISHEYE, 1.0, -1.0).to(sign)
    lens = Lens(cameras.lens.model, cameras.lens.coefficients * sign)
    return Camera(flip_px @ cameras.K @ flip, lens, turned)


def _where(condition: Tensor, chosen: Camera, other: Camera) -> Camera:
    """Cameras (B, V) by a condition (B, 1)."""

    def pick(first: Tensor, second: Tensor) -> Tensor:
        return torch.where(condition[(..., *[None] * (first.ndim - condition.ndim))], first, second)

    a, b = chosen.cam_from_world, other.cam_from_world
    return Camera(
        pick(chosen.K, other.K),
        Lens(chosen.lens.model, pick(chosen.lens.coefficients, other.lens.coefficients)),
        Rigid(pick(a.rotation, b.rotation), pick(a.translation, b.translation)),
    )


# --- Views ----------------------------------------------------------------------------------------


def drop_views(sample: Sample, lots: Lots, share: float, min_views: int = 2) -> Sample:
    """Let a share of the moments lose views, any number of them down to `min_views`."""
    present = sample.views.sum(-1)
    order = lots.moments(sample.views.shape[1]).to(sample.views.device)
    part, chance = lots.moments(2).to(order).unbind(-1)
    fewest = present.clamp_max(min_views)
    kept = fewest + (part * (present - fewest + 1)).floor()
    kept = torch.where(chance < share, kept, present)
    rank = torch.where(sample.views, order, 2.0).argsort(-1).argsort(-1)
    stays = sample.views & (rank < kept[..., None])
    return replace(
        sample,
        images=_where_seen(sample.images, stays),
        views=stays,
        visible=sample.visible & stays[..., None],
    )


def _where_seen(images: Tensor, views: Tensor) -> Tensor:
    return images * views[..., None, None, None]


def _as_pixels(images: Tensor) -> Tensor:
    return images.round().clamp_(0, 255).to(torch.uint8)
