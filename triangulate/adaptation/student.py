"""A 3D network that learns to correct the joined heatmaps of one rig and one detector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from triangulate.config.adaptation import StudentConfig
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import rotation_from_vector
from triangulate.geometry.tensors import TensorFields
from triangulate.losses import keypoint_l2, volumetric_ce
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.volume_points import body_centre

_SIGMA_M = 0.02  # labels of this standard deviation count half
_WARMUP = 0.1
_BLUR_RADIUS = 4  # cells


@dataclass(frozen=True)
class Moments(TensorFields):
    """What the student sees, and what it should say.

    Attributes:
        heatmaps: (T, V, J, h, w) of mass one.
        cameras: (T, V) of the heatmaps.
        views: (T, V) where there are heatmaps.
        labels_world: (T, J, 3) metres; zero where the weight is.
        weights: (T, J) how much a label counts, in [0, 1].
    """

    heatmaps: Tensor
    cameras: Camera
    views: Tensor
    labels_world: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Varied:
    """A batch of moments as they are shown to the network.

    Attributes:
        moments: with the varied heatmaps, cameras, views and labels.
        centre_world: (B, 3) of the cubes.
        axes: (B, 3, 3) of the cubes, turned and some mirrored.
    """

    moments: Moments
    centre_world: Tensor
    axes: Tensor


def label_weights(covariance_m2: Tensor, known: Tensor) -> Tensor:
    """Sure labels count more: (*B, J, 3, 3), (*B, J) -> (*B, J)."""
    variance = torch.where(known, covariance_m2.diagonal(dim1=-2, dim2=-1).mean(-1), 0.0)
    return known * _SIGMA_M**2 / (variance + _SIGMA_M**2)


def learn(
    network: HeatmapVolume,
    moments: Moments,
    settings: StudentConfig,
    flip: Tensor,
    up: Tensor,
    report: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Train in place; returns the loss of every step.

    Args:
        network: with a network in it; changed in place.
        moments: at least one with a label.
        settings: how long, and how much moments are varied.
        flip: (J,) indices that swap left and right.
        up: (3,) unit vector.
        report: called after each step: done, all.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step / settings.steps)
    )
    network.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    useful = (moments.weights > 0).any(-1).nonzero()[:, 0]
    losses = []
    for step in range(settings.steps):
        lot = torch.randint(len(useful), (settings.batch_size,), generator=generator)
        batch = vary(moments[useful[lot]], settings, flip, up, generator, network.centre_joints)
        loss = loss_of(network, batch, settings)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if report:
            report(step + 1, settings.steps)
    network.eval()
    return losses


def _rate(share: float) -> float:
    """The learning rate over its highest: up in a tenth of the time, down along a cosine."""
    return min((share + 0.01) / _WARMUP, 0.5 * (1 + math.cos(math.pi * share)))


def loss_of(network: HeatmapVolume, batch: Varied, settings: StudentConfig) -> Tensor:
    """Centimetres from the labels, and how surprising they are to the volume."""
    moments = batch.moments
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.half_precision):
        found = network(
            moments.heatmaps,
            moments.cameras,
            moments.views,
            centre_world=batch.centre_world,
            rotation=batch.axes,
            keep_maps=True,
        )
    weights = moments.weights * found.valid
    away_cm = keypoint_l2(100 * found.points_world, 100 * moments.labels_world, weights)
    surprise = volumetric_ce(found.volume, found.grid_world, moments.labels_world, weights)
    return away_cm + settings.volume_loss * surprise


# --- Variation ------------------------------------------------------------------------------------


def vary(
    moments: Moments,
    settings: StudentConfig,
    flip: Tensor,
    up: Tensor,
    generator: torch.Generator,
    centre_joints: Sequence[int] | None = None,
) -> Varied:
    """Other views, cubes and detections of the same moments.

    Views are left out; cubes turned about the vertical, shifted and mirrored; maps blurred and
    moved; in some views left and right exchanged, as detectors do now and then.
    """
    batch, num_views = moments.views.shape

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) < share

    swapped = chance(settings.swap_sides, batch, num_views)
    heatmaps = _exchanged(moments.heatmaps.float(), swapped, flip, 2)
    heatmaps = _blurred(heatmaps, settings.blur_cells, generator)
    shift = settings.shift_cells * torch.randn(batch, num_views, 2, generator=generator)
    mirrored = chance(0.5 if settings.mirror else 0.0, batch)
    heatmaps = _exchanged(heatmaps, mirrored, flip, 2)
    labels = _exchanged(moments.labels_world, mirrored, flip, 1)
    weights = _exchanged(moments.weights, mirrored, flip, 1)
    offset = settings.centre_m * (2 * torch.rand(batch, 3, generator=generator) - 1)
    return Varied(
        replace(
            moments,
            heatmaps=heatmaps,
            cameras=moments.cameras.cropped(shift.double()),
            views=_some_views(moments.views, generator),
            labels_world=labels,
            weights=weights,
        ),
        body_centre(labels, weights > 0, centre_joints)[0] + offset,
        _axes(mirrored, up, generator),
    )


def _some_views(views: Tensor, generator: torch.Generator) -> Tensor:
    """Two or more of the views that are there, more often many than few; (B, V) -> (B, V)."""
    there = views.sum(1)
    share = torch.rand(len(views), generator=generator).square()
    wanted = there - (share * (there - 1)).long()
    lot = torch.rand(views.shape, generator=generator).masked_fill(~views, 2.0)
    rank = lot.argsort(1).argsort(1)
    return views & (rank < wanted[:, None])


def _exchanged(values: Tensor, swapped: Tensor, flip: Tensor, joint_axis: int) -> Tensor:
    """Left joints for right ones where `swapped`, which has the first axes of `values`."""
    mask = swapped.reshape(*swapped.shape, *[1] * (values.ndim - swapped.ndim))
    return torch.where(mask, values.index_select(joint_axis, flip), values)


def _blurred(heatmaps: Tensor, most_cells: float, generator: torch.Generator) -> Tensor:
    """Each view's maps with a Gaussian of its own, of up to `most_cells`."""
    if most_cells == 0:
        return heatmaps
    shape = heatmaps.shape
    sigma = most_cells * torch.rand(shape[0] * shape[1], generator=generator)
    cells = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1)
    kernel = torch.softmax(-0.5 * (cells / sigma.clamp_min(0.1)[:, None]).square(), dim=-1)
    maps = heatmaps.flatten(0, 1).transpose(0, 1)  # (J, B V, h, w)
    groups = len(sigma)
    down, across = kernel[:, None, :, None], kernel[:, None, None, :]
    maps = functional.conv2d(maps, down, padding=(_BLUR_RADIUS, 0), groups=groups)
    maps = functional.conv2d(maps, across, padding=(0, _BLUR_RADIUS), groups=groups)
    return maps.transpose(0, 1).reshape(shape)


def _axes(mirrored: Tensor, up: Tensor, generator: torch.Generator) -> Tensor:
    """Cubes turned about the vertical, and for some the first axis reversed; (B, 3, 3)."""
    angle = 2 * torch.pi * torch.rand(len(mirrored), generator=generator, dtype=torch.float64)
    turned = rotation_from_vector(angle[:, None] * up)
    sideways = torch.linalg.svd(up[None]).Vh[1]  # any direction across the vertical
    reflection = torch.eye(3, dtype=torch.float64) - 2 * torch.outer(sideways, sideways)
    return torch.where(mirrored[:, None, None], turned @ reflection, turned)
