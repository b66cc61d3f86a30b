"""A 3D network that learns to correct the joined heatmaps of one rig and one detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from triangulate.adaptation.learning import labels_and_weights, learn
from triangulate.adaptation.material import Material
from triangulate.adaptation.variation import chance, exchanged, some_views
from triangulate.config.adaptation import VolumeStudentConfig
from triangulate.config.models import HeatmapVolumeConfig, V2VConfig
from triangulate.geometry.camera import Camera
from triangulate.geometry.rigid import rotation_from_vector
from triangulate.geometry.tensors import TensorFields
from triangulate.losses import keypoint_l2, volumetric_ce
from triangulate.models.build import build_model
from triangulate.models.heatmap_volume import HeatmapVolume
from triangulate.models.volume_points import body_centre
from triangulate.poses import Poses3D
from triangulate.skeleton import Skeleton, joint_places

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


def train_volume(
    material: Material,
    labels: Poses3D,
    settings: VolumeStudentConfig,
    report: Callable[[int, int], None] | None = None,
) -> tuple[HeatmapVolume, list[float]]:
    """A `HeatmapVolume` that learned to give the labels, and the loss of every step."""
    torch.manual_seed(settings.seed)
    network = new_volume(settings, labels.skeleton)
    moments = moments_of(material, labels)
    flip = torch.from_numpy(labels.skeleton.flip_permutation())
    up = up_direction(labels.up_axis)

    def loss(index: Tensor, generator: torch.Generator) -> Tensor:
        batch = vary(moments[index], settings, flip, up, generator, network.centre_joints)
        return loss_of(network, batch, settings)

    return network, learn(network, loss, moments.weights, settings, report)


def new_volume(settings: VolumeStudentConfig, skeleton: Skeleton) -> HeatmapVolume:
    """A volume whose network adds nothing yet."""
    config = HeatmapVolumeConfig(
        joints=len(skeleton.joint_names),
        size=settings.size,
        side_m=settings.side_m,
        centre_joints=middle_joints(skeleton),
        v2v=V2VConfig(channels=settings.channels, front_kernel=3),
    )
    network = cast(HeatmapVolume, build_model(config))
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def moments_of(material: Material, labels: Poses3D) -> Moments:
    """The heatmaps of the material beside the labels of the same frames."""
    labels_world, weights = labels_and_weights(labels)
    return Moments(
        heatmaps=torch.from_numpy(material.heatmaps.mass),
        cameras=material.heatmaps.cameras(material.recording.rig.cameras),
        views=torch.from_numpy(material.heatmaps.views),
        labels_world=labels_world,
        weights=weights,
    )


def middle_joints(skeleton: Skeleton) -> list[int] | None:
    """The joints around which a cube holds a whole body: the hips; None where it has none."""
    places = joint_places(("left_hip", "right_hip", "mid_hip"), skeleton.joint_names)
    return places[places >= 0].tolist() or None


def up_direction(up_axis: str | None) -> Tensor:
    """The unit vector (3,) of an axis such as "z" or "-y"; where it is unknown, z."""
    axis = up_axis or "z"
    sign = -1.0 if axis.startswith("-") else 1.0
    return sign * torch.eye(3, dtype=torch.float64)["xyz".index(axis[-1])]


def loss_of(network: HeatmapVolume, batch: Varied, settings: VolumeStudentConfig) -> Tensor:
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
    settings: VolumeStudentConfig,
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
    swapped = chance(settings.swap_sides, (batch, num_views), generator)
    heatmaps = exchanged(moments.heatmaps.float(), swapped, flip, 2)
    heatmaps = _blurred(heatmaps, settings.blur_cells, generator)
    shift = settings.shift_cells * torch.randn(batch, num_views, 2, generator=generator)
    mirrored = chance(0.5 if settings.mirror else 0.0, (batch,), generator)
    heatmaps = exchanged(heatmaps, mirrored, flip, 2)
    labels = exchanged(moments.labels_world, mirrored, flip, 1)
    weights = exchanged(moments.weights, mirrored, flip, 1)
    offset = settings.centre_m * (2 * torch.rand(batch, 3, generator=generator) - 1)
    return Varied(
        replace(
            moments,
            heatmaps=heatmaps,
            cameras=moments.cameras.cropped(shift.double()),
            views=some_views(moments.views, generator),
            labels_world=labels,
            weights=weights,
        ),
        body_centre(labels, weights > 0, centre_joints)[0] + offset,
        _axes(mirrored, up, generator),
    )


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
